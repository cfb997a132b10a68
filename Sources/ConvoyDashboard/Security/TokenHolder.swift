/// Who has shown a token, and what that allows.
package struct TokenHolder: Sendable, Hashable {
    /// Nil for the one token that a dashboard without names has.
    package let name: String?
    package let roles: Set<Role>
    let token: AccessToken

    package init(name: String?, roles: Set<Role>, token: AccessToken) {
        self.name = name
        self.roles = roles
        self.token = token
    }

    func may(_ role: Role) -> Bool { role == .viewer || roles.contains(role) }

    /// `ann (operator, approver)`; nil without a name.
    var title: String? { name.map { "\($0) (\(roleNames))" } }

    /// In the order in which they are described.
    var roleNames: String { Role.allCases.filter(roles.contains).map(\.rawValue).joined(separator: ", ") }
}
