import ConvoyText
internal import Crypto
internal import FoundationEssentials

/// The browsers that have logged in. A value: it knows neither clocks nor sockets.
struct SessionTable: Sendable {
    /// A browser that has shown the token.
    struct Session: Sendable, Hashable {
        /// What its cookie holds: 256 random bits.
        let id: String
        /// What its requests have to repeat in a header before anything is changed; a foreign page cannot know it.
        let csrfToken: String
        let expiresAt: Date
        /// The one that was shown; the session ends with it.
        let token: AccessToken
    }

    /// How long one lasts, used or not.
    static let lifetime = Duration.seconds(12 * 3600)
    /// The oldest of the token that has the most makes room for a new one: who logs in without end ends only its own.
    static let limit = 1000

    /// By the digest of the id: the time of a look-up reveals nothing about an id.
    private var sessions: [SHA256Digest: Session] = [:]

    /// How many there are, expired ones included.
    var count: Int { sessions.count }

    /// A new one, for a browser that has shown the token.
    mutating func open(for token: AccessToken, at now: Date) -> Session {
        sessions = sessions.filter { $0.value.expiresAt > now }
        if sessions.count >= Self.limit { makeRoom(for: token) }
        let session = Session(
            id: .random256Bits,
            csrfToken: .random256Bits,
            expiresAt: now.addingTimeInterval(TimeInterval(Self.lifetime.components.seconds)),
            token: token
        )
        sessions[Self.digest(session.id)] = session
        return session
    }

    private mutating func makeRoom(for token: AccessToken) {
        var counts = [token: 1]
        for session in sessions.values { counts[session.token, default: 0] += 1 }
        let most = counts.values.max() ?? 0
        let crowd = sessions.filter { counts[$0.value.token] == most }
        guard let oldest = crowd.min(by: { $0.value.expiresAt < $1.value.expiresAt }) else { return }
        sessions[oldest.key] = nil
    }

    /// The session with that id; nil if it does not exist, or if its time is over.
    func session(_ id: String, at now: Date) -> Session? {
        sessions[Self.digest(id)].flatMap { $0.expiresAt > now ? $0 : nil }
    }

    mutating func close(_ session: Session) {
        sessions[Self.digest(session.id)] = nil
    }

    private static func digest(_ id: String) -> SHA256Digest { SHA256.hash(data: Data(id.utf8)) }
}

extension String {
    /// In hexadecimal digits.
    static var random256Bits: String {
        (0..<4).map { _ in UInt64.random(in: .min ... .max).hexadecimal }.joined()
    }
}
