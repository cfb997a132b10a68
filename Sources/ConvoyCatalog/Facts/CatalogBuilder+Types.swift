import ConvoyPostgres

/// Types, functions and operators.
extension CatalogBuilder {
    mutating func readTypes() throws(PostgresError) {
        for row in rows["type"] {
            let (oid, relation, holder) = (try row.oid(0), try row.oid(6), try row.text(3))
            guard let schema = namespaces[try row.oid(1)], !isExtended(.type(oid), holder: holder) else { continue }
            // Each table has a type of its rows.
            guard relation == 0 || relations[relation]?.kind == "c" else { continue }
            types[oid] = "\(schema).\(try row.text(2))"
        }
    }

    mutating func addTypes() throws(PostgresError) {
        var labels: [UInt32: [(place: Double, text: String)]] = [:]
        for row in rows["label"] {
            guard let place = Double(try row.text(1)) else { throw row.unexpected }
            labels[try row.oid(0), default: []].append((place, try row.text(2)))
        }
        let ranges = try rows["range"].keyed()
        for row in rows["type"] {
            let oid = try row.oid(0)
            guard let name = types[oid] else { continue }
            let (address, holder) = (CatalogAddress.type(oid), try row.text(3))
            named[address] = Named(sort: "type", name: name)
            switch try row.text(5) {
            case "e":
                add(.enum, name, (labels[oid] ?? []).sorted { $0.place < $1.place }.map(\.text).joined(separator: ", "))
            case "d":
                var text = try row.text(8)
                if try row.flag(9) { text += " not null" }
                if let value = try row.optional(10) { text += " default \(value)" }
                add(.domain, name, text)
            case "c": add(.type, name, columns(try row.oid(6)).map { "(\($0))" } ?? "")
            case "r":
                needsMore = true
                add(.type, name, try ranges[oid]?.optional(1).map { "range of \($0)" } ?? "")
            case "p": add(.type, name, "shell")
            default: add(.type, name, "base type")
            }
            addOwner(holder, of: address)
            try addPrivileges(try row.optional(4), row, .ofType(owner: holder), holder: holder, of: address)
        }
    }

    mutating func addFunctions() throws(PostgresError) {
        let languages = try rows["language"].keyed()
        for row in rows["function"] {
            let (oid, holder) = (try row.oid(0), try row.text(3))
            let address = CatalogAddress.function(oid)
            guard let schema = namespaces[try row.oid(1)], !isExtended(address, holder: holder) else { continue }
            let name = "\(schema).\(try row.text(2))(\(try row.text(5)))"
            named[address] = Named(sort: "function", name: name)
            var text = "(\(try row.optional(14) ?? ""))"
            switch try row.text(6) {
            case "p": text += " procedure"
            case "a": text += " aggregate"
            case "w": text += " window"
            default: break
            }
            if let result = try row.optional(15) { text += " returns \(result)" }
            text += " language \(try languages[try row.oid(7)]?.text(1) ?? "")"
            text += " volatility \(try row.text(8)) parallel \(try row.text(9)) strict \(try row.flag(10))"
            if try row.flag(11) { text += " security definer" }
            if try row.flag(12) { text += " leakproof" }
            if let settings = try row.optional(13) { text += " config \(settings)" }
            let library = try row.optional(16).map { "\($0) " } ?? ""
            add(.function, name, text, detail: library + (try row.optional(17) ?? ""))
            addOwner(holder, of: address)
            try addPrivileges(try row.optional(4), row, .ofFunction(owner: holder), holder: holder, of: address)
        }
    }

    mutating func addOperators() throws(PostgresError) {
        for row in rows["operator"] {
            let (oid, schema, holder) = (try row.oid(0), try row.oid(1), try row.text(8))
            guard namespaces[schema] != nil, !isExtended(.operator(oid), holder: holder) else { continue }
            var text = "operator of \(try row.text(3))"
            if let commutator = try row.optional(4) { text += " commutator \(commutator)" }
            if let negator = try row.optional(5) { text += " negator \(negator)" }
            if try row.flag(6) { text += " merges" }
            if try row.flag(7) { text += " hashes" }
            add(.function, try row.text(2), text)
        }
    }
}
