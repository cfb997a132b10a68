import ConvoyPostgres
import ConvoyText
import Foundation
import Testing

@testable import ConvoyFleet

/// What a Docker Compose file becomes in a fleet file.
struct ComposeFileTests {
    private static let official = """
        services:
          teslamate:
            image: teslamate/teslamate:latest
            environment:
              - ENCRYPTION_KEY=secretkey #replace with a secure key
              - DATABASE_USER=teslamate
              - DATABASE_PASS=hunter2
              - DATABASE_NAME=teslamate
              - DATABASE_HOST=database
              - MQTT_HOST=mosquitto
            ports: ["4000:4000"]
          database:
            image: postgres:18
            environment: [POSTGRES_USER=teslamate, POSTGRES_PASSWORD=hunter2, POSTGRES_DB=teslamate]
          grafana:
            image: teslamate/grafana:latest
            environment: [DATABASE_USER=teslamate, DATABASE_PASS=hunter2, DATABASE_NAME=teslamate, DATABASE_HOST=database]

        """

    private func draft(_ text: String) throws -> FleetDraft {
        try ComposeFile(Array(text.utf8), file: "compose.yml").draft(name: "home", migrations: "Migrations")
    }

    private func lines(_ text: String) throws -> [String] {
        let draft = try draft(text)
        #expect(draft.problems(schema: "s").map(\.message) == [])
        return draft.text(schema: "s").split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    @Test func theOfficialFileBecomesOneInstanceWithoutItsSecrets() throws {
        let draft = try draft(Self.official)
        #expect(draft.variables == ["DATABASE_PASS", "ENCRYPTION_KEY"])
        let text = draft.text(schema: ".convoy/fleet-1.json")
        #expect(
            text == """
                # yaml-language-server: $schema=.convoy/fleet-1.json
                # The fleet: which databases it has and how a run goes over them. Every key: convoy help fleet-file
                version: 1
                fleet: home
                migrations: Migrations    # the migration set, relative to this file

                instances:
                  # “database” is a name in Docker's network: give the host and port at which this machine reaches it
                  - name: teslamate
                    host: database
                    database: teslamate
                    user: teslamate
                    password: ${env:DATABASE_PASS}
                    secrets:
                      encryption_key: ${env:ENCRYPTION_KEY}    # TeslaMate's ENCRYPTION_KEY

                """
        )
        #expect(draft.problems(schema: "s").map(\.message) == [])
    }

    @Test(arguments: [
        ("[\"5432:5432\"]", "localhost", "5432"), ("[\"127.0.0.1:5433:5432\"]", "localhost", "5433"),
        ("[\"10.0.0.7:5433:5432/tcp\"]", "10.0.0.7", "5433"),
        ("[{target: 5432, published: \"6000\"}]", "localhost", "6000"),
    ])
    func aPublishedPortIsWhereThisMachineReachesTheDatabase(_ ports: String, _ host: String, _ port: String) throws {
        let lines = try lines(Self.official.replacing("image: postgres:18\n", with: "image: postgres:18\n    ports: \(ports)\n"))
        #expect(lines.contains("host: \(host)") || lines.contains("- host: \(host)") || lines.contains("host: \"\(host)\""))
        #expect(lines.contains("port: \"\(port)\""))
        #expect(!lines.contains { $0.contains("Docker's network") })
    }

    @Test(arguments: [
        ("DATABASE_PASS=${DB_PASS}", "password: ${env:DB_PASS}"), ("DATABASE_PASS=$DB_PASS", "password: ${env:DB_PASS}"),
        ("DATABASE_PASS=${DB_PASS:?missing}", "password: ${env:DB_PASS}"),
        // A default, or what stands beside a variable, is a piece of the secret.
        ("DATABASE_PASS=${DB_PASS:-hunter2}", "password: ${env:DB_PASS}"), ("DATABASE_PASS=hunter2${X}", "password: ${env:DATABASE_PASS}"),
        ("DATABASE_PASS=hunter2$$", "password: ${env:DATABASE_PASS}"), ("DATABASE_PASS", "password: ${env:DATABASE_PASS}"),
        ("DATABASE_NAME=${DB:-tm}", "database: ${env:DB:-tm}"), ("DATABASE_NAME=a$$b", "database: \"a$$b\""),
        ("DATABASE_NAME=my car", "database: \"my car\""), ("DATABASE_NAME=${DB:+x}", "database: ${env:DATABASE_NAME}"),
        ("DATABASE_NAME=1234", "database: \"1234\""), ("DATABASE_USER=true", "user: \"true\""), ("DATABASE_PORT=6432", "port: \"6432\""),
    ])
    func eachFormOfAValueIsKept(_ variable: String, _ line: String) throws {
        let name = variable.prefix { $0 != "=" }
        let list = ["DATABASE_HOST=db.internal", "DATABASE_NAME=tm", "DATABASE_USER=tm"].filter { !$0.hasPrefix("\(name)=") } + [variable]
        let file = "services:\n  t:\n    image: teslamate/teslamate\n    environment:\n" + list.map { "      - '\($0)'\n" }.joined()
        let lines = try lines(file)
        #expect(lines.contains(line), "\(lines)")
        #expect(!lines.joined().contains("hunter2"))
    }

    @Test func mapsEnvFilesAndSeveralServicesAreRead() throws {
        let file = """
            services:
              tm-anna:
                image: ghcr.io/teslamate-org/teslamate:3
                env_file: anna.env
                environment: {DATABASE_HOST: db.internal, DATABASE_NAME: anna, DATABASE_PASS: hunter2}
              tm-ben:
                build: .
                environment:
                  DATABASE_HOST: db.internal
                  DATABASE_NAME: ben
                  DATABASE_PASS: hunter2
                  MQTT_HOST:
              again:
                image: teslamate
                environment: {DATABASE_HOST: db.internal, DATABASE_NAME: ben}
              web: {image: nginx}

            """
        let draft = try draft(file)
        #expect(draft.instances.map(\.name) == ["tm-anna", "tm-ben"])
        #expect(draft.variables == ["DATABASE_USER", "TM_ANNA_DATABASE_PASS", "TM_BEN_DATABASE_PASS", "ENCRYPTION_KEY"])
        let text = draft.text(schema: "s")
        #expect(!text.contains("hunter2"))
        #expect(text.contains("waves:"))
        #expect(draft.problems(schema: "s").map(\.message) == [])
    }

    @Test(arguments: [
        ("services: {web: {image: nginx}}", "no service of this file runs TeslaMate"), ("version: 3", "it has no `services`"),
        ("- a", "it has no `services`"),
        ("services: {g: {image: teslamate/grafana, environment: {DATABASE_NAME: x}}}", "no service of this file runs TeslaMate"),
        ("services: [", "this is not YAML"), ("", "the file is empty"),
        ("x: &a {image: teslamate}\nservices: {t: {<<: *a}}", "merge keys are not supported"),
        ("services: {t: {image: teslamate, environment: 5}}", "no service of this file runs TeslaMate"),
    ])
    func whatIsNoTeslaMateIsReported(_ file: String, _ message: String) throws {
        let problem = #expect(throws: Problem.self) { try draft(file) }
        #expect(problem?.message.contains(message) == true, "\(problem?.message ?? "")")
        #expect(problem?.hint != nil || message.hasPrefix("this is not YAML"))
    }
}

/// Text as values of a fleet file, and names after anything.
struct FleetDraftTests {
    @Test(arguments: [
        "plain", "", "true", "No", "null", "~", "1", "0x1f", "1e5", "2026-01-01", "a: b", "a #b", "- a", "{a}", "[a]", "*a", "&a", "!a",
        "%a", "@a", "`a`", "'",
        "\"", "\\", "a\nb", "\t", "$HOME", "${env:NO}", "$$", "a$", "ü", "mü\u{308}", "\u{200b}", "\u{85}", "\u{2028}", "\u{FEFF}a", " a",
        "a ", "🚗", "on", ".5",
        "a:b", "/run/x", "_x", "-x", "?x", "|", ">",
    ])
    func everyTextIsReadAsItIs(_ text: String) throws {
        let file = "version: 1\ninstances:\n  - name: a\n    options: \(YAMLText.value(text.isEmpty ? "x" : text))\n"
        let fleet = try FleetFile.read(Array(file.utf8), file: "f", environment: [:])
        #expect(fleet.instances.first?.connection["options"] == (text.isEmpty ? "x" : text))
    }

    @Test(arguments: [
        ("teslamate_alice", "teslamate_alice"), ("my car", "my-car"), ("-rf /", "rf"), ("@/etc/x", "etc-x"), ("ü", "instance"),
        ("a  b", "a-b"), ("..x", "x"),
        ("taken", "taken-3"), ("", "instance"),
    ])
    func aNameIsMadeOfWhatANameCanHave(_ text: String, _ name: String) {
        #expect(FleetDraft.name(after: text, taken: ["taken", "taken-2"]) == name)
        #expect(FleetReader.isName(name))
    }

    @Test func theStarterIsAFleetFile() throws {
        let text = FleetDraft.starter(name: "home", migrations: "Migrations", schema: "s")
        let fleet = try FleetFile.read(Array(text.utf8), file: "fleet.yaml", environment: [:])
        #expect(fleet.warnings == [])
        #expect(fleet.instances.map(\.name) == ["teslamate"])
        #expect(text.hasPrefix("# yaml-language-server: $schema=s\n"))
    }
}
