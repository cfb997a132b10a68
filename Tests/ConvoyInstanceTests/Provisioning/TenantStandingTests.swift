import ConvoyMigrations
import ConvoyRun
import Testing

@testable import ConvoyInstance

/// What is ours of a role and a database, and what is not: facts in, verdict out.
struct TenantStandingTests {
    static let own = Tenant(name: "alice", fleet: "eu", database: "tm_alice", role: "tm_alice", hasOwnRole: true)
    static let shared = Tenant(name: "alice", fleet: "eu", database: "tm_alice", role: "teslamate", hasOwnRole: false)
    typealias Role = TenantFacts.Role
    typealias Database = TenantFacts.Database
    static let ours = Role(comment: own.roleMark)

    private func standing(of tenant: Tenant = own, _ role: Role?, _ database: Database?, superuser: Bool = true) -> TenantStanding {
        tenant.standing(TenantFacts(admin: "admin", role: role, database: database, adminIsSuperuser: superuser))
    }

    private func refusal(_ standing: TenantStanding) -> String? {
        if case .refused(let failure) = standing { failure.message } else { nil }
    }

    private func database(_ comment: String? = nil, owner: String = "tm_alice") -> Database { Database(owner: owner, comment: comment) }

    private var closed: Database {
        Database(owner: "tm_alice", acceptsConnections: false, connectionLimit: Tenant.unfinishedLimit)
    }

    @Test func eachPointAtWhichAProcessMayHaveEnded() {
        #expect(standing(nil, nil) == .absent)
        #expect(standing(Self.ours, nil) == .begun)
        #expect(standing(Self.ours, closed) == .begun)
        #expect(standing(Self.ours, database(Self.own.begunMark)) == .begun)
        #expect(standing(Self.ours, database(Self.own.doneMark)) == .complete)
    }

    @Test func aRoleThatOwnsEveryDatabase() {
        let role = Role(powers: ["CREATEDB"], memberships: 2, otherDatabases: 40, comment: "ours since 2019")
        func database(_ comment: String?) -> Database { Database(owner: "teslamate", comment: comment) }
        #expect(standing(of: Self.shared, role, nil) == .absent)
        #expect(standing(of: Self.shared, role, database(Self.shared.begunMark)) == .begun)
        #expect(standing(of: Self.shared, role, database(Self.shared.doneMark)) == .complete)
        #expect(refusal(standing(of: Self.shared, role, database(nil)))?.contains("`convoy provision` did not make it") == true)
        #expect(refusal(standing(of: Self.shared, nil, nil)) == "role “teslamate”, which is to own the database, does not exist")
        // Who is no superuser has to be able to become the role.
        #expect(
            refusal(standing(of: Self.shared, role, nil, superuser: false))
                == "the admin role “admin” may not create databases for role “teslamate”"
        )
        #expect(standing(of: Self.shared, Role(mayBecome: true), nil, superuser: false) == .absent)
    }

    @Test(arguments: [
        (Role(comment: nil), "was not made by `convoy provision` for this instance"),
        (Role(comment: "convoy: role of instance alice of fleet us"), "was not made by"),
        (Role(comment: "convoy: role of instance bob of fleet eu"), "was not made by"),
        (Role(powers: ["SUPERUSER", "CREATEDB"], comment: own.roleMark), "has SUPERUSER"),
        (Role(powers: ["BYPASSRLS"], comment: own.roleMark), "has BYPASSRLS"),
        (Role(memberships: 1, comment: own.roleMark), "is a member of 1 other role"),
        (Role(otherDatabases: 2, comment: own.roleMark), "owns 2 other databases"),
        (Role(mayLogIn: false, comment: own.roleMark), "may not log in"),
    ])
    func aRoleThatIsNotOursIsLeftAlone(_ role: Role, _ reason: String) {
        for database in [nil, closed, database(Self.own.begunMark), database(Self.own.doneMark)] {
            #expect(refusal(standing(role, database))?.contains(reason) == true)
        }
    }

    /// A comment does not take a superuser's rights away.
    @Test(arguments: [
        (Role(comment: nil), "if the role is meant, and nothing else uses it: COMMENT ON ROLE \"tm_alice\" IS '\(own.roleMark)'"),
        (Role(powers: ["SUPERUSER", "CREATEDB"]), "take that from it: ALTER ROLE \"tm_alice\" NOSUPERUSER NOCREATEDB"),
        (Role(memberships: 1), "remove it from the other roles with REVOKE"), (Role(otherDatabases: 2), "choose another name"),
    ])
    func theHintIsThatOfTheReason(_ role: Role, _ advice: String) {
        guard case .refused(let failure) = standing(role, nil) else {
            Issue.record("not refused")
            return
        }
        let hint = failure.hint ?? ""
        #expect(hint.hasPrefix("choose another name") && hint.hasSuffix(advice))
        #expect(hint.contains("COMMENT") == advice.contains("COMMENT"))
    }

    /// What the administrator lacks is said before anything is made; what was begun is not refused, but has failed.
    @Test func anAdministratorWhoMayNot() {
        func failure(_ role: Role?, _ database: Database? = nil, _ change: (inout TenantFacts) -> Void) -> Failure? {
            var facts = TenantFacts(admin: "adm", role: role, database: database)
            change(&facts)
            guard case .refused(let failure) = Self.own.standing(facts) else { return nil }
            return failure
        }
        let administered = Role(comment: Self.own.roleMark, isAdministered: true)
        let roles = failure(nil) { $0.adminMayCreateRoles = false }
        #expect(roles?.kind == .blocked && roles?.hint?.hasSuffix("ALTER ROLE \"adm\" CREATEROLE") == true)
        let databases = failure(nil) { $0.adminMayCreateDatabases = false }
        #expect(databases?.kind == .blocked && databases?.hint?.hasSuffix("ALTER ROLE \"adm\" CREATEDB") == true)
        let begun = failure(administered) { $0.adminMayCreateDatabases = false }
        #expect(begun?.kind == .failed && begun?.message == databases?.message)
        let foreign = failure(Self.ours) { _ in }
        #expect(foreign?.kind == .failed && foreign?.message == "role “tm_alice” exists, and the admin role “adm” may not act as it")
        let extensions = failure(nil) { $0.beyondOwner = MigrationVersion(7) }
        #expect(extensions?.kind == .blocked && extensions?.message.hasPrefix("migration 7 needs more rights than “tm_alice”") == true)
        // Enough rights, or nothing left for which they are needed.
        #expect(failure(administered) { _ in } == nil)
        #expect(failure(nil) { ($0.adminIsSuperuser, $0.adminMayCreateRoles, $0.beyondOwner) = (true, false, MigrationVersion(7)) } == nil)
        #expect(failure(Self.ours, database(Self.own.doneMark)) { $0.adminMayCreateDatabases = false } == nil)
        var trusted = Self.own
        trusted.adminEnters = true
        var facts = TenantFacts(admin: "adm")
        facts.beyondOwner = MigrationVersion(7)
        #expect(trusted.standing(facts) == .absent)
    }

    @Test func aDatabaseThatIsNotOursIsLeftAlone() {
        #expect(refusal(standing(nil, database())) == "database “tm_alice” exists and belongs to role “tm_alice”")
        #expect(refusal(standing(Self.ours, database(owner: "postgres"))) == "database “tm_alice” exists and belongs to role “postgres”")
        for comment in [nil, "TeslaMate of Alice", Self.shared.doneMark + " ", "convoy: database of instance bob of fleet eu"] {
            #expect(refusal(standing(Self.ours, database(comment)))?.contains("did not make it for this instance") == true)
        }
        // Closed, and not by us.
        let others = [
            Database(owner: "tm_alice", acceptsConnections: false), Database(owner: "tm_alice", connectionLimit: -2),
            Database(owner: "tm_alice", isTemplate: true, comment: Self.own.begunMark),
            Database(owner: "tm_alice", acceptsConnections: false, connectionLimit: 0, comment: Self.own.begunMark),
        ]
        for other in others { #expect(refusal(standing(Self.ours, other))?.contains("accepts no connections") == true) }
        // The limit alone is a person's.
        let limited = Database(owner: "tm_alice", connectionLimit: Tenant.unfinishedLimit)
        #expect(refusal(standing(Self.ours, limited)) != nil)
    }

    /// An instance that was listed by hand is never migrated from here.
    @Test func anInstanceOfTheFleetIsComplete() {
        var listed = Self.own
        listed.isListed = true
        #expect(standing(of: listed, Role(), database()) == .complete)
        #expect(standing(of: listed, Role(powers: ["SUPERUSER"]), database("TeslaMate of Alice")) == .complete)
        #expect(standing(of: listed, Self.ours, database(listed.begunMark)) == .begun)
        #expect(refusal(standing(of: listed, Role(), database(listed.begunMark)))?.contains("was not made by") == true)
        #expect(refusal(standing(of: listed, Role(), nil))?.contains("was not made by") == true)
        #expect(standing(of: listed, nil, nil) == .absent)
        #expect(refusal(standing(of: listed, Role(), database(owner: "bob"))) != nil)
    }

    @Test func marksNameTheInstanceAndTheFleet() {
        let other = Tenant(name: "alice", fleet: "us", database: "tm_alice", role: "tm_alice", hasOwnRole: true)
        #expect(Set([Self.own, other].flatMap { [$0.roleMark, $0.begunMark, $0.doneMark] }).count == 6)
        #expect(Self.own.lockNumber == other.lockNumber)
    }
}
