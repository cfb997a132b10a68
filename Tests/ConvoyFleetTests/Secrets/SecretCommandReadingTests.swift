import ConvoyIO
import ConvoyPostgres
import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyFleet

/// What a fleet file takes from secret commands: the question is kept, and nothing is asked.
@Suite(.timeLimit(.minutes(1))) struct SecretCommandReadingTests {
    private static let commands = "secret_commands: {vault: {run: [vault, get, \"{key}\"]}}\n"

    private func fleet(_ text: String, environment: [String: String] = [:], file: String = "fleet.yaml") throws -> Fleet {
        try FleetFile.read(Array("version: 1\n\(Self.commands)\(text)\n".utf8), file: file, environment: environment)
    }

    private func references(_ secret: LateSecret?) -> [String] { secret?.references.map(\.description) ?? [] }

    @Test func aCommandHasItsDefaults() throws {
        let fleet = try fleet("instances: [{name: a, database: a, password: \"${command:vault:x}\"}]")
        #expect(
            fleet.secretCommandList == [
                SecretCommand(
                    name: "vault",
                    program: "vault",
                    arguments: [["get"], ["", ""]],
                    timeToLive: .seconds(300),
                    timeout: .seconds(30)
                )
            ]
        )
        #expect(fleet.secretReferences == [SecretReference(command: "vault", key: "x")])
    }

    @Test(
        arguments: [
            ("password: \"${command:vault:a/b}\"", ["${command:vault:a/b}"]),
            ("url: \"postgresql://u:${command:vault:x}@h/d\"", ["${command:vault:x}"]),
            ("url: \"host=h user=u dbname=d password=${command:vault:x}\"", ["${command:vault:x}"]),
            ("url: \"postgresql://u:a${command:vault:x}b${command:vault:y:1}@h/d\"", ["•••${command:vault:x}•••${command:vault:y:1}"]),
            ("password: \"${env:P}${command:vault:x}\\u0301\"", ["•••${command:vault:x}•••"]),
        ] as [(String, [String])]
    ) func thePasswordIsAQuestion(_ keys: String, _ expected: [String]) throws {
        let fleet = try fleet("instances: [{name: a, host: h, database: d, user: u, \(keys)}]", environment: ["P": "prefix"])
        let connection = fleet.instances[0].connection
        #expect(connection.lateSecrets.map(\.keyword) == ["password"])
        #expect(connection.lateSecrets.map(\.secret.description) == expected)
        #expect(connection["password"] == nil && connection.has("password"))
        #expect(connection["host"] == "h" && connection["user"] == "u" && connection["dbname"] == "d")
        #expect(!"\(connection)".contains("command"))
    }

    @Test func aPasswordOfOneLevelReplacesThatOfAnother() throws {
        let fleet = try fleet(
            """
            defaults: {host: h, password: "${command:vault:all}", secrets: {k: "${command:vault:k}", l: "${env:L}"}}
            servers:
              s: {password: "${env:P}"}
            instances:
              - {name: a, database: a}
              - {name: b, database: b, server: s}
              - {name: c, database: c, server: s, password: "${command:vault:c}"}
              - {name: d, database: d, passfile: pw}
              - {name: e, database: e, secrets: {k: "${env:L}", l: "${command:vault:l}"}}
              - {name: f, database: f, admin: {user: p, password: "${command:vault:admin}"}, direct: {port: 1}}
            """,
            environment: ["P": "hunter2", "L": "letter"]
        )
        let instances = fleet.instances
        #expect(references(instances[0].connection[late: "password"]) == ["command:vault:all"])
        #expect(instances[1].connection["password"] == "hunter2" && instances[1].connection.lateSecrets.isEmpty)
        #expect(references(instances[2].connection[late: "password"]) == ["command:vault:c"])
        #expect(instances[2].connection["password"] == nil)
        #expect(!instances[3].connection.has("password"))
        #expect(instances[0].secrets.keys.sorted() == ["l"] && instances[0].lateSecrets.keys.sorted() == ["k"])
        #expect(instances[4].secrets.keys.sorted() == ["k"] && references(instances[4].lateSecrets["l"]) == ["command:vault:l"])
        #expect(references(instances[5].admin?[late: "password"]) == ["command:vault:admin"])
        #expect(references(instances[5].direct?[late: "password"]) == ["command:vault:all"])
    }

    @Test func instancesOfDiscoveryAskToo() throws {
        let fleet = try fleet(
            """
            servers: {s: {host: h, password: "${command:vault:s}"}}
            discover: [{server: s, databases: "*", secrets: {k: {exact: "${command:vault:k}"}}}]
            """
        )
        let instance = try #require(fleet.discoveries[0].sorted(["d"], listed: []).instances.first)
        #expect(references(instance.connection[late: "password"]) == ["command:vault:s"])
        #expect(instance.lateSecrets["k"]?.isExact == true)
    }

    @Test func aWebhookAsksForItsURLAndItsHeaders() throws {
        let fleet = try fleet(
            """
            instances: [{name: a, database: a}]
            notifications: [{url: "https://h/${command:vault:hook}", headers: {X-Plain: x, Authorization: "Bearer ${command:vault:t}"}}]
            """
        )
        let webhook = try #require(fleet.notifications.first)
        #expect(webhook.lateURL?.description == "•••${command:vault:hook}")
        #expect(webhook.headers.map { $0.late?.description } == [nil, "•••${command:vault:t}"])
    }

    @Test func aProgramWithAPathStartsAtTheFleetFile() throws {
        func program(_ path: String) throws -> String? {
            let text = "version: 1\nsecret_commands: {v: {run: [\(path), \"{key}\"]}}\ninstances: [{name: a, database: a}]\n"
            return try FleetFile.read(Array(text.utf8), file: "/etc/convoy/fleet.yaml", environment: ["HOME": "/root"])
                .secretCommandList.first?.program
        }
        #expect(try program("vault") == "vault")
        #expect(try program("./get") == "/etc/convoy/./get")
        #expect(try program("bin/get") == "/etc/convoy/bin/get")
        #expect(try program("/usr/bin/get") == "/usr/bin/get")
        #expect(try program("~/bin/get") == "/root/bin/get")
    }

    @Test func aPasswordThatIsAskedForIsNotGivenToAnUnprovenServer() throws {
        let fleet = try fleet("instances: [{name: a, host: db.internal, database: a, password: \"${command:vault:x}\"}]")
        #expect(fleet.warnings.contains { $0.message.contains("is given a password with sslmode=prefer") })
    }

    @Test(arguments: ["secret_commands: {}", "secret_commands: [vault]", "secret_commands: vault"])
    func whatIsNoMappingOfCommandsIsRefused(_ text: String) {
        let problems = #expect(throws: Problems.self) {
            try FleetFile.read(Array("version: 1\n\(text)\ninstances: [{name: a, database: a}]\n".utf8), file: "f", environment: [:])
        }
        #expect(problems?.description.contains("`secret_commands`") == true)
    }

    // MARK: The examples of the page

    /// Scripts with the names of the programs stand in for them; each prints how it was called.
    @Test func theExamplesCallTheProgramsAsTheirVendorsSay() async throws {
        let calls = [
            "vault": ("teslamate/alice", "vault kv get -mount=secret -field=password teslamate/alice"),
            "sops": ("alice", "sops decrypt --extract [\"alice\"] /etc/convoy/secrets.yaml"),
            "aws": (
                "teslamate/alice",
                "aws secretsmanager get-secret-value --secret-id teslamate/alice --query SecretString --output text"
            ),
            "gcp": ("teslamate-alice", "gcloud secrets versions access latest --secret=teslamate-alice"),
            "azure": (
                "teslamate-alice",
                "az keyvault secret show --vault-name teslamate --name teslamate-alice --query value --output tsv"
            ),
        ]
        let page = try String(contentsOfFile: "\(repositoryRoot)/docs/fleet-file.md", encoding: .utf8)
        let examples = page.split(separator: "```yaml\n").map {
            String($0.prefix(upTo: $0.firstRange(of: "```")?.lowerBound ?? $0.endIndex))
        }
        .filter { $0.hasPrefix("secret_commands:  ") }
        #expect(examples.count == calls.count)
        try await withTemporaryFolder { folder in
            for program in ["vault", "sops", "aws", "gcloud", "az"] {
                try writeFile("\(folder)/\(program)", "#!/bin/sh\necho \"${0##*/} $*\"\n", mode: 0o755)
            }
            for example in examples {
                let reference = try #require(example.firstMatch(of: /\$\{command:([a-z]+):([^}]+)\}/))
                let (name, key) = (String(reference.1), String(reference.2))
                let text = "version: 1\n\(example)\ninstances: [{name: a, database: a, password: \"\(reference.0)\"}]\n"
                let fleet = try FleetFile.read(Array(text.utf8), file: "fleet.yaml", environment: ["PATH": "\(folder):/usr/bin:/bin"])
                #expect(fleet.warnings.isEmpty)
                let secret = try await #require(fleet.instances[0].connection[late: "password"]).value().secret.reveal()
                #expect(secret == calls[name]?.1)
                #expect(key == calls[name]?.0)
            }
        }
    }
}
