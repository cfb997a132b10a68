import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `kill -9` of `convoy provision` at many moments: the same command again makes what is left, and nothing is there twice.
@Suite(.timeLimit(.minutes(10)), .serialized)
struct ProvisionKillTests {
    /// What is there when the process is killed.
    enum Moment: CaseIterable {
        case passwordFile, role, database, openDatabase, ledger, complete
    }

    @Test(arguments: Moment.allCases, PostgresServer.Release.tested)
    func oneTenantAtEachMoment(moment: Moment, release: PostgresServer.Release) async throws {
        try await ProvisionedServer.with(try await PostgresServer.shared(release)) { place in
            let process = try ConvoyProcess(["provision", "alice", "--yes"], in: place.folder)
            try await eventually("it got so far", within: .seconds(60)) {
                if process.snapshot.status != nil { return true }
                return try await Self.isThere(moment, place)
            }
            process.kill()
            _ = try? await process.result()
            let again = try await place.convoy("alice")
            #expect(again.exitCode == 0, "\(again.standardOutput)\(again.standardError)")
            try await Self.check(["alice"], place)
        }
    }

    private static func isThere(_ moment: Moment, _ place: ProvisionedServer) async throws -> Bool {
        let name = "\(place.prefix)alice"
        func exists(_ condition: String) async throws -> Bool {
            try await place.query("SELECT EXISTS (SELECT FROM \(condition)) AS e").onlyRow().bool("e")
        }
        switch moment {
        case .passwordFile: return FileManager.default.fileExists(atPath: "\(place.folder)/passwords/alice")
        case .role: return try await exists("pg_roles WHERE rolname = '\(name)'")
        case .database: return try await exists("pg_database WHERE datname = '\(name)'")
        case .openDatabase: return try await exists("pg_database WHERE datname = '\(name)' AND datallowconn")
        case .ledger:
            guard try await exists("pg_database WHERE datname = '\(name)' AND datallowconn") else { return false }
            return try await place.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS e", database: name).onlyRow().bool(
                "e"
            )
        case .complete:
            return try await exists(
                "pg_database d WHERE d.datname = '\(name)' AND shobj_description(d.oid, 'pg_database') LIKE 'convoy: database of %'"
            )
        }
    }

    /// Every tenant is complete, opens with the password of its file, and stands in the fleet file once.
    private static func check(_ names: [String], _ place: ProvisionedServer) async throws {
        let (databases, roles) = try await place.found()
        #expect(databases == names.sorted().map { place.prefix + $0 } && roles == databases)
        let passwords = try FileManager.default.contentsOfDirectory(atPath: "\(place.folder)/passwords").filter { !$0.hasPrefix(".") }
        #expect(passwords.sorted() == names.sorted())
        let open = try await place.query(
            """
            SELECT count(*) AS n FROM pg_database d WHERE datname LIKE '\(place.prefix)%' AND datallowconn AND datconnlimit = -1
                AND shobj_description(d.oid, 'pg_database') LIKE 'convoy: database of %' AND NOT has_database_privilege('teslamate', d.oid, 'CONNECT')
            """
        ).onlyRow()
        #expect(try open.int64("n") == Int64(names.count))
        for name in names {
            #expect(try await place.versions(name) == 2, "\(name)")
            #expect(try await place.passwordOpens(name), "\(name)")
            #expect(place.fleetFile.components(separatedBy: "- name: \(name)\n").count == 2, "\(name)")
        }
        let status = try await runConvoy(["status"], in: place.folder)
        #expect(status.exitCode == 0, "\(status.standardError)")
    }

    /// The command for all of them is killed again and again, later each time, until it ends by itself.
    @Test(arguments: PostgresServer.Release.tested) func manyTenants(release: PostgresServer.Release) async throws {
        try await ProvisionedServer.with(try await PostgresServer.shared(release)) { place in
            let names = (1...50).map { "tenant-\($0)" }
            var kills = 0
            for goal in [2, 5, 9, 14, 20, 27, 35, 44] {
                let process = try ConvoyProcess(["provision", "--yes"] + names, in: place.folder, timeLimit: .seconds(120))
                try await eventually("it got so far", within: .seconds(120)) {
                    if process.snapshot.status != nil { return true }
                    return try await place.found().databases.count >= goal
                }
                if process.snapshot.status == nil { kills += 1 }
                process.kill()
                _ = try? await process.result()
            }
            #expect(kills >= 4)
            let last = try await runConvoy(["provision", "--yes", "--output", "json"] + names, in: place.folder, timeLimit: .seconds(300))
            #expect(last.exitCode == 0, "\(last.standardOutput)\(last.standardError)")
            let tenants = (try jsonObject(last)["tenants"] as? [[String: Any]]) ?? []
            #expect(tenants.map { $0["name"] as? String } == names)
            try await Self.check(names, place)
            let roles = try await place.query(
                "SELECT count(*) AS n FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname LIKE '\(place.prefix)%'"
            )
            #expect(try roles.onlyRow().int64("n") == 0)
        }
    }

    /// Ctrl-C lets what is in progress end, and begins nothing more.
    @Test func anInterruptionStopsBetweenTenants() async throws {
        try await ProvisionedServer.with(try await PostgresServer.shared()) { place in
            let names = (1...20).map { "tenant-\($0)" }
            let process = try ConvoyProcess(["provision", "--yes", "--output", "json"] + names, in: place.folder)
            try await eventually("it began", within: .seconds(60)) { try await place.found().databases.count >= 1 }
            process.interrupt()
            let result = try await process.result()
            #expect(result.exitCode == 130, "\(result.standardError)")
            let tenants = (try jsonObject(result)["tenants"] as? [[String: Any]]) ?? []
            let created = tenants.filter { $0["outcome"] as? String == "created" }.compactMap { $0["name"] as? String }
            #expect(!created.isEmpty && created.count < 20)
            #expect(tenants.count { $0["outcome"] as? String == "interrupted" } == 20 - created.count)
            // Nothing is half: a role and a database for each that was begun, and its entry.
            #expect(try await place.found().databases.count == created.count)
            for name in created { #expect(place.fleetFile.contains("- name: \(name)\n")) }
            #expect(try await runConvoy(["provision", "--yes"] + names, in: place.folder).exitCode == 0)
            try await Self.check(names, place)
        }
    }
}
