import ConvoyText

/// How much of a journal is kept: `journal_keep` of the fleet file, and `--keep` of `convoy runs prune`.
public enum JournalKeep: Sendable, Hashable, CustomStringConvertible {
    /// This many of the newest runs of each fleet.
    case runs(Int)
    /// The runs that ended less than this long ago.
    case age(Duration)

    /// The most runs that can be asked for.
    private static let limit = 1_000_000

    /// Reads a number of runs, for example `500`, or an age, for example `90d`; nil for anything else.
    public init?(text: String) {
        if let number = Int(text), text.utf8.allSatisfy({ (48...57).contains($0) }) {
            guard (1...Self.limit).contains(number) else { return nil }
            self = .runs(number)
        } else if let age = Duration(text: text), age > .zero {
            self = .age(age)
        } else {
            return nil
        }
    }

    /// What a text has to be, as a sentence's end.
    public static let expectation = "a number of runs from 1 to 1000000, or an age such as 90d"

    /// In words: `the newest 500 runs`, `runs of the last 90 d`.
    public var description: String {
        switch self {
        case .runs(let count): count == 1 ? "the newest run" : "the newest \(count) runs"
        case .age(let age): "runs of the last \(age.human)"
        }
    }
}
