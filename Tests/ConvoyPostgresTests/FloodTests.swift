import TestSupport
import Testing

@testable import ConvoyPostgres

@Suite("A server that sends without end", .timeLimit(.minutes(2)))
struct FloodTests {
    private static let gigabyte = 1 << 30

    @Test(
        "is left while it sends, whatever it sends, long before the memory is full",
        arguments: [
            FloodingServer.Flood.notices(bytes: 1000), .notices(bytes: 1 << 20), .notifications, .lateParameters, .rows(bytes: 10),
            .rows(bytes: 1 << 20), .hugeRow(bytes: 1 << 30), .hugeError(bytes: 1 << 30),
        ]
    )
    func answers(_ flood: FloodingServer.Flood) async throws {
        let server = try FloodingServer(flood)
        let connection = try await session(Self.parameters(server))
        let begin = ContinuousClock.now
        let error = try await failure { try await connection.query("SELECT 1", timeout: .seconds(60)) }
        #expect(error.code == .overBudget)
        #expect(error.message.hasPrefix("the server sent more than ") && error.message.utf8.count < 100, "\(error)")
        #expect(!connection.isOpen)
        #expect(ContinuousClock.now - begin < .seconds(30))
        // The budget, twice as much for what is counted again while it waits, and what the kernel keeps for both sides.
        #expect(server.bytesSent < 32 << 20)
        #expect(connection.takeNotices().count <= connection.budget.keptNotices)
    }

    @Test(
        "is left while connecting",
        arguments: [FloodingServer.Flood.parameters, .earlyNotices(bytes: 100), .earlyNotices(bytes: 1 << 20)]
    )
    func connecting(_ flood: FloodingServer.Flood) async throws {
        let server = try FloodingServer(flood)
        let begin = ContinuousClock.now
        let error = try await failure { _ = try await session(Self.parameters(server), timeout: .seconds(60)) }
        #expect(error.code == .connectFailed)
        #expect(error.message == "the server sent more than 128 KiB before the session was ready")
        #expect(ContinuousClock.now - begin < .seconds(30))
        #expect(server.bytesSent < 16 << 20)
    }

    @Test("does not put off the time for connecting")
    func connectTimeout() async throws {
        let server = try FloodingServer(.parameters)
        let begin = ContinuousClock.now
        let error = try await failure { _ = try await session(Self.parameters(server), timeout: .milliseconds(1)) }
        #expect(error.code == .timedOut || error.code == .connectFailed)
        #expect(ContinuousClock.now - begin < .seconds(10))
    }

    @Test("rows that are not wanted are read and dropped, however many")
    func droppedRows() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            var statement = PipelineStatement("SELECT repeat('x', 100) AS x FROM generate_series(1, 200000)")
            #expect(try await failure { _ = try await database.connect().pipeline([statement]) }.code == .overBudget)
            statement.keepsRows = false
            let results = try await connection.pipeline([statement, PipelineStatement("SELECT 1 AS one")])
            guard case .success(let result) = results[0] else { throw TestSupportError("the statement failed") }
            #expect(result.rows.isEmpty && result.commandTag == "SELECT 200000")
            #expect(results[1].value == "1")
        }
    }

    @Test("the limits of rows and of bytes count what all statements of a pipeline gave")
    func budgets() async throws {
        try await withDatabase { database in
            for (change, statements) in [
                ({ $0.rows = 10 }, [6, 5]), ({ $0.resultBytes = 10_000 }, [100, 100, 100]),
            ] as [((inout SessionBudget) -> Void, [Int])] {
                let connection = try await database.connect()
                change(&connection.budget)
                let pipeline = statements.map { PipelineStatement("SELECT n::text || 'abc' AS n FROM generate_series(1, \($0)) AS n") }
                #expect(try await connection.pipeline([pipeline[0]]).count == 1)
                let error = try await failure { _ = try await connection.pipeline(pipeline) }
                #expect(error.code == .overBudget)
                #expect(!connection.isOpen)
            }
        }
    }

    @Test("warnings are kept up to a number, and the rest is counted")
    func warnings() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            try await connection.query("DO $$ BEGIN FOR i IN 1..120 LOOP RAISE WARNING '%', i; END LOOP; END $$")
            let (kept, others) = connection.takeCountedNotices()
            #expect(kept.map(\.message) == (1...50).map(String.init))
            #expect(others == 70)
            #expect(connection.takeCountedNotices().others == 0)
        }
    }

    @Test("a long message is cut, with its detail and hint, between two characters")
    func longMessage() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let error = try await failure {
                try await connection.query(
                    """
                    DO $$ BEGIN
                        RAISE EXCEPTION USING MESSAGE = repeat('ä€😀', 100000), DETAIL = repeat('x', 100000), HINT = 'x' || repeat('ä', 100000);
                    END $$
                    """
                )
            }
            let message = try #require(error.server)
            for text in [message.message, message.detail ?? "", message.hint ?? ""] {
                #expect(text.hasSuffix("… (cut)"))
                #expect((8180...8192).contains(text.utf8.count - ServerText.mark.utf8.count))
                #expect(!text.unicodeScalars.contains("\u{FFFD}"))
            }
            #expect(connection.isOpen)
        }
    }

    private static func parameters(_ server: FloodingServer) -> ConnectionParameters {
        ConnectionParameters([
            "host": "127.0.0.1", "port": "\(server.port)", "user": "u", "dbname": "d", "sslmode": "disable", "gssencmode": "disable",
        ])
    }
}

@Suite("Texts of a server")
struct ServerTextTests {
    @Test("are cut where a character begins, whatever stands there")
    func cutting() {
        let text = "aä€😀z"
        for limit in 1...text.utf8.count + 1 {
            let cut = ServerText.text(text, limit: limit)
            guard limit < text.utf8.count else {
                #expect(cut == text)
                continue
            }
            let kept = cut.dropLast(ServerText.mark.count)
            #expect(text.hasPrefix(kept) && kept.utf8.count <= limit && kept.utf8.count > limit - 4)
            #expect(cut.hasSuffix(ServerText.mark))
        }
    }

    @Test("may be no UTF-8 at all")
    func invalid() {
        let bytes: [UInt8] = [0x61, 0xFF, 0xC3, 0x28, 0x80, 0x80, 0x80, 0x80, 0x80, 0x62, 0]
        for limit in 1...bytes.count {
            let text = bytes.withUnsafeBytes { ServerText.text($0.bindMemory(to: CChar.self).baseAddress!, limit: limit) }
            #expect(text.hasPrefix("a"))
        }
    }

    @Test("that should be codes and places are those, or nothing")
    func codes() {
        for (text, code) in [("42P01", "42P01"), ("", ""), ("42p01", ""), ("42P0", ""), ("42P011", ""), ("«»", "")] {
            #expect(text.withCString { ServerText.sqlstate($0) } == code)
        }
        for text in ["0", "-1", "nan", "", "99999999999999999999", "1.5", "2147483648"] { #expect(ServerText.position(text) == nil) }
        #expect(ServerText.position("12") == 12)
    }
}
