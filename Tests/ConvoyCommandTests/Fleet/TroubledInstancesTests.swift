import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// One fleet with every kind of instance that cannot be worked on: each says what is wrong and what to do, none delays the healthy one.
@Suite(.timeLimit(.minutes(2)))
struct TroubledInstancesTests {
    private static let password = "pa55-w0rd-that-nobody-may-see"

    private struct Expectation {
        let name: String
        let outcome: String
        let message: String
    }

    @Test func eachSaysWhatIsWrongAndWhatToDo() async throws {
        let silent = try SilentPort()
        let refused = try RefusedPort()
        try await withDatabase(owner: .password(Self.password)) { database in
            let port = database.server.port
            let tcp = "host: 127.0.0.1, port: \(port), user: \(database.ownerName), password: \"${env:DB_PASSWORD}\""
            let fleet = """
                version: 1
                fleet: troubled
                migrations: Migrations
                defaults: {connect_timeout: 2s}
                instances:
                  - {name: healthy, \(tcp), database: \(database.name)}
                  - {name: unknown-host, host: no-such-host.invalid, user: u, database: d}
                  - {name: refused, host: 127.0.0.1, port: \(refused.port), user: u, database: d}
                  - {name: silent, host: 127.0.0.1, port: \(silent.port), user: u, database: d}
                  - {name: wrong-password, host: localhost, port: \(port), user: \(database.ownerName), password: "${env:WRONG}", database: \(database.name)}
                  - {name: wrong-database, \(tcp), database: no_such_database}
                  - {name: no-tls, \(tcp), database: \(database.name)_x, sslmode: require}
                """
            var files = SmallSet.files
            files["fleet.yaml"] = fleet + "\n"
            let expectations = [
                Expectation(name: "unknown-host", outcome: "unreachable", message: "could not find host"),
                Expectation(name: "refused", outcome: "unreachable", message: "Connection refused"),
                Expectation(name: "silent", outcome: "unreachable", message: "within 2.0 seconds"),
                Expectation(name: "wrong-password", outcome: "unreachable", message: "password authentication failed"),
                Expectation(name: "wrong-database", outcome: "unprovisioned", message: "does not exist"),
                Expectation(name: "no-tls", outcome: "unreachable", message: "SSL"),
            ]
            let environment = ["DB_PASSWORD": Self.password, "WRONG": Self.password + "-not"]
            try await withTemporaryFolder(files: files) { folder in
                let result = try await runConvoy(["migrate", "--yes", "--output", "json"], environment: environment, in: folder)
                #expect(result.exitCode == 1)
                #expect(!(result.standardOutput + result.standardError).contains(Self.password))
                let json = try JSONSerialization.jsonObject(with: Data(result.standardOutput.utf8)) as? [String: Any]
                let instances = try #require(json?["instances"] as? [[String: Any]])
                let healthy = try #require(instances.first { $0["name"] as? String == "healthy" })
                #expect(healthy["outcome"] as? String == "migrated")
                for expectation in expectations {
                    let instance = try #require(instances.first { $0["name"] as? String == expectation.name })
                    let failure = try #require(instance["failure"] as? [String: Any], "\(expectation.name)")
                    let message = failure["message"] as? String ?? ""
                    #expect(instance["outcome"] as? String == expectation.outcome, "\(expectation.name)")
                    #expect(message.contains(expectation.message), "\(expectation.name): \(message)")
                    #expect((failure["hint"] as? String)?.isEmpty == false, "\(expectation.name) has no hint")
                }
            }
        }
    }

    @Test func aServerThatStopsInTheMiddle() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabases(2) { databases in
            var files = [
                "Migrations/1_slow.sql":
                    "-- migrate:up\nCREATE TABLE a (id bigint);\nSELECT pg_sleep(60);\n\n-- migrate:down\nDROP TABLE a;\n"
            ]
            files["fleet.yaml"] =
                "version: 1\nmigrations: Migrations\ninstances:\n"
                + databases.map {
                    "  - {name: \($0.name), host: \(server.socketFolder), port: \(server.port), user: \($0.ownerName), database: \($0.name)}\n"
                }
                .joined()
            try await withTemporaryFolder(files: files) { folder in
                let process = try ConvoyProcess(["migrate", "--yes"], in: folder)
                try await eventually("both run", within: .seconds(30)) {
                    try await databases[0].query(
                        "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND application_name LIKE 'convoy %'"
                    ).onlyRow().int64("n") == 2
                }
                try await server.stop(.immediate)
                process.interrupt()
                process.interrupt()
                let result = try await process.result()
                #expect(result.exitCode == 130)
                try await server.start()
                for database in databases {
                    let untouched = try await database.query("SELECT to_regclass('a') IS NULL AS untouched").onlyRow().bool("untouched")
                    #expect(untouched)
                }
            }
        }
    }
}
