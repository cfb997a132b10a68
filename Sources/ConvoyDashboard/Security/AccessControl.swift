internal import FoundationEssentials
internal import Synchronization

/// Identifies the client of a request: the token, the sessions of browsers that have shown it, and how often an address may try.
final class AccessControl: Sendable {
    /// The client of a request.
    enum Reader: Sendable, Hashable {
        /// No token is required here: any client on this machine.
        case anybody
        /// A browser that has logged in.
        case session(SessionTable.Session)
        /// A program that sends the token with each request.
        case bearer
    }

    /// Why a request may not have what it asks for.
    enum Refusal: Error, Sendable, Hashable {
        case notLoggedIn
        case wrongToken
        case tooManyAttempts(wait: Duration)
    }

    private struct State: Sendable {
        var sessions = SessionTable()
        var attempts = AttemptLimit()
    }

    private let token: AccessToken?
    private let state = Mutex(State())

    /// - Parameter token: nil allows every client that can reach the server to read.
    init(_ token: AccessToken?) {
        self.token = token
    }

    var demandsToken: Bool { token != nil }

    /// - Parameters:
    ///   - cookie: the session's id.
    ///   - authorization: that header, for example `Bearer 0123…`.
    ///   - address: the other side's.
    func reader(cookie: String?, authorization: String?, from address: String, at now: Date) throws(Refusal) -> Reader {
        guard token != nil else { return .anybody }
        // Another scheme is for the proxy in front of us, whose password a browser sends with everything.
        if let words = authorization?.split(separator: " ", maxSplits: 1), words.first?.lowercased() == "bearer" {
            guard words.count == 2 else { throw .wrongToken }
            try check(String(words[1]), from: address, at: now)
            return .bearer
        }
        guard let cookie, let session = state.withLock({ $0.sessions.session(cookie, at: now) }) else { throw .notLoggedIn }
        return .session(session)
    }

    /// Opens a session for a browser that shows the token.
    func logIn(_ text: String, from address: String, at now: Date) throws(Refusal) -> SessionTable.Session {
        try check(text, from: address, at: now)
        return state.withLock { $0.sessions.open(at: now) }
    }

    func logOut(_ session: SessionTable.Session) {
        state.withLock { $0.sessions.close(session) }
    }

    private func check(_ text: String, from address: String, at now: Date) throws(Refusal) {
        // The right token counts whatever other clients do: behind a proxy all clients have one address, and an attacker could lock all of
        // them out.
        guard let token, !token.matches(text) else { return }
        let wait = state.withLock { state in
            let wait = state.attempts.wait(address, at: now)
            if wait == nil { state.attempts.fail(address, at: now) }
            return wait
        }
        if let wait { throw .tooManyAttempts(wait: wait) }
        throw .wrongToken
    }
}
