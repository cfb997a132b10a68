/// The leading number of a migration's file name, as it stands in the ledger: a `bigint` that is at least 1.
///
///     MigrationVersion(20190330150000) < MigrationVersion("20260808090000")!
///
/// Machine output writes it as a string, because JSON numbers lose digits in some readers.
public struct MigrationVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number, as the ledger stores it.
    public let value: Int64

    /// The version with this number, which is not checked.
    public init(_ value: Int64) {
        self.value = value
    }

    /// Reads decimal digits only; nil for anything else, for 0 and for what does not fit a `bigint`.
    public init?(_ text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int64(text), value > 0 else { return nil }
        self.value = value
    }

    /// Orders versions by their numbers.
    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }

    /// The number in decimal digits.
    public var description: String { String(value) }
}

extension MigrationVersion: Codable {
    /// Reads the number from a string; 0 and negative numbers are read too.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        // What ``encode(to:)`` writes comes back: a ledger that is not of TeslaMate may hold zero and less.
        guard let value = Int64(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "“\(text)” is not a migration version")
        }
        self.init(value)
    }

    /// Writes the number as a string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
