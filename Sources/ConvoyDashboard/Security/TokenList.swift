/// The tokens that a dashboard accepts.
package struct TokenList: Sendable, Hashable {
    package let holders: [TokenHolder]

    init(_ holders: [TokenHolder]) {
        self.holders = holders
    }

    /// One token without a name, for everything.
    package init(_ token: AccessToken) {
        self.init([TokenHolder(name: nil, roles: Set(Role.allCases), token: token)])
    }

    /// Who holds a token; nil for a wrong one. Takes the same time for each wrong one.
    func holder(showing text: String) -> TokenHolder? {
        var found: TokenHolder?
        for holder in holders where holder.token.matches(text) { found = holder }
        return found
    }

    /// Who holds the token now: a file that was read again may have another name or role for it, or none any more.
    func holder(of token: AccessToken) -> TokenHolder? { holders.first { $0.token == token } }

    /// How many there are, and how they differ from those before: `3 tokens; 1 removed (its sessions have ended), 1 role changed`.
    func changes(from earlier: TokenList?) -> String {
        let before = Dictionary((earlier?.holders ?? []).map { ($0.token, $0) }) { first, _ in first }
        let now = Dictionary(holders.map { ($0.token, $0) }) { first, _ in first }
        let removed = before.keys.count { now[$0] == nil }
        let added = now.keys.count { before[$0] == nil }
        let kept = now.values.compactMap { holder in before[holder.token].map { (before: $0, now: holder) } }
        let newRoles = kept.count { $0.before.roles != $0.now.roles }
        let newNames = kept.count { $0.before.name != $0.now.name }
        var changes: [String] = []
        if added > 0 { changes.append("\(added) added") }
        if removed > 0 { changes.append("\(removed) removed (\(removed == 1 ? "its" : "their") sessions have ended)") }
        if newRoles > 0 { changes.append("\(newRoles) \(newRoles == 1 ? "role" : "roles") changed") }
        if newNames > 0 { changes.append("\(newNames) \(newNames == 1 ? "name" : "names") changed") }
        return "\(holders.count) \(holders.count == 1 ? "token" : "tokens"); "
            + (changes.isEmpty ? "nothing changed" : changes.joined(separator: ", "))
    }
}
