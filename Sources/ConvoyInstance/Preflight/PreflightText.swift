/// Words that several preflight findings share.
enum PreflightText {
    /// The first items, and how many more there are.
    static func list(_ items: some Collection<String>, limit: Int, separator: String = ", ") -> String {
        let shown = items.prefix(limit).joined(separator: separator)
        return items.count > limit ? "\(shown)\(separator)and \(items.count - limit) more" : shown
    }

    static func plural(_ noun: String, _ count: Int) -> String {
        guard count != 1 else { return noun }
        switch noun {
        case "index": return "indexes"
        case let noun where noun.hasSuffix("y"): return noun.dropLast() + "ies"
        default: return noun + "s"
        }
    }

    /// A name to give to what is in the way: as long as the server keeps names.
    static func oldName(_ name: String) -> String {
        var short = name
        while short.utf8.count > 55 { short.removeLast() }
        return short + "_old"
    }

    /// A name as an entry of a YAML list in brackets.
    static func yaml(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { (0x61...0x7A).contains($0 | 0x20) || $0 == UInt8(ascii: "_") }
        return isPlain ? name : "\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
