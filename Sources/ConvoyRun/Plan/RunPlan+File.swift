public import FoundationEssentials

/// The plan as a file, and as the journal's record of a run.
extension RunPlan {
    /// What every version of the format has.
    private struct Header: Decodable { var schema: String }

    /// Whether this is a plan in any version of the format, which a newer one may replace.
    package static func isOne(_ data: Data) -> Bool {
        (try? JSONDecoder().decode(Header.self, from: data))?.schema.hasPrefix("convoy.pinned-plan/") == true
    }

    /// Reads what ``data()`` wrote.
    ///
    /// - Throws: an ``InvalidPlan`` for anything else.
    public init(data: Data) throws(InvalidPlan) {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let header = try? decoder.decode(Header.self, from: data) else { throw InvalidPlan(message: "this is not a plan file") }
        guard header.schema == Self.currentSchema else {
            throw InvalidPlan(message: "the plan has the schema “\(header.schema)”, and this Convoy reads “\(Self.currentSchema)”")
        }
        do {
            self = try decoder.decode(Self.self, from: data)
        } catch {
            throw InvalidPlan(message: "the plan is damaged")
        }
        guard instances.allSatisfy({ !$0.name.isEmpty }) else { throw InvalidPlan(message: "the plan is damaged") }
    }

    /// Its JSON, with keys in order so that two plans can be compared as text.
    ///
    /// - Throws: the encoder's error.
    public func data() throws -> Data {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

/// A text that is not a plan.
public struct InvalidPlan: Error, Sendable, Hashable {
    /// The reason: one sentence without a full stop.
    public let message: String
}
