internal import Hummingbird
internal import NIOCore

extension Request {
    /// A form of ours is not larger.
    private static let mostBytesOfForm = 4096

    /// The fields of a form, by name; a field that is not UTF-8 is left out.
    ///
    /// - Throws: if the form is larger than one of ours, or does not arrive.
    func form() async throws -> [String: String] {
        let body = try await body.collect(upTo: Self.mostBytesOfForm)
        var fields: [String: String] = [:]
        for pair in String(buffer: body).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let texts = parts.map { String($0.map { $0 == "+" ? " " : $0 }).percentDecoded }
            if texts.count == 2, let name = texts[0], let value = texts[1] { fields[name] = value }
        }
        return fields
    }
}
