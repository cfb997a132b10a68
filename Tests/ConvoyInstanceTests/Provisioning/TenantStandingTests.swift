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
