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
}
