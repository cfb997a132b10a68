internal import ConvoyText
internal import Glibc

/// The person who runs this process.
public enum Operator {
    /// The current user, as `user@host`; the journal keeps it with every run and request.
    public static var current: String {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let user = getpwuid(geteuid()).flatMap { $0.pointee.pw_name }.map { String(cString: $0) } ?? String(geteuid())
        return "\(user)@\(name)"
    }

    /// How much of a name the journal keeps, in characters.
    private static let longestName = 200

    /// The current user, or who has asked the program that started this process.
    ///
    /// - Parameter person: as that program has it; nil or empty for the current user.
    package static func current(onBehalfOf person: String?) -> String {
        guard let person, !person.isEmpty else { return current }
        return String(person.visible.prefix(longestName))
    }
}
