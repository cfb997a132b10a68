import ConvoyText

/// The statements that make a tenant, from what is there already.
///
/// What belongs to the tenant is done as the tenant's role: a database's owner may set its own rights, and the administrator needs no more than to
/// become the role for a moment.
package struct TenantScript: Sendable {
    /// Statements that are committed together, or one that takes no transaction.
    package struct Step: Sendable, Hashable {
        package var statements: [String]
        package var isTransaction: Bool
        /// For messages: “creating the database”.
        var what: String

        /// As a person may read them.
        package var text: String {
            (isTransaction ? ["BEGIN"] + statements + ["COMMIT"] : statements).map { "\($0);\n" }.joined()
        }

        fileprivate static func together(_ what: String, _ statements: [String]) -> Step {
            Step(statements: statements, isTransaction: true, what: what)
        }
    }

    let tenant: Tenant
    let facts: TenantFacts

    package init(_ tenant: Tenant, _ facts: TenantFacts) {
        (self.tenant, self.facts) = (tenant, facts)
    }

    private var role: String { quotedIdentifier(tenant.role) }
    private var database: String { quotedIdentifier(tenant.database) }
    private var admin: String { quotedIdentifier(facts.admin) }
    private var isOneRole: Bool { facts.admin.isIdentical(to: tenant.role) }

    /// What comes before the migrations.
    ///
    /// - Parameter verifier: of the role's password, as a server keeps it; nil for a role without a password.
    package func opening(verifier: String?) -> [Step] {
        var steps: [Step] = []
        if tenant.hasOwnRole { steps += roleStep(verifier).map { [$0] } ?? [] }
        guard facts.database?.comment != tenant.begunMark || facts.database?.isUnfinished == true else { return steps }
        if facts.database == nil {
            let locale = tenant.locale.map { " LOCALE \(quotedLiteral($0))" } ?? ""
            steps.append(
                Step(
                    statements: [
                        "CREATE DATABASE \(database) OWNER \(role) TEMPLATE template0 ENCODING 'UTF8'\(locale) "
                            + "ALLOW_CONNECTIONS false CONNECTION LIMIT \(Tenant.unfinishedLimit)"
                    ],
                    isTransaction: false,
                    what: "creating the database"
                )
            )
        }
        // The database opens in the same moment in which others lose the right to connect and the comment says how far it is.
        var rights = ["REVOKE ALL ON DATABASE \(database) FROM PUBLIC"]
        // Without it, an administrator who may work in the database for its migrations could not enter it.
        if !facts.adminIsSuperuser, !isOneRole, tenant.adminEnters { rights.append("GRANT CONNECT ON DATABASE \(database) TO \(admin)") }
        steps.append(
            .together(
                "opening the database",
                ["SET LOCAL ROLE \(role)"] + rights + [
                    "COMMENT ON DATABASE \(database) IS \(quotedLiteral(tenant.begunMark))",
                    "ALTER DATABASE \(database) ALLOW_CONNECTIONS true CONNECTION LIMIT \(tenant.connectionLimit ?? -1)",
                ]
            )
        )
        return steps
    }

    /// What comes after them.
    package var closing: Step {
        var statements = ["SET LOCAL ROLE \(role)", "COMMENT ON DATABASE \(database) IS \(quotedLiteral(tenant.doneMark))"]
        if let withdrawal { statements += ["SET LOCAL ROLE NONE"] + withdrawal.statements }
        return .together("completing the database", statements)
    }

    /// Ends the memberships that the work needed: the administrator's own and, where a superuser completes it, those that earlier attempts left.
    ///
    /// It is done after a failure too. Nil if no membership is left.
    package var withdrawal: Step? {
        guard tenant.hasOwnRole else { return nil }
        var statements: [String] = []
        if facts.borrowsMembership, !isOneRole { statements.append("REVOKE \(role) FROM \(admin)") }
        if facts.adminIsSuperuser {
            for member in facts.role?.leftMembers ?? [] {
                let name = quotedIdentifier(member)
                statements.append("REVOKE \(role) FROM \(name)" + (facts.serverVersion >= 160_000 ? " GRANTED BY \(name)" : ""))
            }
        }
        return statements.isEmpty ? nil : .together("leaving the role", statements)
    }

    private func roleStep(_ verifier: String?) -> Step? {
        let password = verifier.map { " PASSWORD \(quotedLiteral($0))" } ?? ""
        let isNew = facts.role == nil
        var statements: [String] = []
        if isNew {
            statements = [
                "CREATE ROLE \(role) LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE\(password)",
                "COMMENT ON ROLE \(role) IS \(quotedLiteral(tenant.roleMark))",
            ]
        } else if verifier != nil {
            // The file of the password may have been lost with the process that made the role.
            statements = ["ALTER ROLE \(role)\(password)"]
        }
        if !facts.adminIsSuperuser, isNew || facts.role?.mayBecome == false {
            // Without the right to inherit, nothing else that the administrator does is done with the tenant's rights.
            statements.append("GRANT \(role) TO \(admin)" + (facts.serverVersion >= 160_000 ? " WITH SET TRUE, INHERIT FALSE" : ""))
        }
        return statements.isEmpty ? nil : .together(isNew ? "creating the role" : "setting the role's password", statements)
    }
}
