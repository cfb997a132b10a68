import Testing

@testable import ConvoyPostgres

@Suite("Connection parameters")
struct ConnectionParametersTests {
    @Test(
        "read URIs and key=value strings",
        arguments: [
            (
                "postgresql://u:p%40ss@[::1]:5433/db?sslmode=require",
                ["host": "::1", "port": "5433", "user": "u", "password": "p@ss", "dbname": "db", "sslmode": "require"]
            ),
            ("postgres://a:1,b:2/db", ["host": "a,b", "port": "1,2", "dbname": "db"]),
            ("host=/tmp dbname='my db' application_name=x", ["host": "/tmp", "dbname": "my db", "application_name": "x"]),
            ("postgresql://%2Ftmp%2Fsocket/db", ["host": "/tmp/socket", "dbname": "db"]),
            ("service=fleet", ["service": "fleet"]),
            ("", [:]),
        ] as [(String, [String: String])]
    )
    func conninfo(_ text: String, _ expected: [String: String]) throws {
        #expect(try ConnectionParameters(conninfo: text) == ConnectionParameters(expected))
    }

    @Test(
        "never repeat a malformed string",
        arguments: [
            "postgresql://u:hunter2@h:5432:/db?x", "host=a password='hunter2", "hunter2", "nokeyword=hunter2",
            "postgresql://u:hunter2%zz@h",
            "host=a\0password=hunter2",
        ]
    )
    func malformed(_ text: String) {
        let error = #expect(throws: PostgresError.self) { try ConnectionParameters(conninfo: text) }
        #expect(error?.code == .invalidParameters)
        #expect(!"\(String(describing: error)) \(String(reflecting: error))".contains("hunter2"))
    }

    @Test("leave secrets out of every description")
    func description() {
        let parameters = ConnectionParameters(["host": "h", "password": "hunter2", "sslpassword": "hunter3", "user": "u"])
        #expect(parameters.description == "host=h user=u")
        var dumped = ""
        dump(parameters, to: &dumped)
        #expect(!(dumped + String(reflecting: parameters)).contains("hunter"))
    }

    @Test(
        "that libpq does not know, or C cannot hold, are refused by name and not by value",
        arguments: [["hots": "hunter2"], ["password": "hunter2\0x"], ["host": "a\0hunter2"]]
    )
    func validation(_ values: [String: String]) {
        let error = #expect(throws: PostgresError.self) { try ConnectionParameters(values).validate() }
        #expect(error?.code == .invalidParameters)
        #expect(error?.message.contains(values.keys.first ?? "?") == true)
        #expect(error?.message.contains("hunter2") == false)
    }

    @Test(
        "list their hosts",
        arguments: [
            (["host": "a,b", "port": "1,2"], [Host(name: "a", port: "1"), Host(name: "b", port: "2")]),
            (["host": "a,b", "port": "1"], [Host(name: "a", port: "1"), Host(name: "b", port: "1")]),
            (["host": "a,b", "hostaddr": "10.0.0.1,"], [Host(name: "a", address: "10.0.0.1"), Host(name: "b")]),
            (["hostaddr": "::1"], [Host(address: "::1")]),
            (["host": "/s,,h"], [Host(name: "/s"), Host(name: ""), Host(name: "h")]),
            ([:], [Host()]),
        ] as [([String: String], [Host])]
    )
    func hosts(_ values: [String: String], _ expected: [Host]) throws {
        #expect(try Host.list(ConnectionParameters(values)) == expected)
    }

    @Test(
        "refuse lists of different lengths",
        arguments: [["host": "a,b", "port": "1,2,3"], ["host": "a,b", "hostaddr": "10.0.0.1"], ["host": "a", "port": "1,2"]]
    )
    func unequalLists(_ values: [String: String]) {
        let error = #expect(throws: PostgresError.self) { try Host.list(ConnectionParameters(values)) }
        #expect(error?.code == .invalidParameters)
    }

    @Test(
        "turn Kerberos encryption off unless it is required",
        arguments: [(nil, "disable"), ("prefer", "disable"), ("require", "require")]
    )
    func kerberos(_ given: String?, _ expected: String) {
        var parameters = ConnectionParameters(["host": "h"])
        parameters["gssencmode"] = given
        #expect(parameters.completed(applicationName: "a")["gssencmode"] == expected)
    }
}
