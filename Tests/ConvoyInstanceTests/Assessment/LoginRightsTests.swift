import ConvoyFleet
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// The rule on who may touch an instance, by roles that it may meet.
@Suite struct LoginRightsTests {
    private typealias Verdict = LoginRights.Verdict

    private static func role(
        _ name: String,
        _ attributes: Set<RoleFacts.Attribute> = [],
        holds: Bool = true,
        elsewhere: Bool = false,
        isPredefined: Bool = false
    ) -> RoleFacts {
        RoleFacts(name: name, attributes: attributes, isPredefined: isPredefined, holdsAnything: holds, holdsElsewhere: elsewhere)
    }

    private static let owner = RoleReach(role: role("alice"))
    private static let postgres = RoleReach(role: role("postgres", [.superuser]))
    private static let bob = role("bob")

    private struct Case: Sendable {
        var name: String
        var login: RoleReach
        var owner = LoginRightsTests.owner
        var databaseOwner: RoleReach?
        var mayAct = true
        var verdict: Verdict
    }

    private static let cases: [Case] = [
        Case(name: "the owner", login: owner, verdict: .works),
        Case(name: "the owner, in a superuser's database", login: owner, databaseOwner: postgres, verdict: .works),
        Case(name: "a superuser that owns both", login: postgres, owner: postgres, verdict: .works),
        Case(name: "a superuser", login: postgres, verdict: .refused(over: "alice", [.superuser("postgres")])),
        Case(
            name: "a superuser is no mere reader",
            login: postgres,
            mayAct: false,
            verdict: .refused(over: "alice", [.superuser("postgres")])
        ),
        Case(
            name: "a superuser's ledger in a tenant's database",
            login: postgres,
            owner: postgres,
            databaseOwner: owner,
            verdict: .refused(over: "alice", [.superuser("postgres")])
        ),
        Case(name: "a member of the owner alone", login: RoleReach(role: role("v-1", holds: false), others: [owner.role]), verdict: .works),
        Case(
            name: "a member with grants in this database",
            login: RoleReach(role: role("v-1"), others: [owner.role]),
            verdict: .works
        ),
        Case(
            name: "a member in a group that gives nothing",
            login: RoleReach(role: role("v-1"), others: [owner.role, role("logins", holds: false)]),
            verdict: .works
        ),
        Case(
            name: "a member of two tenants",
            login: RoleReach(role: role("deployer"), others: [owner.role, bob]),
            verdict: .refused(over: "alice", [.roles(["bob"])])
        ),
        Case(
            name: "a member of a superuser too",
            login: RoleReach(role: role("deployer"), others: [owner.role, postgres.role]),
            verdict: .refused(over: "alice", [.superuser("postgres")])
        ),
        Case(
            name: "a member that may run programs on the server",
            login: RoleReach(
                role: role("deployer"),
                others: [owner.role, role("pg_execute_server_program", holds: false, isPredefined: true)]
            ),
            verdict: .refused(over: "alice", [.roles(["pg_execute_server_program"])])
        ),
        Case(
            name: "a member with things of its own elsewhere",
            login: RoleReach(role: role("deployer", elsewhere: true), others: [owner.role]),
            verdict: .refused(over: "alice", [.holdings])
        ),
        Case(
            name: "a member that makes roles",
            login: RoleReach(role: role("deployer", [.createsRoles]), others: [owner.role]),
            verdict: .refused(over: "alice", [.attributes([.createsRoles])])
        ),
        Case(
            name: "what the owner has too is no more",
            login: RoleReach(role: role("v-1", [.createsDatabases]), others: [owner.role, bob]),
            owner: RoleReach(role: role("alice", [.createsDatabases]), others: [bob]),
            verdict: .works
        ),
        Case(
            name: "an attribute that the owner can become",
            login: RoleReach(role: role("v-1", [.createsDatabases]), others: [owner.role, bob]),
            owner: RoleReach(role: role("alice"), others: [role("bob", [.createsDatabases])]),
            verdict: .works
        ),
        Case(
            name: "a member of a superuser that owns everything",
            login: RoleReach(role: role("v-1"), others: [postgres.role]),
            owner: postgres,
            verdict: .works
        ),
        Case(
            name: "a member of a superuser in a tenant's database",
            login: RoleReach(role: role("v-1"), others: [postgres.role]),
            owner: postgres,
            databaseOwner: owner,
            verdict: .refused(over: "alice", [.superuser("postgres")])
        ),
        Case(name: "a reader", login: RoleReach(role: role("monitor", elsewhere: true)), mayAct: false, verdict: .reads),
        Case(
            name: "a shared login that owns the ledger of a tenant's database",
            login: RoleReach(role: role("deployer", elsewhere: true), others: [owner.role, bob]),
            owner: RoleReach(role: role("deployer", elsewhere: true), others: [owner.role, bob]),
            databaseOwner: owner,
            verdict: .refused(over: "alice", [.roles(["bob"]), .holdings])
        ),
        Case(
            name: "the app's role in a database of one that makes roles",
            login: RoleReach(role: role("app", elsewhere: true)),
            owner: RoleReach(role: role("app", elsewhere: true)),
            databaseOwner: RoleReach(role: role("master", [.createsRoles, .createsDatabases])),
            verdict: .works
        ),
        Case(
            name: "the app's role in a database of one that can become it",
            login: RoleReach(role: role("app", elsewhere: true)),
            owner: RoleReach(role: role("app", elsewhere: true)),
            databaseOwner: RoleReach(role: role("master"), others: [role("app")]),
            verdict: .works
        ),
        Case(
            name: "a member, where two ordinary roles own ledger and database",
            login: RoleReach(role: role("v-1"), others: [owner.role]),
            databaseOwner: RoleReach(role: bob),
            verdict: .works
        ),
    ]

    @Test func whoMayTouchAnInstance() {
        for example in Self.cases {
            let rights = LoginRights(
                login: example.login,
                owner: example.owner,
                databaseOwner: example.databaseOwner ?? example.owner,
                mayActAsOwner: example.mayAct
            )
            #expect(rights.verdict == example.verdict, "\(example.name)")
        }
    }

    /// A setting lifts what its name says, and nothing else.
    @Test func whatTheFleetFileLifts() {
        var trusting = InstanceSettings()
        trusting.trustsOwner = true
        var superuser = InstanceSettings()
        superuser.allowsForeignSuperuser = true
        for example in Self.cases {
            let rights = LoginRights(
                login: example.login,
                owner: example.owner,
                databaseOwner: example.databaseOwner ?? example.owner,
                mayActAsOwner: example.mayAct
            )
            #expect(rights.verdict(InstanceSettings()) == example.verdict, "\(example.name)")
            #expect(rights.verdict(trusting) == (example.verdict == .reads ? .reads : .works), "\(example.name)")
            // A superuser itself is refused for nothing else.
            let isLifted = example.verdict != .works && example.login.role.attributes.contains(.superuser)
            #expect(rights.verdict(superuser) == (isLifted ? .works : example.verdict), "\(example.name)")
        }
    }

    @Test func aLoginWhoseNameOnlyLooksLikeTheOwnersIsAnother() {
        let login = RoleReach(role: Self.role("M\u{fc}ller", [.superuser]))
        let owner = RoleReach(role: Self.role("Mu\u{308}ller"))
        let rights = LoginRights(login: login, owner: owner, databaseOwner: owner, mayActAsOwner: true)
        #expect(rights.verdict(InstanceSettings()) == .refused(over: owner.name, [.superuser(login.name)]))
        #expect(login.includes(login.name) && !login.includes(owner.name))
    }

    @Test func anAdministrator() {
        func failure(_ login: RoleReach, _ settings: InstanceSettings = InstanceSettings()) -> Failure? {
            LoginRights(login: login, owner: Self.owner, databaseOwner: Self.owner, mayActAsOwner: true).adminFailure(settings)
        }
        #expect(failure(Self.postgres) == nil)
        #expect(failure(Self.owner) == nil)
        let master = RoleReach(role: Self.role("master", [.createsRoles]), others: [Self.owner.role])
        #expect(failure(master)?.message.contains("CREATEROLE") == true)
        #expect(failure(RoleReach(role: Self.role("v-admin"), others: [Self.postgres.role]))?.kind == .blocked)
        var trusting = InstanceSettings()
        trusting.trustsOwner = true
        #expect(failure(master, trusting) == nil)
    }

    /// No refusal advises to widen a right.
    @Test func theWordsOfARefusal() {
        for example in Self.cases {
            guard case .refused(let tenant, let surplus) = example.verdict else { continue }
            let rights = LoginRights(
                login: example.login,
                owner: example.owner,
                databaseOwner: example.databaseOwner ?? example.owner,
                mayActAsOwner: example.mayAct
            )
            let failure = rights.failure(over: tenant, surplus)
            #expect(failure.kind == .blocked && failure.message.contains(tenant) && failure.message.contains(example.login.name))
            #expect(failure.hint?.contains("GRANT") == false && failure.hint?.contains("log in as \(tenant)") == true, "\(example.name)")
        }
    }
}
