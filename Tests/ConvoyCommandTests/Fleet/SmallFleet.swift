import Foundation
import TestSupport
import Testing

/// A fleet of the databases, named as ``SmallSet/names``, in a folder of its own.
func withFleet(
    _ databases: [TestDatabase],
    migrations: [String: String] = SmallSet.files,
    waves: [String] = ["{name: all}"],
    _ body: (_ folder: String) async throws -> Void
) async throws {
    var lines = [
        "version: 1", "fleet: test", "migrations: Migrations", "defaults: {connect_timeout: 10s, lock_wait: 1s}", "instances:",
    ]
    for (index, database) in databases.enumerated() {
        lines.append(
            "  - {name: \(SmallSet.names[index]), host: \(database.server.socketFolder), port: \(database.server.port), "
                + "user: \(database.ownerName), database: \(database.name), labels: {ring: r\(index)}}"
        )
    }
    lines += ["rollout:", "  waves:"] + waves.map { "    - \($0)" }
    var files = migrations
    files["fleet.yaml"] = lines.joined(separator: "\n") + "\n"
    try await withTemporaryFolder(files: files, body)
}

/// The small set with its catalogue, which the program itself wrote on the same server, applied to the databases.
func withCataloguedFleet(_ databases: [TestDatabase], _ body: (_ folder: String) async throws -> Void) async throws {
    try await withFleet(databases) { folder in
        let server = databases[0].server
        let written = try await runConvoy(
            ["catalogue", "host=\(server.socketFolder) port=\(server.port) user=postgres dbname=postgres"],
            in: folder
        )
        try #require(written.exitCode == 0, "\(written.standardError)")
        #expect(written.standardOutput == "2 versions in Migrations/catalogue\n")
        #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
        try await body(folder)
    }
}

/// The JSON object that a command wrote.
func jsonObject(_ result: ConvoyResult) throws -> [String: Any] {
    guard let object = try? JSONSerialization.jsonObject(with: Data(result.standardOutput.utf8)) as? [String: Any] else {
        throw TestSupportError("no JSON object: \(result.standardOutput.prefix(1_000))\n\(result.standardError.prefix(1_000))")
    }
    return object
}

/// A migration set of a few lines.
enum SmallSet {
    static let names = ["alice", "bob", "carol"]

    static let files = [
        "Migrations/20200101000000_create_cars.sql": Files.migration,
        "Migrations/20200102000000_add_plates.sql":
            "-- migrate:up\nALTER TABLE cars ADD COLUMN plate text;\n-- migrate:down\nALTER TABLE cars DROP COLUMN plate;\n",
    ]

    /// Fails where an id does not fit.
    static let narrowing = [
        "Migrations/20200103000000_narrow_ids.sql":
            "-- migrate:up\n-- Ids were never that large.\nALTER TABLE cars\n  ALTER COLUMN id TYPE integer;\n-- migrate:down\nALTER TABLE cars ALTER COLUMN id TYPE bigint;\n"
    ]

    static let oneWay = [
        "Migrations/20200103000000_forget_plates.sql":
            "-- migrate:up\nUPDATE cars SET plate = NULL;\n-- migrate:down\n-- convoy:irreversible the plates are gone\n"
    ]
}

/// Runs a program of the server's own release on a database.
func runServerProgram(_ program: String, _ arguments: [String], on database: TestDatabase) async throws {
    let server = database.server
    let folder = try String(contentsOfFile: "\(server.socketFolder)/convoy-cluster", encoding: .utf8)
    let process = try ChildProcess(
        "\(folder.trimmingCharacters(in: .whitespacesAndNewlines))/\(program)",
        ["-h", server.socketFolder, "-p", "\(server.port)", "-U", database.ownerName, "-d", database.name] + arguments,
        environment: ["PATH": "/usr/bin:/bin"],
        timeLimit: .seconds(60)
    )
    let result = await process.wait()
    #expect(result.status == .exited(0), "\(program): \(result.standardError)")
}
