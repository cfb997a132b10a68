import ConvoyIO
import ConvoyPostgres
import Synchronization
import TestSupport
import Testing

@Suite("Pipelines", .timeLimit(.minutes(2)))
struct PipelineTests {
    @Test("ten thousand statements, and both sides' buffers full many times over")
    func large() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            defer { connection.close() }
            let text = String(repeating: "x", count: 500)
            let many = (0..<10_000).map {
                PipelineStatement("SELECT $1::text AS t", ["\($0)" + text], flushes: $0 % 7 == 0)
            }
            let results = try await connection.pipeline(many)
            // An expectation describes all that stands in it, so the long lists stay outside.
            let areSame = results.count == many.count && zip(results, many).allSatisfy { $0.value == $1.parameters.first }
            #expect(areSame)

            // Neither side could go on if we did not read while we write.
            connection.budget.resultBytes = 64 << 20
            let wideText = String(repeating: "y", count: 400_000)
            let wide = (0..<40).map { _ in PipelineStatement("SELECT $1::text || $1 AS t", [wideText]) }
            let lengths = Set(try await connection.pipeline(wide).map { $0.value?.utf8.count })
            #expect(lengths == [800_000])
            #expect(connection.transactionStatus == .idle)
        }
    }

    @Test("after an error the rest is skipped, what was committed stands, and the session goes on")
    func errorInTheMiddle() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            defer { connection.close() }
            var seen: [Int] = []
            let results = try await connection.pipeline(
                [
                    "BEGIN", "CREATE TABLE kept (id int)", "COMMIT", "BEGIN", "CREATE TABLE lost (id int)", "SELECT 1 / 0", "COMMIT",
                    "CREATE TABLE later (id int)",
                ].map { PipelineStatement($0) },
                onResult: { index, _ in seen.append(index) }
            )
            #expect(seen == Array(0..<8))
            #expect(results[5].sqlstate == "22012")
            #expect(results[6].isSkipped && results[7].isSkipped)
            #expect(connection.transactionStatus == .failed)
            try await connection.query("ROLLBACK")
            #expect(connection.transactionStatus == .idle)
            let tables = try await connection.query("SELECT relname FROM pg_catalog.pg_class WHERE relname IN ('kept', 'lost', 'later')")
            #expect(try tables.rows.map { try $0.text("relname") } == ["kept"])
        }
    }

    @Test("an error at the beginning spares the server what was not sent yet")
    func errorAtTheBeginning() async throws {
        try await withDatabase { database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            let connection = try await session(database.ownerOverTCP(port: proxy.port))
            defer { connection.close() }
            let text = String(repeating: "x", count: 100_000)
            let rest = (0..<400).map { _ in PipelineStatement("SELECT $1::text AS t", [text]) }
            var count = 0
            let results = try await connection.pipeline([PipelineStatement("nonsense", flushes: true)] + rest) { _, _ in count += 1 }
            #expect(results.first?.sqlstate == "42601")
            let skipped = results.filter(\.isSkipped).count
            #expect(skipped == 400 && count == 401)
            #expect(proxy.counts.bytesToServer < 40_000_000)
            #expect(try await connection.query("SELECT 1 AS one").onlyRow().int64("one") == 1)
        }
    }

    @Test("a COMMIT can fail by itself, and says on which constraint")
    func failingCommit() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            defer { connection.close() }
            try await connection.query("CREATE TABLE t (id int CONSTRAINT t_once UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            let results = try await connection.pipeline(
                ["BEGIN", "INSERT INTO t VALUES (1), (1)", "COMMIT", "CREATE TABLE later (id int)"].map {
                    PipelineStatement($0, flushes: true)
                }
            )
            #expect(results[2].sqlstate == "23505")
            #expect(results[3].isSkipped)
            guard case .failure(let message) = results[2] else { return }
            #expect(message.constraint == "t_once")
            #expect(message.table == "t")
            #expect(message.schema == "public")
            #expect(message.detail == "Key (id)=(1) already exists.")
            #expect(message.severity == "ERROR")
            #expect(message.isClass("23"))
            #expect(!PostgresError(.server, message.message, server: message).description.contains("(1)"))
        }
    }

    @Test("with a flush a result comes while the next statement still runs")
    func flushes() async throws {
        try await withDatabase { database in
            let holder = try await database.connect()
            defer { holder.close() }
            try await holder.query("SELECT pg_advisory_lock(1)")
            let hasFirst = Shared(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let connection = try await database.connect()
                    defer { connection.close() }
                    _ = try await connection.pipeline(
                        [PipelineStatement("SELECT 1", flushes: true), PipelineStatement("SELECT pg_advisory_lock(1)")],
                        onResult: { index, _ in if index == 0 { hasFirst.change { $0 = true } } }
                    )
                }
                try await eventually("the first result is there") { hasFirst.value }
                try await holder.query("SELECT pg_advisory_unlock(1)")
                try await group.waitForAll()
            }
        }
    }

    @Test("values come back as they went: NULL, empty, every script, and megabytes")
    func values() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            defer { connection.close() }
            let values: [String?] = [
                nil, "", "'", #"\"#, "Grüße, 世界 🚗\u{0301}\r\n\t", "\u{1}\u{7f}", String(repeating: "ß", count: 2_000_000),
            ]
            for value in values {
                let row = try await connection.query("SELECT $1::text AS t, octet_length($1::text) AS n", [value]).onlyRow()
                #expect(try row.optionalText("t") == value)
                #expect(try row.optionalText("n") == value.map { String($0.utf8.count) })
            }
            let row = try await connection.query(
                "SELECT true AS yes, false AS no, 9223372036854775807 AS big, NULL AS none, 1 AS \"x\", 2 AS \"x\""
            ).onlyRow()
            #expect(try row.bool("yes") && !row.bool("no"))
            #expect(try row.int64("big") == .max)
            #expect(try row.text("x") == "1")
            for read in [
                { _ = try row.text("none") }, { _ = try row.text("absent") }, { _ = try row.int64("yes") }, { _ = try row.bool("big") },
            ] {
                #expect(throws: PostgresError.self) { try read() }
            }
            #expect(try await connection.query("VALUES (1), (2)").rows.count == 2)
            let none = try await connection.query("CREATE TEMPORARY TABLE t AS SELECT WHERE false")
            #expect(none.commandTag == "SELECT 0")
            #expect(none.rows.isEmpty && none.columns.isEmpty)
            let wrong = try await failure { _ = try await connection.query("VALUES (1), (2)").onlyRow() }
            #expect(wrong.code == .unexpectedResult)
        }
    }

    @Test("empty statements and pipelines do no harm; several commands in one statement are refused by the server")
    func oddStatements() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            defer { connection.close() }
            #expect(try await connection.pipeline([]).isEmpty)
            let results = try await connection.pipeline(["", ";", "-- nothing", "SELECT 1 AS one"].map { PipelineStatement($0) })
            #expect(results.map { $0.sqlstate } == [nil, nil, nil, nil])
            #expect(results.last?.value == "1")
            #expect(try await failure { try await connection.query("SELECT 1; SELECT 2") }.sqlstate == "42601")
            for _ in 0..<3 { #expect(try await connection.pipeline([PipelineStatement("SELECT 2 AS two")]).first?.value == "2") }
        }
    }

    @Test("65,535 parameters are sent; one more, or a zero byte, is refused before anything is")
    func limits() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            defer { connection.close() }
            let list = (1...65_535).map { "$\($0)::text" }.joined(separator: ",")
            let row = try await connection.query("SELECT cardinality(ARRAY[\(list)]) AS n", Array(repeating: "v", count: 65_535)).onlyRow()
            #expect(try row.int64("n") == 65_535)
            let created = PipelineStatement("CREATE TABLE sent (id int)")
            for refused in [
                PipelineStatement("SELECT 1", Array(repeating: nil, count: 65_536)), PipelineStatement("SELECT 1\0"),
                PipelineStatement("SELECT $1", ["a\0b"]),
            ] {
                #expect(try await failure { _ = try await connection.pipeline([created, refused]) }.code == .invalidParameters)
            }
            #expect(try await connection.query("SELECT FROM pg_catalog.pg_class WHERE relname = 'sent'").rows.isEmpty)
        }
    }

    @Test("COPY is refused and the session closed", arguments: ["COPY pg_class TO STDOUT", "COPY t FROM STDIN"])
    func copy(_ sql: String) async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            defer { connection.close() }
            try await connection.query("CREATE TABLE t (id int)")
            let error = try await failure {
                _ = try await connection.pipeline([PipelineStatement("SELECT 1"), PipelineStatement(sql), PipelineStatement("SELECT 2")])
            }
            #expect(error.code == .unexpectedResult)
            #expect(error.message.contains("COPY"))
            #expect(!connection.isOpen)
            #expect(try await failure { try await connection.query("SELECT 1") }.code == .connectionLost)
        }
    }

    @Test("notices are kept in order, with their fields")
    func notices() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            defer { connection.close() }
            let block = "DO $$ BEGIN RAISE NOTICE 'one' USING HINT = 'h', DETAIL = 'd'; RAISE WARNING 'two' USING ERRCODE = '01ABC'; END $$"
            let results = try await connection.pipeline([PipelineStatement(block), PipelineStatement("DROP TABLE IF EXISTS nothing")])
            #expect(results.allSatisfy { $0.sqlstate == nil })
            let notices = connection.takeNotices()
            #expect(notices.map(\.severity) == ["NOTICE", "WARNING", "NOTICE"])
            #expect(notices.map(\.message) == ["one", "two", "table \"nothing\" does not exist, skipping"])
            #expect(notices.first?.hint == "h" && notices.first?.detail == "d")
            #expect(notices.dropFirst().first?.sqlstate == "01ABC")
            #expect(connection.takeNotices().isEmpty)
        }
    }

    @Test("an error has its position and, from within a function, its place there")
    func positions() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            defer { connection.close() }
            let syntax = try await failure { try await connection.query("SELECT 'ü🚗', nonsense") }
            #expect(syntax.sqlstate == "42703")
            // Characters, not bytes.
            #expect(syntax.server?.position == 14)
            let inner = try await failure { try await connection.query("DO $$ BEGIN PERFORM nonsense; END $$") }
            #expect(inner.server?.internalPosition == 8)
            #expect(inner.server?.internalQuery == "SELECT nonsense")
            #expect(inner.server?.context?.contains("line 1 at PERFORM") == true)
        }
    }

    @Test("a closed session says so")
    func closed() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            connection.close()
            connection.close()
            #expect(!connection.isOpen)
            #expect(connection.transactionStatus == .unknown)
            #expect(connection.parameterStatus("server_version") == nil)
            #expect(try await failure { try await connection.query("SELECT 1") }.message == "the connection is closed")
        }
    }

    /// TCP's own time-out takes a server that reads nothing for one that is gone, so what waits behind a statement must fit its buffers.
    @Test("only little is sent beyond what was answered, whatever is behind")
    func ahead() async throws {
        try await withDatabase { database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            let connection = try await session(database.ownerOverTCP(port: proxy.port))
            let before = proxy.counts.bytesToServer
            let text = String(repeating: "x", count: 1000)
            var statements = [PipelineStatement("SELECT pg_advisory_lock(77)")]
            statements += (0..<400).map { _ in PipelineStatement("SELECT $1::text", [text]) }
            // One that is larger than what may be under way goes alone.
            statements.append(PipelineStatement("SELECT length($1)", [String(repeating: "y", count: 200_000)]))
            statements.append(PipelineStatement("SELECT 'last' AS t"))
            let holder = try await database.connect()
            try await holder.query("SELECT pg_advisory_lock(77)")
            async let release: Void = {
                try await eventually("it waits") {
                    try await database.query("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND objid = 77").rows.count
                        >= 1
                }
                // What is sent is sent at once.
                await pause(for: .milliseconds(200), cancellation: .ignored)
                #expect(proxy.counts.bytesToServer - before < 40_000)
                holder.close()
            }()
            let results = try await connection.pipeline(statements)
            try await release
            #expect(results.count == statements.count)
            #expect(results.last?.value == "last")
            connection.close()
        }
    }

    @Test("each answer has a limit of its own, which starts anew with each result")
    func answerLimits() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let sleep = PipelineStatement("SELECT pg_sleep(0.3)", flushes: true)
            connection.watch = PipelineWatch(.uniform(.milliseconds(500)), slack: .milliseconds(500))
            #expect(try await connection.pipeline(Array(repeating: sleep, count: 6)).count == 6)
            let late = PipelineStatement("SELECT pg_sleep(60)")
            var arrived = 0
            let error = try await failure { _ = try await connection.pipeline([sleep, late], onResult: { _, _ in arrived += 1 }) }
            #expect(error.code == .timedOut)
            #expect(arrived == 1)
            #expect(!connection.isOpen)
        }
    }

    @Test("limits add up where answers come together, and none is no limit")
    func limitsAddUp() {
        let watch = PipelineWatch(.each([.seconds(1), .seconds(2), nil, .seconds(4)]), slack: .seconds(10))
        let statements = [false, true, false, true].map { PipelineStatement("SELECT 1", flushes: $0) }
        #expect(watch.limit(at: 0, of: statements) == .seconds(13))
        #expect(watch.limit(at: 1, of: statements) == .seconds(12))
        #expect(watch.limit(at: 2, of: statements) == nil)
        #expect(watch.limit(at: 3, of: statements) == .seconds(14))
        #expect(watch.limit(at: 4, of: statements) == .seconds(10))
    }

    @Test("another task can give a pipeline up")
    func givenUp() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let watch = PipelineWatch(.uniform(nil), slack: .zero)
            connection.watch = watch
            async let end: Void = {
                try await eventually("it is waited for") { watch.progress?.index == 0 }
                watch.giveUp("nothing answers")
            }()
            let error = try await failure { try await connection.query("SELECT pg_sleep(60)") }
            try await end
            #expect(error.code == .timedOut)
            #expect(error.message == "nothing answers")
        }
    }
}
