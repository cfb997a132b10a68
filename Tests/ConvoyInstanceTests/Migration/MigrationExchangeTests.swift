import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance

/// What is sent for one migration, and in which order. Needs no server.
@Suite struct MigrationExchangeTests {
    private static func script(role: String? = "owner", audit: RepeatedStatements.AuditUse = .writesAndReads) -> ExchangeScript {
        ExchangeScript(
            ledger: Ledger(schema: "public", owner: "owner"),
            identity: SessionIdentity(backendPID: 1, backendStart: "", systemIdentifier: "2", databaseOID: 3),
            run: "run-1",
            direction: .up,
            role: role,
            audit: audit,
            statementTimeout: .seconds(60),
            serverVersion: 150_000
        )
    }

    private static func exchange(_ script: ExchangeScript, hasAdminRights: Bool = false) -> MigrationExchange {
        MigrationExchange(script: script, hasAdminRights: hasAdminRights, ledgerLockWait: .seconds(5), lockTimeout: .milliseconds(800))
    }

    private static func items(_ exchange: MigrationExchange, up: String = "CREATE TABLE cars (id bigint);") throws -> [MigrationExchange
        .Item]
    {
        let set = try migrationSet([(1, migrationText(up))])
        let migration = try #require(set[MigrationVersion(1)])
        var items: [MigrationExchange.Item] = []
        for case .items(let part) in exchange.parts(of: migration, section: migration.up, predecessor: nil) { items += part }
        return items
    }

    private static func name(_ place: MigrationExchange.Place) -> String {
        if case .statement = place { "statement" } else { "\(place)" }
    }

    private static let opening = ["begin", "begin", "begin", "ledgerLock"]

    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var role: String? = "owner"
        var audit = RepeatedStatements.AuditUse.writesAndReads
        var hasAdminRights = false
        var places: [String]
        /// The parameters of the check at the end.
        var checked = 2
    }

    @Test(arguments: [
        Example(
            testDescription: "as the owner's member",
            places: opening + ["ledger", "begin", "statement", "constraints", "audit", "audit", "readBack", "commit"]
        ),
        Example(
            testDescription: "as the owner",
            role: nil,
            places: opening.dropFirst() + ["ledger", "begin", "statement", "constraints", "audit", "audit", "readBack", "commit"]
        ),
        Example(
            testDescription: "an audit log that cannot be read",
            audit: .writes,
            places: opening + ["ledger", "begin", "statement", "constraints", "audit", "audit", "readBack", "commit"],
            checked: 1
        ),
        Example(
            testDescription: "without an audit log",
            audit: .none,
            places: opening + ["ledger", "begin", "statement", "constraints", "readBack", "readBack", "commit"],
            checked: 1
        ),
        Example(
            testDescription: "with an administrator's rights",
            hasAdminRights: true,
            places: opening.dropFirst() + [
                "guarding", "ledger", "begin", "statement", "constraints", "audit", "audit", "readBack", "commit",
            ]
        ),
    ])
    func theRowIsWrittenBeforeAndCheckedAfterTheStatements(_ example: Example) throws {
        let exchange = Self.exchange(Self.script(role: example.role, audit: example.audit), hasAdminRights: example.hasAdminRights)
        let items = try Self.items(exchange)
        #expect(items.map { Self.name($0.place) } == example.places)
        #expect(items.contains { $0.statement.sql.hasPrefix("SET LOCAL ROLE") } == (example.role != nil && !example.hasAdminRights))
        #expect(items.last { $0.place == .readBack }?.statement.parameters.count == example.checked)
        #expect(items.filter(\.statement.flushes).map(\.statement.sql) == ["COMMIT"])
    }

    @Test(
        arguments: [(nil, .writesAndReads), ("owner", .writesAndReads), ("postgres", .writes)] as [(String?, RepeatedStatements.AuditUse)]
    )
    func anotherRolesAuditLogIsNotRead(owner: String?, expected: RepeatedStatements.AuditUse) {
        let table = owner.map { InstanceFacts.AuditTable(oid: 1, owner: $0, columns: AuditLog.columns, isTable: true) }
        #expect(RepeatedStatements.AuditUse(of: table, beside: Ledger(schema: "public", owner: "owner")) == expected)
    }

    @Test(arguments: [(150_000, false), (169_999, false), (170_000, true)])
    func theScriptKnowsTheServersVersion(version: Int, hasTransactionTimeout: Bool) throws {
        let script = Self.script().on(serverVersion: version)
        #expect(script.opening.contains("transaction_timeout', '0'") == hasTransactionTimeout)
    }

    @Test(arguments: [(false, 5), (true, 0)]) func statementsAreKeptUnderTheNamesThatArePrepared(isPrepared: Bool, preparations: Int) throws
    {
        var exchange = Self.exchange(Self.script())
        exchange.repeated = RepeatedStatements(round: 1, isPrepared: isPrepared, audit: .writesAndReads)
        var prepared: Set<String> = []
        var used: Set<String> = []
        for item in try Self.items(exchange) {
            switch item.statement.preparation {
            case .prepares(let name):
                #expect(used.isEmpty)
                prepared.insert(name)
            case .uses(let name): used.insert(name)
            case .none: break
            }
        }
        #expect(prepared.count == preparations)
        if isPrepared {
            #expect(used.count == 5)
        } else {
            // The first one has opened its transaction before.
            #expect(prepared.subtracting(used) == ["convoy_opening_1"] && used.isSubset(of: prepared))
        }
    }

    @Test func aRehearsalIsRolledBackAndChecksNoAuditRow() throws {
        let set = try migrationSet([(1, migrationText("VACUUM cars;", down: "VACUUM cars;", options: " transaction:false"))])
        let migration = try #require(set[MigrationVersion(1)])
        let items = Self.exchange(Self.script()).rehearsal(migration, after: nil)
        #expect(items.map { Self.name($0.place) } == Self.opening + ["ledger", "constraints", "readBack", "begin"])
        #expect(items.last?.statement.sql == "ROLLBACK")
        #expect(items.last { $0.place == .readBack }?.statement.parameters == ["1"])
        #expect(items.allSatisfy { !$0.statement.sql.contains("migration_log") })
    }
}
