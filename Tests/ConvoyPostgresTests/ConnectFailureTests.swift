import Testing

@testable import ConvoyPostgres

@Suite("libpq's words about a failed connection")
struct ConnectFailureTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        var beforeDialling = false
        let code: PostgresError.Code
        let message: String
        var sqlstate: String?
        var severity: String?
        var detail: String?
        var hint: String?
        var place: String?

        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "verbose",
            text: """
                connection to server at "127.0.0.1", port 5432 failed: FATAL:  28P01: password authentication failed for user "alice"
                LOCATION:  auth_failed, auth.c:338

                """,
            code: .connectFailed,
            message: #"password authentication failed for user "alice""#,
            sqlstate: "28P01",
            severity: "FATAL",
            place: "auth_failed auth.c 338"
        ),
        Case(
            name: "second attempt without TLS",
            text: """
                connection to server at "h" (10.0.0.1), port 1 failed: FATAL:  28000: no pg_hba.conf entry for host, SSL encryption
                LOCATION:  ClientAuthentication, auth.c:539
                connection to server at "h" (10.0.0.1), port 1 failed: FATAL:  28000: no pg_hba.conf entry for host, no encryption
                LOCATION:  ClientAuthentication, auth.c:539
                """,
            code: .connectFailed,
            message: "no pg_hba.conf entry for host, no encryption",
            sqlstate: "28000",
            severity: "FATAL",
            place: "ClientAuthentication auth.c 539"
        ),
        Case(
            name: "detail, hint, and more than one line of each",
            text: """
                connection to server on socket "/s/.s.PGSQL.5432" failed: FATAL:  57P03: the database system is not yet accepting connections
                DETAIL:  Consistent recovery state
                has not been yet reached.
                HINT:  Wait: it comes.
                LOCATION:  ProcessStartupPacket, postmaster.c:2405
                """,
            code: .connectFailed,
            message: "the database system is not yet accepting connections",
            sqlstate: "57P03",
            severity: "FATAL",
            detail: "Consistent recovery state\nhas not been yet reached.",
            hint: "Wait: it comes.",
            place: "ProcessStartupPacket postmaster.c 2405"
        ),
        Case(
            name: "a name with a line break and colons in it",
            text: """
                connection to server at "127.0.0.1", port 5432 failed: FATAL:  3D000: database "a: b
                c:  d" does not exist
                LOCATION:  InitPostgres, postinit.c:936
                """,
            code: .connectFailed,
            message: "database \"a: b\nc:  d\" does not exist",
            sqlstate: "3D000",
            severity: "FATAL",
            place: "InitPostgres postinit.c 936"
        ),
        Case(
            name: "another language",
            text:
                "connection to server at \"h\", port 1 failed: ВАЖНО:  53300: извините, уже слишком много клиентов\nLOCATION:  f, g.c:1\n",
            code: .connectFailed,
            message: "извините, уже слишком много клиентов",
            sqlstate: "53300",
            severity: "FATAL",
            place: "f g.c 1"
        ),
        Case(
            name: "a pooler's error",
            text: "connection to server at \"h\", port 6432 failed: ERROR:  08P01: no such database: x\n",
            code: .connectFailed,
            message: "no such database: x",
            sqlstate: "08P01",
            severity: "ERROR"
        ),
        Case(
            name: "refused",
            text: """
                connection to server at "127.0.0.1", port 1 failed: Connection refused
                \tIs the server running on that host and accepting TCP/IP connections?
                """,
            code: .connectFailed,
            message: #"connection to server at "127.0.0.1", port 1 failed: Connection refused"#
        ),
        Case(
            name: "several lines",
            text:
                "connection to server at \"a\", port 1 failed: Connection refused\n\tIs it?\nconnection to server at \"b\", port 1 failed: timeout\n",
            code: .connectFailed,
            message: #"connection to server at "a", port 1 failed: Connection refused; connection to server at "b", port 1 failed: timeout"#
        ),
        Case(
            name: "bad value",
            text: "invalid sslmode value: \"maybe\"\n",
            beforeDialling: true,
            code: .invalidParameters,
            message: #"invalid sslmode value: "maybe""#
        ),
        Case(
            name: "no such socket, at once",
            text: "connection to server on socket \"/s\" failed: No such file or directory\n\tIs the server running locally?\n",
            beforeDialling: true,
            code: .connectFailed,
            message: #"connection to server on socket "/s" failed: No such file or directory"#
        ),
        Case(name: "nothing", text: "", code: .connectFailed, message: "the connection failed without a reason"),
        Case(
            name: "a secret repeated",
            text: "connection to server at \"h\", port 1 failed: FATAL:  28P01: no user hunter2!\n",
            code: .connectFailed,
            message: "no user •••!",
            sqlstate: "28P01",
            severity: "FATAL"
        ),
    ]

    @Test("become a typed error", arguments: cases)
    func parses(_ example: Case) {
        let error = ConnectFailure.error(
            libpqMessage: example.text,
            beforeDialling: example.beforeDialling,
            ConnectionParameters(["password": "hunter2", "sslpassword": ""])
        )
        #expect(error.code == example.code)
        #expect(error.message == example.message)
        #expect(error.sqlstate == example.sqlstate)
        #expect(error.server?.severity == example.severity)
        #expect(error.server?.detail == example.detail)
        #expect(error.server?.hint == example.hint)
        let place = error.server.flatMap { server in
            server.sourceRoutine.map { "\($0) \(server.sourceFile ?? "") \(server.sourceLine ?? "")" }
        }
        #expect(place == example.place)
    }
}
