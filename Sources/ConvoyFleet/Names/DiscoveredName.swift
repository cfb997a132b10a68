import ConvoyText

/// Whether a discovered database can be an instance under a name.
///
/// Names of listed instances are words of the operator's. Those of databases are whatever a tenant chose, and become arguments of hooks and
/// parts of file names: what a program could take for an option, a file or nothing at all is refused, and the operator gives it a name.
enum DiscoveredName {
    /// Why a text cannot stand for an instance, in words that follow “its name”; nil if it can.
    static func complaint(_ text: String) -> String? {
        let scalars = text.unicodeScalars
        guard let first = scalars.first, let last = scalars.last else { return "is empty" }
        // By scalars: with a combining mark after it, a hyphen is another character to Swift and the same byte to a program.
        switch first {
        case "-": return "begins with “-”, as an option does"
        case "@": return "begins with “@”, which programs take for a file to read"
        case ".": return "begins with “.”, as a hidden file or a folder does"
        case " ": return "begins with a space"
        default: break
        }
        if last == " " { return "ends with a space" }
        if scalars.contains("/") { return "contains “/”, as a path does" }
        for (index, scalar) in scalars.enumerated() where scalar != " " {
            let properties = scalar.properties
            guard properties.isWhitespace || properties.isDefaultIgnorableCodePoint || isUnseen(properties.generalCategory) else {
                continue
            }
            return "has the invisible character \(scalar.codePoint) at position \(index + 1)"
        }
        return nil
    }

    private static func isUnseen(_ category: Unicode.GeneralCategory) -> Bool {
        switch category {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: false
        }
    }
}
