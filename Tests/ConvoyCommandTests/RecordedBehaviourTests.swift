import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// What an earlier convoy wrote and did, kept in `Recorded` by the script of that name there: this one must do the same, and go on with what
/// that one left behind. Where a difference is wanted, `Recorded/record` writes the new state down; its diff says what changed.
@Suite(.timeLimit(.minutes(10)))
struct RecordedBehaviourTests {
    private static let recorded = "\(repositoryRoot)/Tests/ConvoyCommandTests/Recorded"
    /// The server of the recorded runs.
    private static let has17 = PostgresServer.Release.tested.contains(.v17)

    // MARK: Journals

    /// No database is there, so everything that is shown comes from the journal.
    @Test(arguments: ["killed", "resumed", "halted"])
    func aJournalIsShownAsItWas(_ journal: String) async throws {
        try await withRecordedFleet(journal: journal) { folder in
            try await expectRecorded(journal, in: folder) { text in
                let document = withoutMomentOfWriting(text)
                return journal == "killed" ? withoutTimeSinceStart(document) : document
            }
        }
    }

    @Test(.enabled(if: has17, "Scripts/install --servers fetches PostgreSQL 17"), arguments: ["killed", "halted"])
    func aRunOfAnEarlierConvoyIsResumed(_ journal: String) async throws {
        try await withRecordedFleet(journal: journal) { folder in
            let list = try jsonObject(try await runConvoy(["runs", "--output", "json"], in: folder))
            let run = try #require((list["runs"] as? [[String: Any]])?.first?["run"] as? String)
            try await withRecordedDatabases(journal, newest: run) { environment in
                for (file, exitCode, option) in [("dry-run", 0, "--dry-run"), ("report", 1, "--yes")] {
                    let result = try await runConvoy(["resume", option, "--output", "json"], environment: environment, in: folder)
                    #expect(result.exitCode == exitCode, "\(result.standardError)")
                    let expected = try Self.text("resume/\(journal)-\(file).json")
                    #expect(difference(withoutTimes(result.standardOutput), withoutTimes(expected)) == nil, "\(file)")
                }
                #expect(try await runConvoy(["resume", "--yes"], environment: environment, in: folder).exitCode == 64)
            }
        }
    }

    // MARK: Databases

    @Test(.enabled(if: has17, "Scripts/install --servers fetches PostgreSQL 17"))
    func databasesAreLookedAtAndChangedAsTheyWere() async throws {
        try await withRecordedFleet { folder in
            try await withRecordedDatabases("start") { environment in
                try await expectRecorded("live", in: folder, environment: environment, normalised: withoutTimes)
                for plan in ["plan", "plan-to", "plan-selected"] {
                    let pinned = try String(contentsOfFile: "\(folder)/\(plan).pinned", encoding: .utf8)
                    let expected = try Self.text("live/\(plan).pinned")
                    #expect(difference(withoutTimes(pinned), withoutTimes(expected)) == nil, "\(plan)")
                }

                let responder = try HTTPResponder { _ in .status(200) }
                let fleet = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
                try writeFile("\(folder)/fleet.yaml", fleet + "notifications:\n  - {url: \"http://127.0.0.1:\(responder.port)/\"}\n")
                let told = try await runConvoy(["migrate", "--yes", "--wave", "rest"], environment: environment, in: folder)
                #expect(told.exitCode == 1, "\(told.standardError)")
                let messages = responder.requests.compactMap { $0.components(separatedBy: "\r\n\r\n").last }
                let found = messages.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) + "\n" }.joined()
                let expected = try Self.text("live/notifications.ndjson")
                #expect(difference(withoutTimes(found), withoutTimes(expected)) == nil)
            }
        }
    }

    @Test(.enabled(if: has17, "Scripts/install --servers fetches PostgreSQL 17"))
    func aPlanThatAnEarlierConvoyPinnedIsCarriedOut() async throws {
        try await withRecordedFleet { folder in
            for plan in ["plan", "plan-to", "plan-selected"] {
                try FileManager.default.copyItem(atPath: "\(Self.recorded)/live/\(plan).pinned", toPath: "\(folder)/\(plan).pinned")
            }
            try await withRecordedDatabases("start") { environment in
                for (arguments, exitCode, file) in [
                    (["--dry-run", "--plan", "plan.pinned"], 0, "plan"), (["--dry-run", "--plan", "plan-to.pinned"], 0, "plan-to"),
                    (["--yes", "--plan", "plan-selected.pinned"], 0, "plan-carried-out"),
                ] {
                    let result = try await runConvoy(["migrate", "--output", "json"] + arguments, environment: environment, in: folder)
                    #expect(result.exitCode == exitCode, "\(arguments): \(result.standardError)")
                    let expected = try Self.text("live/\(file).json")
                    #expect(difference(withoutTimes(result.standardOutput), withoutTimes(expected)) == nil, "\(file)")
                }
                // Bob has moved.
                let refused = try await runConvoy(["migrate", "--yes", "--plan", "plan.pinned"], environment: environment, in: folder)
                #expect(refused.exitCode == 1)
                #expect(refused.standardError.contains("\n  instance bob is at version 20200105000000, not 20200102000000\n"))
                #expect(!refused.standardError.contains("alice"))
            }
        }
    }

    // MARK: Statements

    @Test(.enabled(if: has17, "Scripts/install --servers fetches PostgreSQL 17"))
    func anUpgradeSendsTheStatementsThatItSent() async throws {
        let server = try await PostgresServer.start(
            .v17,
            settings: [
                "logging_collector": "on", "log_destination": "jsonlog", "log_filename": "statements", "log_statement": "all",
            ]
        )
        try await server.execute("CREATE DATABASE recorded OWNER teslamate TEMPLATE template0")
        let fleet = """
            version: 1
            fleet: recorded
            migrations: \(repositoryRoot)/Migrations
            defaults: {user: teslamate, admin: {user: postgres}, connect_timeout: 30s, checkpoint: false,
                secrets: {encryption_key: not a secret}}
            instances:
              - {name: recorded, host: 127.0.0.1, port: \(server.port), database: recorded}

            """
        try await withTemporaryFolder(files: ["fleet.yaml": fleet]) { folder in
            let result = try await runConvoy(["migrate", "--yes"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
        }
        // What is in the log before this is whole.
        try await server.execute("SELECT 'the end of the log'")
        var log = ""
        try await eventually("the log is written") {
            log = try String(contentsOfFile: "\(server.socketFolder)/data/log/statements.json", encoding: .utf8)
            return log.contains("the end of the log")
        }
        try await server.stop(.immediate)
        let (found, expected) = (try statements(log), try Self.text("statements.txt"))
        let difference = difference(found, expected)
        if difference != nil, ProcessInfo.processInfo.environment["CONVOY_UPDATE_GOLDEN"] == "1" {
            try writeFile("\(Self.recorded)/statements.txt", found)
        }
        #expect(difference == nil)
    }

    private struct LogEntry: Decodable {
        var session_id: String?
        var dbname: String?
        var user: String?
        var application_name: String?
        var message: String?
        var detail: String?
    }

    /// The statements of each session, in the order in which sessions began, as `Recorded/record` writes them: a hash of the whole statement
    /// with its parameters, and how it begins.
    private func statements(_ log: String) throws -> String {
        var order: [String] = []
        var sessions: [String: [String]] = [:]
        for line in log.utf8.split(separator: UInt8(ascii: "\n")) {
            let entry = try JSONDecoder().decode(LogEntry.self, from: Data(line))
            guard entry.dbname == "recorded", let message = entry.message, let id = entry.session_id,
                message.hasPrefix("execute ") || message.hasPrefix("statement: ")
            else { continue }
            let text = "\(message)\n\(entry.detail ?? "")"
                .replacing(/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}/, with: "RUN")
                .replacing(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/, with: "UUID")
                .replacing(/'[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?'/, with: "'TIME'")
                .replacing(/\$7 = '[0-9]{19}', \$8 = '[0-9]+'/, with: "$7 = 'SYSTEM', $8 = 'OID'")
                // What is left of the 30 s for which a lock is waited for.
                .replacing(/\$1 = '[0-9]+ms', \$2 = '60000ms'/, with: "$1 = 'LEFT', $2 = '60000ms'")
            let program = (entry.application_name ?? "").replacing(/convoy .*/, with: "convoy RUN")
            let session = "\(id) \(entry.user ?? ""), \(program)"
            if sessions[session] == nil { order.append(session) }
            sessions[session, default: []].append(text)
        }
        let lines = order.flatMap { session -> [String] in
            let texts = sessions[session] ?? []
            let name = session.drop { $0 != " " }.dropFirst()
            return ["session of \(name): \(texts.count) statements"]
                + texts.map { text in
                    let oneLine = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                    return "\(hash(text)) \(String(oneLine.unicodeScalars.prefix(80)))"
                }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// FNV-1a of 64 bits.
    private func hash(_ text: String) -> String {
        let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    // MARK: What was recorded

    private struct RecordedDatabase: Decodable {
        var version: String?
        /// What else is done to it, by its owner.
        var sql: [String]
    }

    private static func text(_ file: String) throws -> String {
        try String(contentsOfFile: "\(recorded)/\(file)", encoding: .utf8)
    }

    /// A copy of the recorded fleet's folder, whose databases nobody answers for unless `RECORDED_PORT` says where they are.
    private func withRecordedFleet(journal: String? = nil, _ body: (_ folder: String) async throws -> Void) async throws {
        try await withTemporaryFolder { parent in
            let folder = "\(parent)/fleet"
            try FileManager.default.copyItem(atPath: "\(Self.recorded)/fleet", toPath: folder)
            if let journal {
                try FileManager.default.createDirectory(atPath: "\(folder)/.convoy", withIntermediateDirectories: false)
                try FileManager.default.copyItem(
                    atPath: "\(Self.recorded)/\(journal).sqlite",
                    toPath: "\(folder)/.convoy/journal.sqlite"
                )
            }
            try await body(folder)
        }
    }

    /// The fleet's databases on a server of their own, in a state of `states.json`.
    ///
    /// - Parameter run: the newest run of that state's journal.
    private func withRecordedDatabases(
        _ state: String,
        newest run: String = "",
        _ body: (_ environment: [String: String]) async throws -> Void
    ) async throws {
        let states = try JSONDecoder().decode([String: [String: RecordedDatabase]].self, from: Data(Self.text("states.json").utf8))
        let databases = try #require(states[state])
        let server = try await PostgresServer.start(.v17)
        let environment = ["RECORDED_PORT": "\(server.port)", "TZ": "UTC", "COLUMNS": "120"]
        for name in databases.keys.sorted() {
            try await server.execute("CREATE DATABASE recorded_\(name) OWNER teslamate TEMPLATE template0")
        }
        try await withRecordedFleet { folder in
            let fleet = try Self.text("fleet/fleet.yaml")
            try writeFile("\(folder)/fleet.yaml", String(try #require(fleet.components(separatedBy: "rollout:\n").first)))
            for (version, named) in Dictionary(grouping: databases.filter { $1.version != nil }, by: \.value.version) {
                let names = named.map(\.key).sorted().joined(separator: ",")
                let result = try await runConvoy(
                    ["migrate", "--yes", "--to", version ?? "", "--select", "name in (\(names))"],
                    environment: environment,
                    in: folder
                )
                #expect(result.exitCode == 0, "\(result.standardError)")
            }
        }
        for (name, database) in databases where !database.sql.isEmpty {
            let connection = try await PostgresConnection.connect(
                server.parameters(user: "teslamate", database: "recorded_\(name)"),
                applicationName: "convoy-tests",
                timeout: .seconds(30)
            )
            defer { connection.close() }
            for statement in database.sql { _ = try await connection.query(statement.replacing("RUN", with: run)) }
        }
        try await body(environment)
        try await server.stop(.immediate)
    }

    /// Runs the commands of a folder in order; each must write what is beside them. With CONVOY_UPDATE_GOLDEN=1 what differs is written anew.
    private func expectRecorded(
        _ name: String,
        in folder: String,
        environment: [String: String] = ["TZ": "UTC", "COLUMNS": "120"],
        normalised: (String) -> String
    ) async throws {
        let commands = try Self.text("\(name)/commands").split(separator: "\n")
        #expect(commands.count > 20)
        for command in commands {
            let fields = command.split(separator: "\t").map(String.init)
            let arguments = Array(fields.dropFirst(2))
            let result = try await runConvoy(arguments, environment: environment, in: folder)
            #expect("\(result.exitCode)" == fields[1], "convoy \(arguments): \(result.standardError)")
            let expected = try Self.text("\(name)/\(fields[0])")
            let difference = difference(normalised(result.standardOutput), normalised(expected))
            if difference != nil, ProcessInfo.processInfo.environment["CONVOY_UPDATE_GOLDEN"] == "1" {
                try writeFile("\(Self.recorded)/\(name)/\(fields[0])", result.standardOutput)
            }
            #expect(difference == nil, "convoy \(arguments)")
        }
    }

    /// Where two texts first differ, byte by byte; nil where they do not.
    private func difference(_ found: String, _ recorded: String) -> String? {
        let (ours, theirs) = (lines(found), lines(recorded))
        for (number, pair) in zip(ours, theirs).enumerated() where !pair.0.utf8.elementsEqual(pair.1.utf8) {
            return "line \(number + 1) is “\(pair.0)” and was “\(pair.1)”"
        }
        return ours.count == theirs.count ? nil : "\(ours.count) lines, and there were \(theirs.count)"
    }

    private func lines(_ text: String) -> [String] {
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A document from a journal, without when it was written.
    private func withoutMomentOfWriting(_ text: String) -> String {
        text.replacing(/"generated_at": ?"[^"]*"/, with: "\"generated_at\": \"NOW\"")
            .replacing(/<dt>Generated<\/dt><dd><bdi>[^<]*</, with: "<dt>Generated</dt><dd><bdi>NOW<")
            .replacing(/Made by Convoy [0-9 :-]*Z/, with: "Made by Convoy NOW")
            // A page's styles and scripts are files of Convoy, which change; what they show is in the page as data.
            .replacing(/sha256-[A-Za-z0-9+\/=]*/, with: "sha256")
            .replacing(/<script>[\s\S]*?<\/script>|<style>[\s\S]*?<\/style>/, with: "")
    }

    /// A document of a run without an end, without how long it has taken until now.
    private func withoutTimeSinceStart(_ text: String) -> String {
        text.replacing(/cut off, [^,]*,/, with: "cut off, TIME,")
            .replacing(/convoy_run_duration_seconds\{[^}]*\} [0-9.e+]+/, with: "convoy_run_duration_seconds TIME")
    }

    /// A document of a run that was made again, without what is another one each time.
    private func withoutTimes(_ text: String) -> String {
        text.replacing(/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}/, with: "RUN")
            .replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z?/, with: "TIME")
            .replacing(/"(?:duration|p50|p95|max|seconds_since_last_migration)": ?[0-9.e-]+/, with: "\"seconds\": TIME")
            .replacing(/"slowest": ?"[a-z]+"/, with: "\"slowest\": NAME")
            .replacing(/"started_by": ?"[^"]*"/, with: "\"started_by\": USER")
            .replacing(/\ time="[0-9.]+"/, with: " time=TIME")
            .replacing(/seconds\{[^}]*\} [0-9.e+-]+/, with: "seconds TIME")
            // In CSV an age follows the time, and how long it took a number of migrations.
            .replacing(/TIME,[0-9]+(?:,[0-9]+\.[0-9]+)?/, with: "TIME,NUMBER")
            .replacing(/[0-9]+(?:\.[0-9]+)? (?:ms|min|s|h)(?: ago)?(?![a-z])/, with: "TIME")
            .replacing(/17\.[0-9]+/, with: "17")
            // Columns are as wide as what is in them.
            .replacing(/\ +/, with: " ")
    }
}
