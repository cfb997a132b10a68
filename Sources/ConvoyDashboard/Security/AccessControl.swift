internal import FoundationEssentials
internal import Synchronization

/// Identifies the client of a request: the tokens, the sessions of browsers that have shown one, and how often an address may try.
final class AccessControl: Sendable {
    /// The client of a request.
    enum Reader: Sendable, Hashable {
        /// No token is required here: any client on this machine.
        case anybody
        /// A browser that has logged in.
        case session(SessionTable.Session, TokenHolder)
        /// A program that sends the token with each request.
        case bearer(TokenHolder)

        /// Nil where no token is required.
        var holder: TokenHolder? {
            switch self {
            case .anybody: nil
            case .session(_, let holder), .bearer(let holder): holder
            }
        }

        /// Whether the client may do what takes the role. Where no token is required, every client may; actions require one.
        func may(_ role: Role) -> Bool { holder?.may(role) ?? true }
    }

    /// Why a request may not have what it asks for.
    enum Refusal: Error, Sendable, Hashable {
        case notLoggedIn
        case wrongToken
        case tooManyAttempts(wait: Duration)
    }

    private struct State: Sendable {
        var tokens: TokenList?
        var sessions = SessionTable()
        var attempts = AttemptLimit()
    }

    let demandsToken: Bool
    private let state: Mutex<State>

    /// - Parameter tokens: nil allows every client that can reach the server to read.
    init(_ tokens: TokenList?) {
        demandsToken = tokens != nil
        state = Mutex(State(tokens: tokens))
    }

    /// Accepts these tokens from now on. Who has shown one that is not among them has to show another.
    ///
    /// - Returns: those that were accepted until now.
    @discardableResult
    func accept(_ tokens: TokenList) -> TokenList? {
        state.withLock { state in
            let earlier = state.tokens
            state.tokens = tokens
            return earlier
        }
    }

    /// - Parameters:
    ///   - cookie: the session's id.
    ///   - authorization: that header, for example `Bearer 0123…`.
    ///   - address: the other side's.
    func reader(cookie: String?, authorization: String?, from address: String, at now: Date) throws(Refusal) -> Reader {
        guard demandsToken else { return .anybody }
        // Another scheme is for the proxy in front of us, whose password a browser sends with everything.
        if let words = authorization?.split(separator: " ", maxSplits: 1), words.first?.lowercased() == "bearer" {
            guard words.count == 2 else { throw .wrongToken }
            return .bearer(try check(String(words[1]), from: address, at: now))
        }
        let reader: Reader? = state.withLock { state in
            guard let cookie, let session = state.sessions.session(cookie, at: now) else { return nil }
            guard let holder = state.tokens?.holder(of: session.token) else {
                state.sessions.close(session)
                return nil
            }
            return .session(session, holder)
        }
        guard let reader else { throw .notLoggedIn }
        return reader
    }

    /// Whether a client that was identified earlier still is: its token may have been removed meanwhile, or its session may be over.
    func isCurrent(_ reader: Reader, at now: Date) -> Bool {
        state.withLock { state in
            switch reader {
            case .anybody: true
            case .bearer(let holder): state.tokens?.holder(of: holder.token) != nil
            case .session(let session, let holder):
                state.sessions.session(session.id, at: now) != nil && state.tokens?.holder(of: holder.token) != nil
            }
        }
    }

    /// Opens a session for a browser that shows a token.
    func logIn(_ text: String, from address: String, at now: Date) throws(Refusal) -> SessionTable.Session {
        let holder = try check(text, from: address, at: now)
        return state.withLock { $0.sessions.open(for: holder.token, at: now) }
    }

    func logOut(_ session: SessionTable.Session) {
        state.withLock { $0.sessions.close(session) }
    }

    private func check(_ text: String, from address: String, at now: Date) throws(Refusal) -> TokenHolder {
        // A right token counts whatever other clients do: behind a proxy all clients have one address, and an attacker could lock all of
        // them out.
        if let holder = state.withLock(\.tokens)?.holder(showing: text) { return holder }
        let wait = state.withLock { state in
            let wait = state.attempts.wait(address, at: now)
            if wait == nil { state.attempts.fail(address, at: now) }
            return wait
        }
        if let wait { throw .tooManyAttempts(wait: wait) }
        throw .wrongToken
    }
}
