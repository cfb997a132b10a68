import ConvoyInstance
import ConvoyPostgres

/// Views, rules, triggers and policies.
extension CatalogBuilder {
    /// A view is a rule too.
    mutating func addRules() throws(PostgresError) {
        let options = try rows["relation"].keyed()
        for row in rows["rule"] {
            let (oid, table) = (try row.oid(0), try row.oid(1))
            guard let relation = relations[table] else { continue }
            let definition = try row.optional(5) ?? ""
            guard try row.flag(3) else {
                let name = "\(relation.name).\(try row.text(2))"
                named[.rule(oid)] = Named(sort: "rule", name: name)
                add(.rule, name, definition + (Self.state(try row.text(4)).map { " \($0)" } ?? ""))
                continue
            }
            var text = columns(table).map { "(\($0))" } ?? "()"
            if let options = try options[table]?.optional(12) { text += " with \(options)" }
            text += " as \(definition)"
            if let reads = try row.optional(6) {
                guard let names = ServerArray.elements(reads) else { throw row.unexpected }
                text += " reads \(names.compactMap(\.self).sortedByBytes().joined(separator: ", "))"
            }
            add(relation.kind == "m" ? .materializedView : .view, relation.name, text)
        }
    }

    mutating func addTriggers() throws(PostgresError) {
        for row in rows["trigger"] {
            guard let relation = relations[try row.oid(1)], try !row.flag(4) else { continue }
            let name = "\(relation.name).\(try row.text(2))"
            named[.trigger(try row.oid(0))] = Named(sort: "trigger", name: name)
            add(.trigger, name, try row.text(6) + (Self.state(try row.text(3)).map { " \($0)" } ?? ""))
        }
    }

    mutating func addPolicies() throws(PostgresError) {
        for row in rows["policy"] {
            guard let relation = relations[try row.oid(1)] else { continue }
            let name = "\(relation.name).\(try row.text(2))"
            named[.policy(try row.oid(0))] = Named(sort: "policy", name: name)
            let command =
                switch try row.text(4) {
                case "r": "select"
                case "a": "insert"
                case "w": "update"
                case "d": "delete"
                default: "all"
                }
            let sort = try row.flag(3) ? "permissive" : "restrictive"
            let (roles, conditions) = (try row.optional(5) ?? "", try row.optional(6) ?? "")
            add(.policy, name, "\(sort) for \(command) to \(roles)\(conditions)")
        }
    }

    mutating func addEventTriggers() throws(PostgresError) {
        for row in rows["event trigger"] {
            // Only a superuser can make one.
            let oid = try row.oid(0)
            if isExtended(.eventTrigger(oid), holder: "") { continue }
            var text = "on \(try row.text(2))"
            if let tags = try row.optional(3) { text += " when \(tags)" }
            text += " execute \(try row.text(4))" + (Self.state(try row.text(5)).map { " \($0)" } ?? "")
            add(.eventTrigger, try row.text(1), text)
        }
    }
}
