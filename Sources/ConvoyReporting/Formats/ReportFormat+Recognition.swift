extension ReportFormat {
    /// The titles of Convoy's tables; a table of groups by a label also has `LABEL.KEY`.
    private static let tableTitles: Set<String> = [
        "INSTANCE", "WAVE", "OUTCOME", "OUTCOMES", "VERSION", "FROM", "TO", "MIGRATIONS", "MIGRATION", "TIME", "PENDING", "APPLIED",
        "MIGRATED",
        "SERVER", "DATABASE", "POSTGRESQL", "COHORT", "INSTANCES", "OLDEST", "NEWEST", "NAME", "AGE", "SHARE",
    ]

    /// Whether a file that begins so is a document of this format that Convoy wrote, so that a newer one may take its place.
    ///
    /// What is not recognised may be anything: a fleet file, a key, a page that a person wrote.
    ///
    /// - Parameter head: the first few thousand characters of the file.
    package func recognizes(_ head: String) -> Bool {
        let lines = head.prefix(20_000).split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first else { return false }
        switch self {
        case .json:
            return first == "{" && lines.count > 1 && lines[1].hasPrefix("  \"schema\": \"convoy.")
        case .ndjson: return first.hasPrefix("{\"schema\":\"convoy.ndjson/")
        case .csv:
            let columns = first.filter { $0 != "\r" }.split(separator: ",")
            return columns.prefix(4).map(String.init) == ["name", "server", "database", "wave"]
                || columns.dropFirst().prefix(3).map(String.init) == ["instances", "oldest_version", "newest_version"]
        case .markdown:
            if first.hasPrefix("| "), first.hasSuffix(" | Instances | Outcomes | Oldest | Newest |") { return true }
            return first.hasPrefix("# ") && lines.count > 2 && lines[1].isEmpty && Self.countsInstances(lines[2], after: "- ")
        case .html: return lines.prefix(20).contains("<meta name=\"generator\" content=\"Convoy\">")
        case .junit: return first.hasPrefix("<?xml ") && lines.count > 1 && lines[1].hasPrefix("<testsuites name=")
        case .prometheus: return first.hasPrefix("# TYPE convoy_")
        case .table: return Self.isTable(lines.first { !$0.isEmpty && !$0.hasPrefix("looked at ") } ?? first)
        }
    }

    /// A row of titles, or a line such as `teslamate-eu: 12 instances, …`.
    private static func isTable(_ line: Substring) -> Bool {
        let titles = line.split(separator: " ")
        if titles.count > 1, titles.allSatisfy({ tableTitles.contains(String($0)) || $0.hasPrefix("LABEL.") }) { return true }
        guard let colon = line.lastRange(of: ": ", before: " instance") else { return false }
        return countsInstances(line[colon...], after: ": ")
    }

    /// `12 instances` or `1 instance`, perhaps `3 of 12 instances`, after what leads to it.
    private static func countsInstances(_ line: Substring, after lead: String) -> Bool {
        guard line.hasPrefix(lead) else { return false }
        let words = line.dropFirst(lead.count).split(separator: " ").map { $0.filter { $0 != ":" && $0 != "," } }
        guard let noun = words.firstIndex(where: { $0.hasPrefix("instance") }), noun > 0 else { return false }
        return words[..<noun].allSatisfy { $0 == "of" || Int($0) != nil }
    }
}

extension Substring {
    /// Where a text last begins that stands before another one.
    fileprivate func lastRange(of text: String, before end: String) -> Index? {
        var found: Index?
        var rest = self
        while !rest.isEmpty, !rest.hasPrefix(end) {
            if rest.hasPrefix(text) { found = rest.startIndex }
            rest = rest.dropFirst()
        }
        return rest.isEmpty ? nil : found
    }
}
