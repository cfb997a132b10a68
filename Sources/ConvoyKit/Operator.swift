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

    /// The current user, and for whom: `user@host for NAME`. Who starts a process can claim any name, so the user always stands there first.
    ///
    /// - Parameter person: who has asked the program that started this process, as that program says; nil or empty if it says nothing.
    package static func current(onBehalfOf person: String?) -> String {
        guard let person, !person.isEmpty else { return current }
        return "\(current) for \(person.visible.prefix(longestName))"
    }
}
