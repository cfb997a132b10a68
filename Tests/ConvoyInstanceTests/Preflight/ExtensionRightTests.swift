import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TeslaMate
import TestSupport
import Testing

@testable import ConvoyInstance

/// Whether a role needs the administrator is what the server says about its extensions, not whether it is a superuser.
@Suite(.timeLimit(.minutes(5))) struct ExtensionRightTests {
    /// cube is trusted everywhere.
    @Test(arguments: PostgresServer.Release.tested) func aTrustedExtensionOfTheRolesOwn(release: PostgresServer.Release) async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")),
            (2, migrationText("-- convoy:admin\nDROP EXTENSION cube CASCADE;\nCREATE EXTENSION cube WITH SCHEMA public;")),
            (3, migrationText("-- convoy:admin cube\nALTER EXTENSION cube UPDATE;")),
        ])
        let runner = InstanceRunner(set)
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute(["CREATE EXTENSION cube"])
            let instance = database.instance(admin: .some(nil))
            #expect(await runner.status(instance).outcome == .pending)
            let result = await runner.up(instance)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let owner = try await database.query("SELECT pg_get_userbyid(extowner)::text AS o FROM pg_extension WHERE extname = 'cube'")
                .onlyRow()
            #expect(try owner.text("o") == database.ownerName)
        }
    }

    @Test func aRoleThatMayNotCreateInTheDatabase() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")), (2, migrationText("-- convoy:admin\nCREATE EXTENSION cube;")),
        ])
        let runner = InstanceRunner(set)
        try await withDatabase(owner: .unique) { database in
            _ = await runner.up(database.instance(), to: 1)
            let owner = database.ownerName
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" OWNER TO postgres")
            try await database.execute(["GRANT CREATE ON SCHEMA public TO \"\(owner)\""], as: "postgres")
            let failure = try #require(await runner.status(database.instance(admin: .some(nil))).failure)
            #expect(failure.kind == .blocked)
            #expect(failure.message.hasSuffix("needs more rights than \(owner) has: the server does not let it create cube"), "\(failure)")
            #expect(failure.hint?.contains("any role") == true)
            #expect(await runner.up(database.instance()).outcome == .migrated, "the administrator may")
        }
    }

    /// A platform that trusts both extensions: TeslaMate's role drops and makes them itself, and no administrator is needed.
    @Test func aManagedServer() async throws {
        let runner = InstanceRunner(try teslaMateSet.get(), steps: [EncryptAPITokens()])
        try await withTrustedExtensions { folder in
            let server = try await PostgresServer.start(.v18, settings: ["extension_control_path": "\(folder):$system"])
            try await server.withDatabase(owner: .unique) { database in
                let made = await runner.up(database.instance(), to: 20_240_603_152_807)
                #expect(made.outcome == .migrated, "\(String(describing: made.failure))")
                try await database.execute(["DROP EXTENSION cube CASCADE"], as: "postgres")
                try await database.execute(["CREATE EXTENSION cube", "CREATE EXTENSION earthdistance"])
                let instance = database.instance(admin: .some(nil))
                let status = await runner.status(instance)
                #expect(status.outcome == .pending, "\(String(describing: status.failure))")
                let result = await runner.up(instance)
                #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            }
        }
    }

    // MARK: The rule

    private static func beyond(_ texts: [String], _ entries: [String: ExtensionRights.Entry]) throws -> [Int64] {
        let set = try migrationSet(texts.enumerated().map { (Int64($0.offset + 1), migrationText($0.element)) })
        let plan = try InstancePlan(set: set, applied: [MigrationVersion](), change: .up(to: nil))
        return ExtensionRights(entries: entries).beyondRights(PendingMigrations(plan: plan, set: set)).map(\.value).sorted()
    }

    private static func entry(_ isInstalled: Bool, owned: Bool, creatable: Bool, requires: Set<String> = []) -> ExtensionRights.Entry {
        .init(isInstalled: isInstalled, isOwned: owned, isCreatable: creatable, leavesObjects: false, requires: requires)
    }

    @Test func ofEachKindOfStatement() throws {
        let recreating = "-- convoy:admin\nDROP EXTENSION cube CASCADE;\nCREATE EXTENSION cube;\nCREATE EXTENSION earthdistance;"
        let updating = "-- convoy:admin earthdistance\nALTER EXTENSION earthdistance UPDATE;"
        let (cube, earth) = (
            Self.entry(true, owned: true, creatable: true), Self.entry(true, owned: true, creatable: true, requires: ["cube"])
        )
        #expect(try Self.beyond([recreating, updating], ["cube": cube, "earthdistance": earth]) == [])
        // What the administrator makes, the administrator updates.
        let untrusted = Self.entry(true, owned: true, creatable: false, requires: ["cube"])
        #expect(try Self.beyond([recreating, updating], ["cube": cube, "earthdistance": untrusted]) == [1, 2])
        #expect(try Self.beyond([updating], ["cube": cube, "earthdistance": untrusted]) == [])
        // Another's.
        let foreign = Self.entry(true, owned: false, creatable: true)
        #expect(try Self.beyond([recreating], ["cube": foreign, "earthdistance": earth]) == [1])
        // A function of a trusted extension is the superuser's.
        let making = "-- convoy:admin cube\nCREATE EXTENSION IF NOT EXISTS cube;\nALTER FUNCTION public.f(int) SET search_path = public;"
        #expect(try Self.beyond([making], ["cube": Self.entry(false, owned: false, creatable: true)]) == [1])
        #expect(try Self.beyond([making], ["cube": cube]) == [])
        // What is not understood, where a superuser is asked for.
        #expect(try Self.beyond(["-- convoy:admin\nDO $$ BEGIN END $$;"], [:]) == [1])
        #expect(try Self.beyond(["-- convoy:admin\nCREATE TABLE t (x int);"], [:]) == [1])
        #expect(try Self.beyond(["-- convoy:admin cube\nDO $$ BEGIN END $$;"], ["cube": cube]) == [])
        #expect(try Self.beyond(["CREATE TABLE t (x int);"], [:]) == [])
    }
}

/// A folder of control files that mark both extensions as trusted, as platforms do in their own ways.
private func withTrustedExtensions(_ body: (_ folder: String) async throws -> Void) async throws {
    let row = try await PostgresServer.shared(.v18).withDatabase { database in
        try await database.query("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'", as: "postgres").onlyRow()
    }
    let source = try row.text("setting") + "/extension"
    try await withTemporaryFolder { folder in
        let files = FileManager.default
        for name in try files.contentsOfDirectory(atPath: source) where name.hasPrefix("cube") || name.hasPrefix("earthdistance") {
            var text = String(decoding: try #require(files.contents(atPath: "\(source)/\(name)")), as: UTF8.self)
            if name.hasSuffix(".control") { text = text.replacing("trusted = true", with: "") + "\ntrusted = true\n" }
            try writeFile("\(folder)/extension/\(name)", text, mode: 0o644)
        }
        // The server runs as another user.
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
        try await body(folder)
    }
}
