import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// How secrets of every source are judged, kept and never shown.
@Suite(.timeLimit(.minutes(1))) struct SecretReadingTests {
    /// What is told of a file, or the warnings of one that can be used.
    private func told(_ text: String, _ environment: [String: String] = [:]) -> String {
        ProblemCase("", text, tells: "").actual(environment)
    }

    // MARK: URLs whose password is not encoded

    /// hunter2 is a part of the password in all of them, and would become a host, a port or a database.
    @Test(arguments: [
        "postgres://u:p@hunter2@127.0.0.1:5999/tm", "postgresql://u:p@hunter2/x@h/tm", "postgres://u:1/hunter2@h/tm",
        "postgres://u:p@@hunter2/tm",
        "postgres://u:p?hunter2@h/tm", "postgres://u:p#hunter2@h/tm", "postgres://u:p hunter2@h/tm", "postgres://u:p@h/tm#hunter2",
        "postgres://u:p@h/tm/hunter2", "postgres://u:p@h/tm?application_name=x@hunter2", "postgres://u:p@h/tm hunter2",
        "postgres://u:%hunter2@h/tm", "postgres://u:hunter2", "host=h user=u password=a hunter2 dbname=tm", "postgres://u:p@h:hunter2/tm",
        "postgres://u:p@[hunter2/tm", "POSTGRES://u:p@hunter2@h/tm", "host=p@hunter2 dbname=tm", "host=h dbname=p@hunter2:5/tm",
        "postgres://u:p@h/tm?host=x%40hunter2", "host='h hunter2' dbname=tm", "\u{FEFF}postgres://u:hunter2@h/tm",
        "\"postgres://u:hunter2@h/tm\"",
        "postgres://u:hunter2@h/tm\n", "DB_URL=postgres://u:hunter2@h/tm", "postgres://u:hunter2@h/tm\u{200B}",
    ]) func aURLThatIsNotEncodedIsRefused(_ url: String) {
        for key in [
            "url: \"${env:URL}\"", "host: h, database: d, direct: \"${env:URL}\"", "host: h, database: d, admin: {url: \"${env:URL}\"}",
        ] {
            let told = told("version: 1\ninstances:\n  - {name: a, \(key)}", ["URL": url])
            #expect(told.contains(": error: "), "\(key) \(url)")
            #expect(!told.contains("hunter2"), "\(told)")
        }
        // In the file itself, too.
        let literal = url.replacing("\n", with: "\\n").replacing("\"", with: "\\\"")
        #expect(!told("version: 1\ninstances:\n  - {name: a, url: \"\(literal)\"}").contains("hunter2"))
    }

    @Test func theHintSaysHowToEncode() {
        let told = told("version: 1\ninstances:\n  - {name: a, url: \"${env:URL}\"}", ["URL": "postgres://u:p@x@h/d"])
        #expect(
            told == """
                fleet.yaml:3:20: error: `url` contains more than one “@”, so it cannot be split into its parts
                    hint: percent-encode a password in a URL: “@” is %40, “/” is %2F, “?” is %3F, “#” is %23, “:” is %3A, “%” is %25, a space is %20
                """
        )
    }

    @Test(arguments: [
        "postgres://u:p%40%23%2F%3F%3A%20x@h:5432/tm?sslmode=disable", "postgresql:///tm?host=/run/postgresql&user=u",
        "postgres://u@[::1]:5432/tm",
        "postgres://u:a:b@h/tm", "host=/run/postgresql user=u dbname=tm", "host=h1,h2 port=1,2 user=u password='a@b /?#' dbname=tm",
        "postgres://u:p@h1:1,h2:2/tm?target_session_attrs=any", "host=@abstract dbname=tm", "postgres://h/tm",
        "host=h user=u@tenant dbname=tm",
    ]) func aURLThatIsEncodedIsRead(_ url: String) {
        let told = told("version: 1\ninstances:\n  - {name: a, url: \"${env:URL}\"}", ["URL": url])
        #expect(!told.contains("error"), "\(told)")
    }

    @Test(arguments: [
        ("host", "p@hunter2"), ("host", "h/hunter2"), ("host", "h?hunter2"), ("host", "h#hunter2"), ("host", "h hunter2"),
        ("host", "h;hunter2"),
        ("host", "@hunter2@h"), ("host", "/run/x@hunter2"), ("hostaddr", "hunter2@1.2.3.4"), ("database", "hunter2@h:5432/tm"),
        ("database", "hunter2@h/tm"), ("database", "tm?password=hunter2"), ("dbname", "postgres://u:hunter2@h/tm"), ("user", "u:hunter2@h"),
        ("port", "hunter2"), ("host", "u:hunter2@h"),
    ]) func aFieldThatHoldsThePieceOfAURLIsRefused(_ key: String, _ value: String) {
        for (text, environment) in [("\"${env:V}\"", ["V": value]), ("\"\(value)\"", [:])] {
            let told = told("version: 1\ninstances:\n  - {name: a, \(key): \(text)}", environment)
            #expect(told.contains(": error: `"), "\(told)")
            // One word alone cannot be known from a name.
            #expect(!told.contains("hunter2") || value == "hunter2", "\(told)")
        }
    }

    @Test(arguments: [
        "https://u:p@hunter2@h/x", "https://u:p/hunter2@h/x", "https://u:1/hunter2@h/x", "https://u:p?hunter2@h/x",
        "https://u:p#hunter2@h/x",
        "https://u:p hunter2@h/x", "https://h/x#hunter2", "https://h/hunter2\n", "\u{FEFF}https://h/hunter2", "'https://h/hunter2'",
        "HOOK_URL=https://h/hunter2", "ftp://h/hunter2",
    ]) func aWebhookOrGateThatIsNotEncodedIsRefused(_ url: String) {
        let start = "version: 1\ninstances: [{name: a, database: a}]\n"
        for text in ["notifications: [{url: \"${env:URL}\"}]", "rollout: {waves: [{name: w, gate: {http: \"${env:URL}\"}}]}"] {
            let told = told(start + text, ["URL": url])
            #expect(told.contains(": error: `"), "\(told)")
            #expect(!told.contains("hunter2"), "\(told)")
        }
    }

    // MARK: Judgement

    @Test func aKeyThatLooksWrongIsRefused() async throws {
        try await withTemporaryFolder(files: ["plain": "hunter2", "newline": "hunter2\n", "windows": "hunter2\r\n"]) { folder in
            func fleet(_ key: String) throws -> Fleet {
                try FleetFile.read(
                    Array("version: 1\ninstances: [{name: a, database: a, secrets: {encryption_key: \(key)}}]".utf8),
                    file: "\(folder)/fleet.yaml",
                    environment: ["PLAIN": "hunter2", "NEWLINE": "hunter2\n"]
                )
            }
            for key in ["\"${file:plain}\"", "\"${file:newline}\"", "\"${file:windows}\"", "\"${env:PLAIN}\"", "hunter2"] {
                #expect(try fleet(key).instances[0].secrets["encryption_key"]?.reveal() == "hunter2")
            }
            let cases = [
                ("bom", "\u{FEFF}hunter2", "begins with a byte order mark"), ("blank-line", "hunter2\n\n", "ends with a line break"),
                ("carriage", "hunter2\r", "ends with a line break"), ("blank", "hunter2 \n", "ends with a blank"),
                ("quotes", "\"hunter2\"\n", "stands in quotation marks"),
                ("name", "ENCRYPTION_KEY=hunter2\n", "begins with a name and “=”"),
                ("nbsp", "hunter2\u{A0}\n", "ends with a blank"), ("zero-width", "hun\u{200B}ter2\n", "holds an invisible character"),
                ("tab", "hun\u{1}ter2\n", "holds a control character"),
            ]
            for (name, contents, words) in cases {
                try writeFile("\(folder)/\(name)", contents)
                let problems = #expect(throws: Problems.self) { try fleet("\"${file:\(name)}\"") }
                let told = try #require(problems).description
                #expect(told.contains("secret `encryption_key` (from file “\(name)”) \(words)"), "\(told)")
                #expect(!told.contains("hunter2"))
                // The operator's word counts.
                let exact = try #require(try fleet("{exact: \"${file:\(name)}\"}").instances[0].secrets["encryption_key"])
                #expect(exact.reveal() + "\n" == contents || exact.reveal() == contents || exact.reveal() + "\n\n" == contents)
                #expect(exact.oddities == [])
            }
            let variable = #expect(throws: Problems.self) { try fleet("\"${env:NEWLINE}\"") }
            #expect(try #require(variable).description.contains("(from variable NEWLINE) ends with a line break"))
        }
    }

    /// A server may really have such a password: PostgreSQL's container takes it from the same variable.
    @Test(arguments: [
        ("hunter2\n", "ends with a line break"), ("\u{FEFF}hunter2", "begins with a byte order mark"), ("hunter2 ", "ends with a blank"),
        ("'hunter2'", "stands in quotation marks"), ("PGPASSWORD=hunter2", "begins with a name and “=”"),
        ("hun\u{A0}ter2", "invisible character"),
    ]) func aPasswordThatLooksWrongIsToldAndUsed(_ password: String, _ words: String) throws {
        let text = "version: 1\ndefaults: {password: \"${env:PW}\"}\ninstances: [{name: a, database: a, password: \"${env:PW}\"}]"
        let fleet = try FleetFile.read(Array(text.utf8), file: "fleet.yaml", environment: ["PW": password])
        #expect(fleet.instances[0].connection["password"] == password)
        let told = fleet.warnings.filter { $0.message.hasPrefix("`password` (from variable PW) ") }
        #expect(told.count == 1)
        #expect(told.first?.message.contains(words) == true)
        #expect(!fleet.warnings.description.contains("hunter2"))
    }

    @Test func everySymbolIsTakenFromEverySource() async throws {
        let password = "p@ss#w/o?r:d%4 $1\"'\\ü+$$x"
        let encoded = "p%40ss%23w%2Fo%3Fr%3Ad%254%20%241%22%27%5C%C3%BC%2B%24%24x"
        try await withTemporaryFolder(files: ["pw": password + "\n", "pw-crlf": password + "\r\n"]) { folder in
            for (way, expected) in [
                ("password: \"${env:PW}\"", password), ("password: \"${file:pw}\"", password), ("password: \"${file:pw-crlf}\"", password),
                ("url: \"${env:ENCODED}\"", password),
            ] {
                let fleet = try FleetFile.read(
                    Array("version: 1\ninstances: [{name: a, database: a, \(way)}]".utf8),
                    file: "\(folder)/fleet.yaml",
                    environment: ["PW": password, "ENCODED": "postgres://u:\(encoded)@127.0.0.1/a"]
                )
                #expect(fleet.instances[0].connection["password"] == expected)
                #expect(fleet.secrets.contains(Secret(expected)))
            }
        }
    }

    // MARK: What is kept for masking

    @Test func everySecretIsKnown() async throws {
        try await withTemporaryFolder(files: [
            "key": "key-of-alice\n", "pgpass": "h:5432:*:u:pass\\:word-1\n# no:line:of:it:comment\nother:*:*:*:word-2\n",
            "service.conf": "[tm]\nhost=h\npassword=word-3\n",
        ]) { folder in
            chmod("\(folder)/pgpass", 0o600)
            let text = """
                version: 1
                notifications:
                  - url: https://user:hook%40word@hooks.internal/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXX?key=0123456789abcdef
                    headers: {Authorization: "Bearer ${env:OPS_TOKEN}", X-Key: word-6}
                rollout: {waves: [{name: w, gate: {http: "https://gate:word-7@gate.internal/"}}]}
                instances:
                  - {name: a, database: a, host: h, passfile: pgpass, secrets: {encryption_key: "${file:key}"}}
                  - {name: b, service: tm, admin: {user: postgres, password: "${env:ADMIN}"}}
                  - {name: c, url: "postgres://u:${env:PW}@${env:HOST}/c", direct: "postgres://u:word-9@h/c", sslpassword: word-10}
                """
            let environment = [
                "OPS_TOKEN": "word-5", "ADMIN": "word-8", "PW": "word%2D11", "HOST": "db-host", "PGSERVICEFILE": "\(folder)/service.conf",
            ]
            let fleet = try FleetFile.read(Array(text.utf8), file: "\(folder)/fleet.yaml", environment: environment)
            let known = Set(fleet.secrets.map { $0.reveal() })
            let expected: Set<String> = [
                "key-of-alice", "pass:word-1", "word-2", "word-3", "hook@word", "XXXXXXXXXXXXXXXXXXXX", "0123456789abcdef", "word-5",
                "Bearer word-5", "word-6", "word-7", "word-8", "word-9", "word-10", "word-11",
            ]
            #expect(expected.subtracting(known) == [])
            #expect(known.isDisjoint(with: ["", "u", "h", "user", "postgres", "services", "comment", "db-host"]))
            #expect(fleet.secretVariables == ["OPS_TOKEN", "ADMIN", "PW"])
        }
    }

    // MARK: Who else can read them

    @Test func filesThatOthersCanReadAreTold() async throws {
        let files = ["one": "hunter2\n", "two": "hunter2\n", "mine": "hunter2\n", "host": "db\n"]
        try await withTemporaryFolder(files: files) { folder async throws in
            for (name, mode) in [("one", 0o644), ("two", 0o604), ("mine", 0o600), ("host", 0o644)] as [(String, mode_t)] {
                chmod("\(folder)/\(name)", mode)
            }
            func warnings(_ instance: String, mode: mode_t = 0o600) throws -> String {
                let path = "\(folder)/fleet.yaml"
                try writeFile(path, "version: 1\ninstances:\n  - {name: a, database: a, \(instance)}\n")
                chmod(path, mode)
                return try FleetFile.load(path: path, environment: [:]).warnings.map { "\($0.message)" }.joined(separator: "\n")
            }
            let one = "the secret in “one” can be read by other users of this machine"
            #expect(try warnings("password: \"${file:one}\"") == one)
            #expect(
                try warnings("password: \"${file:one}\", secrets: {k: \"${file:two}\"}")
                    == "the secret in “one” and those in 1 more file can be read by other users of this machine"
            )
            #expect(try warnings("password: \"${file:mine}\", host: \"${file:host}\"").contains("other users") == false)
            // Only where there is a secret in it.
            let literal = "the fleet file contains a secret, and other users of this machine can read it"
            #expect(try warnings("password: hunter2", mode: 0o644).contains(literal))
            #expect(try warnings("password: hunter2", mode: 0o600).contains(literal) == false)
            #expect(try warnings("password: \"${file:mine}\"", mode: 0o644) == "")
        }
    }

    @Test(arguments: [
        ("host: db.example.com, password: x", "sslmode=prefer", true),
        ("host: db.example.com, password: x, sslmode: disable", "disable", true),
        ("host: db.example.com, password: x, sslmode: require", "sslmode=require: another server can pose as it", true),
        ("host: db.example.com, password: x, sslmode: verify-ca", "verify-ca", true),
        ("host: db.example.com, passfile: pgpass", "sslmode=prefer", true), ("host: \"10.0.0.1,/tmp\", password: x", "10.0.0.1", true),
        ("host: localhost, hostaddr: 10.0.0.1, password: x", "localhost", true),
        ("url: \"postgres://u:x@db.example.com/a?sslmode=allow\"", "sslmode=allow", true),
        ("host: localhost, admin: {host: db.example.com, password: x}", "db.example.com", true),
        ("host: db.example.com, password: x, sslmode: verify-full", "", false), ("host: db.example.com", "", false),
        ("host: 127.0.0.1, password: x", "", false), ("host: \"::1\", password: x", "", false),
        ("host: /run/postgresql, password: x", "", false),
        ("password: x", "", false), ("host: db.example.com, password: x, channel_binding: require", "", false),
    ]) func aPasswordForAServerThatNeedNotProveItselfIsTold(_ instance: String, _ words: String, _ isTold: Bool) {
        let told = told("version: 1\ninstances: [{name: a, database: a, \(instance)}]")
        #expect(!told.contains(": error: "), "\(told)")
        #expect(told.contains("is given a password with") == isTold, "\(told)")
        #expect(told.contains(words), "\(told)")
    }

    // MARK: Odd files

    @Test func whatIsNoFileIsRefusedAtOnce() async throws {
        try await withTemporaryFolder(files: ["fleet.yaml": "version: 1\ninstances: [{name: a, password: \"${file:pipe}\"}]\n"]) { folder in
            #expect(mkfifo("\(folder)/pipe", 0o600) == 0)
            // A slow writer holds the other end.
            let writer = open("\(folder)/pipe", O_RDWR)
            defer { close(writer) }
            try FileManager.default.createDirectory(atPath: "\(folder)/directory", withIntermediateDirectories: false)
            for (path, reason) in [
                ("pipe", "is not a regular file"), ("directory", "is a directory"), ("none", "does not exist"),
                ("fleet.yaml", "the file “pipe” is not a regular file"),
            ] {
                let problems = #expect(throws: Problems.self) { try FleetFile.load(path: "\(folder)/\(path)", environment: [:]) }
                #expect(try #require(problems).description.contains(reason), "\(path)")
            }
            for device in ["/dev/zero", "/dev/null", "/dev/tty"] {
                #expect(throws: Problems.self) { try FleetFile.load(path: device, environment: [:]) }
            }
            truncate("\(folder)/fleet.yaml", 1 << 40)
            let huge = #expect(throws: Problems.self) { try FleetFile.load(path: "\(folder)/fleet.yaml", environment: [:]) }
            #expect(try #require(huge).description.contains("is larger than 8 MiB"))
        }
    }
}
