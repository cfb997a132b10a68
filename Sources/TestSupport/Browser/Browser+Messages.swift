internal import Foundation

extension Browser {
    /// What scripts, the page and the browser complained about or wrote to the console since the last call.
    public func consoleMessages() async throws -> [String] {
        try await takeEvents(["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"]).map { event in
            let message = try JSONDecoder().decode(Message.self, from: event).params
            if let entry = message.entry { return "\(entry.level): \(entry.text) \(entry.url ?? "")" }
            if let thrown = message.exceptionDetails { return "thrown: \(thrown.exception?.description ?? thrown.text)" }
            let words = (message.args ?? []).map { $0.description ?? $0.value?.description ?? "" }
            return "console.\(message.type?.description ?? "log"): \(words.joined(separator: " "))"
        }
    }

    /// The URLs that were asked for since the last call, the page's own among them.
    public func requests() async throws -> [String] {
        try await takeEvents(["Network.requestWillBeSent"]).map { event in
            try JSONDecoder().decode(Message.self, from: event).params.request?.url ?? ""
        }
    }

    private struct Message: Decodable {
        var params: Parameters
    }

    private struct Parameters: Decodable {
        var type: Lenient?
        var args: [Argument]?
        var exceptionDetails: Exception?
        var entry: Entry?
        var request: Request?
    }

    private struct Argument: Decodable {
        var value: Lenient?
        var description: String?
    }

    private struct Exception: Decodable {
        var text: String
        var exception: Argument?
    }

    private struct Entry: Decodable {
        var level: String
        var text: String
        var url: String?
    }

    private struct Request: Decodable {
        var url: String
    }

    /// A text, or anything else that is of no interest.
    private struct Lenient: Decodable, CustomStringConvertible {
        var description: String

        init(from decoder: any Decoder) throws {
            description = (try? decoder.singleValueContainer().decode(String.self)) ?? ""
        }
    }
}
