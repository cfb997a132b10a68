import ConvoyText

/// The file of a version in the folder `catalogue` of a migration set: what its migration changes in the catalogue.
///
///     # convoy catalogue 1: 12 facts, fingerprint 077b85bf8ec5f9f2a155a53b2c2da3c6
///     - column	public.cars.eid	integer
///     + column	public.cars.eid	bigint not null
///
/// The first line has the fingerprint of the whole catalogue at the version. The others are facts that go (`-`) and that come (`+`): kind, object,
/// text and, where there is one, the body, separated by tabs.
struct CatalogFile: Sendable, Hashable {
    var removed: [CatalogFact]
    var added: [CatalogFact]
    /// The lines on which they are, from 1; empty for a file that was not read.
    var lines: [Int] = []
    /// How many facts the version has, and their fingerprint.
    var count: Int
    var fingerprint: String

    /// What to do about a file that is not right.
    static let hint = "restore the file, or write all of them anew with `convoy catalogue`"
    private static let head = "# convoy catalogue 1: "

    /// What leads from one catalogue to the next.
    init(from earlier: Catalog?, to catalog: Catalog) {
        removed = earlier?.facts.subtracting(catalog.facts).sorted() ?? []
        added = catalog.facts.subtracting(earlier?.facts ?? []).sorted()
        (count, fingerprint) = (catalog.facts.count, catalog.fingerprint)
    }

    var text: String {
        var text = "\(Self.head)\(count) facts, fingerprint \(fingerprint)\n"
        for fact in removed { text += "- \(Self.line(fact))\n" }
        for fact in added { text += "+ \(Self.line(fact))\n" }
        return text
    }

    /// - Throws: the first line that is not of this form.
    init(parsing text: String, file: String) throws(Problem) {
        func problem(_ line: Int, _ message: String) -> Problem { Problem(file: file, line: line, message, hint: Self.hint) }
        let all = text.split(separator: "\n", omittingEmptySubsequences: false)
        let words = all[0].dropFirst(Self.head.count).split(separator: " ")
        guard all[0].hasPrefix(Self.head), words.count == 4, let count = Int(words[0]) else {
            throw problem(1, "this is not the first line of a catalogue")
        }
        (self.count, fingerprint) = (count, String(words[3]))
        (removed, added) = ([], [])
        for (index, line) in all.enumerated().dropFirst() where !(line.isEmpty && index == all.count - 1) {
            guard let fact = Self.fact(line.dropFirst(2)) else { throw problem(index + 1, "this is not a fact of a catalogue") }
            switch line.prefix(2) {
            // What goes is above what comes, so that the numbers of lines need only one list.
            case "- " where added.isEmpty: removed.append(fact)
            case "+ ": added.append(fact)
            default: throw problem(index + 1, "a line begins with “- ” or, behind those, with “+ ”")
            }
            lines.append(index + 1)
        }
    }

    /// Makes the catalogue of a version from that of the version before it.
    ///
    /// - Parameter hashes: the hashes of the facts, kept up to date.
    func apply(to facts: inout Set<CatalogFact>, _ hashes: inout [CatalogFact: String], file: String) throws(Problem) -> Catalog {
        func line(_ index: Int) -> Int? { index < lines.count ? lines[index] : nil }
        for (index, fact) in removed.enumerated() where facts.remove(fact) == nil {
            throw Problem(
                file: file,
                line: line(index),
                "the version before it does not have this line: this file or an earlier one was edited or is missing",
                hint: Self.hint
            )
        }
        for fact in removed { hashes[fact] = nil }
        for (index, fact) in added.enumerated() where !facts.insert(fact).inserted {
            throw Problem(file: file, line: line(removed.count + index), "the version before it has this line already", hint: Self.hint)
        }
        for fact in added { hashes[fact] = fact.hash }
        let catalog = Catalog(facts, hashes: Array(hashes.values))
        guard facts.count == count, catalog.fingerprint == fingerprint else {
            throw Problem(
                file: file,
                line: 1,
                "the facts do not give this fingerprint: this file or an earlier one was edited",
                hint: Self.hint
            )
        }
        return catalog
    }

    private static func line(_ fact: CatalogFact) -> String {
        let fields = [fact.kind.rawValue, fact.object, fact.text] + (fact.detail.isEmpty ? [] : [fact.detail])
        return fields.map(escaped).joined(separator: "\t")
    }

    private static func fact(_ line: Substring) -> CatalogFact? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(unescaped)
        guard fields.count == 3 || fields.count == 4, let kind = fields[0].flatMap(CatalogFact.Kind.init), let object = fields[1],
            let text = fields[2], let detail = fields.count == 4 ? fields[3] : ""
        else { return nil }
        return CatalogFact(kind, object, text, detail: detail)
    }

    private static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped.append(contentsOf: "\\\\".unicodeScalars)
            case "\n": escaped.append(contentsOf: "\\n".unicodeScalars)
            case "\r": escaped.append(contentsOf: "\\r".unicodeScalars)
            case "\t": escaped.append(contentsOf: "\\t".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    private static func unescaped(_ text: Substring) -> String? {
        var plain = String.UnicodeScalarView()
        var scalars = text.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar == "\\" else {
                plain.append(scalar)
                continue
            }
            switch scalars.next() {
            case "\\": plain.append("\\")
            case "n": plain.append("\n")
            case "r": plain.append("\r")
            case "t": plain.append("\t")
            default: return nil
            }
        }
        return String(plain)
    }
}
