/// A command line that a person can paste into a shell.
struct ShellCommand: CustomStringConvertible, Hashable {
    var words: [String]

    init(_ words: [String]) {
        self.words = words
    }

    var description: String { words.map(Self.quoted).joined(separator: " ") }

    /// A word quoted for a POSIX shell.
    private static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "_", ".", "/", ":", "=", ",", "@", "%", "+", "-": true
                default: false
                }
            }
        return isPlain ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
