import Testing

@testable import ConvoyInstance

/// The statements for each state that an earlier process may have left.
struct TenantScriptTests {
    private let tenant = Tenant(name: "alice", fleet: "eu", database: "tm \"a\"", role: "r\"a'", hasOwnRole: true)

    private func opening(_ facts: TenantFacts, _ tenant: Tenant? = nil) -> [[String]] {
        TenantScript(tenant ?? self.tenant, facts).opening(verifier: "SCRAM-SHA-256$x'").map(\.statements)
    }

    @Test func fromNothingAsASuperuser() {
        let facts = TenantFacts(admin: "postgres", adminIsSuperuser: true)
        #expect(
            opening(facts) == [
                [
                    #"CREATE ROLE "r""a'" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD 'SCRAM-SHA-256$x'''"#,
                    #"COMMENT ON ROLE "r""a'" IS 'convoy: role of instance alice of fleet eu'"#,
                ],
                [
                    #"CREATE DATABASE "tm ""a""" OWNER "r""a'" TEMPLATE template0 ENCODING 'UTF8' ALLOW_CONNECTIONS false CONNECTION LIMIT 1668247158"#
                ],
                [
                    #"SET LOCAL ROLE "r""a'""#, #"REVOKE ALL ON DATABASE "tm ""a""" FROM PUBLIC"#,
                    #"COMMENT ON DATABASE "tm ""a""" IS 'convoy: provisioning instance alice of fleet eu'"#,
                    #"ALTER DATABASE "tm ""a""" ALLOW_CONNECTIONS true CONNECTION LIMIT -1"#,
                ],
            ]
        )
        let script = TenantScript(tenant, facts)
        #expect(script.opening(verifier: nil).map(\.isTransaction) == [true, false, true])
        #expect(
            script.closing.text
                == #"""
                BEGIN;
                SET LOCAL ROLE "r""a'";
                COMMENT ON DATABASE "tm ""a""" IS 'convoy: database of instance alice of fleet eu';
                COMMIT;

                """#
        )
    }

    /// The administrator becomes the role for a moment, without inheriting from it, and leaves it again.
    @Test(arguments: [(150_004, #"GRANT "r""a'" TO "ad min""#), (160_000, #"GRANT "r""a'" TO "ad min" WITH SET TRUE, INHERIT FALSE"#)])
    func asAnOrdinaryAdministrator(_ version: Int, _ grant: String) {
        var facts = TenantFacts(admin: "ad min", serverVersion: version)
        #expect(opening(facts).first?.last == grant)
        // It has nothing to do in the database, unless the fleet file trusts the owner.
        #expect(opening(facts).last?.contains { $0.hasPrefix("GRANT CONNECT") } == false)
        var trusted = tenant
        trusted.adminEnters = true
        #expect(opening(facts, trusted).last?.contains(#"GRANT CONNECT ON DATABASE "tm ""a""" TO "ad min""#) == true)
        #expect(TenantScript(tenant, facts).withdrawal?.statements == [#"REVOKE "r""a'" FROM "ad min""#])
        #expect(TenantScript(tenant, facts).closing.statements.suffix(2) == ["SET LOCAL ROLE NONE", #"REVOKE "r""a'" FROM "ad min""#])
        // The server makes it a member of every role that it creates: that is the operator's wish.
        facts.keepsMembership = true
        #expect(TenantScript(tenant, facts).closing.statements.count == 2)
        #expect(TenantScript(tenant, facts).withdrawal == nil)
    }

    /// A superuser who completes it ends the membership that an administrator of an earlier attempt has left.
    @Test(arguments: [(150_004, ""), (160_000, #" GRANTED BY "ad min""#)])
    func whatAnEarlierAttemptLeft(_ version: Int, _ grantor: String) {
        let role = TenantFacts.Role(comment: tenant.roleMark, leftMembers: ["ad min"])
        var facts = TenantFacts(admin: "postgres", role: role, adminIsSuperuser: true, serverVersion: version)
        #expect(TenantScript(tenant, facts).closing.statements.last == #"REVOKE "r""a'" FROM "ad min""# + grantor)
        facts.role?.leftMembers = []
        #expect(TenantScript(tenant, facts).closing.statements.count == 2 && TenantScript(tenant, facts).withdrawal == nil)
        facts.role?.leftMembers = ["ad min"]
        facts.adminIsSuperuser = false
        facts.admin = "other"
        #expect(TenantScript(tenant, facts).closing.statements.last == #"REVOKE "r""a'" FROM "other""#)
    }

    @Test func whatIsThereIsNotMadeAgain() {
        var facts = TenantFacts(admin: "adm", role: TenantFacts.Role(mayBecome: true))
        #expect(
            opening(facts).map(\.first) == [
                #"ALTER ROLE "r""a'" PASSWORD 'SCRAM-SHA-256$x'''"#, opening(TenantFacts(admin: "adm"))[1][0], #"SET LOCAL ROLE "r""a'""#,
            ]
        )
        facts.role?.mayBecome = false
        #expect(opening(facts)[0].last == #"GRANT "r""a'" TO "adm" WITH SET TRUE, INHERIT FALSE"#)
        facts.database = TenantFacts.Database(
            owner: tenant.role,
            acceptsConnections: false,
            connectionLimit: Tenant.unfinishedLimit
        )
        #expect(opening(facts).map(\.first) == [#"ALTER ROLE "r""a'" PASSWORD 'SCRAM-SHA-256$x'''"#, #"SET LOCAL ROLE "r""a'""#])
        facts.database = TenantFacts.Database(owner: tenant.role, comment: tenant.begunMark)
        #expect(opening(facts).count == 1)
    }

    @Test func aSharedRoleIsNeverTouched() {
        let shared = Tenant(
            name: "alice",
            fleet: "eu",
            database: "d",
            role: "teslamate",
            hasOwnRole: false,
            locale: "C.UTF-8",
            connectionLimit: 30
        )
        for admin in ["adm", "teslamate"] {
            let facts = TenantFacts(admin: admin, role: TenantFacts.Role(mayBecome: true))
            let statements = (TenantScript(shared, facts).opening(verifier: nil) + [TenantScript(shared, facts).closing]).flatMap(
                \.statements
            )
            #expect(!statements.contains { $0.contains("ALTER ROLE") || $0.contains("CREATE ROLE") || $0.contains("GRANT \"teslamate\"") })
            #expect(!statements.contains { $0.contains("COMMENT ON ROLE") || $0.contains("REVOKE \"teslamate\"") })
            #expect(!statements.contains { $0.contains("GRANT CONNECT") })
            #expect(statements[0].contains(" ENCODING 'UTF8' LOCALE 'C.UTF-8' ALLOW_CONNECTIONS false"))
            #expect(statements.contains("ALTER DATABASE \"d\" ALLOW_CONNECTIONS true CONNECTION LIMIT 30"))
        }
    }
}
