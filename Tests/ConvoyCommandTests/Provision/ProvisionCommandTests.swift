import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `convoy provision` against real servers, as an operator runs it.
@Suite(.timeLimit(.minutes(5)))
struct ProvisionCommandTests {
    @Test(arguments: PostgresServer.Release.tested)
    func twoTenantsAndThenTheSameAgain(release: PostgresServer.Release) async throws {
        try await ProvisionedServer.with(try await PostgresServer.shared(release), rest: "journal: j.sqlite   # the end") { place in
            let before = place.fleetFile
            let first = try await place.convoy("alice", "bob", options: ["--yes", "--label", "ring=canary", "--output", "json"])
            #expect(first.exitCode == 0, "\(first.standardError)\(first.standardOutput)")
            let json = try jsonObject(first)
            #expect(try JSONSchema(named: "provision").problems(in: json) == [])
            let tenants = try #require(json["tenants"] as? [[String: Any]])
            #expect(tenants.map { $0["outcome"] as? String } == ["created", "created"])
            #expect(tenants.map { $0["entry_state"] as? String } == ["written", "written"])
            #expect(tenants.allSatisfy { $0["version"] as? String == "20200102000000" && $0["create_database_ms"] is Int })
            let entry = { (name: String) in
                """
                  - name: \(name)
                    server: eu-1
                    database: \(place.prefix)\(name)
                    user: \(place.prefix)\(name)
                    password: ${file:passwords/\(name)}
                    labels: {ring: canary}

                """
            }
            #expect(place.fleetFile == before + "\ninstances:\n" + entry("alice") + entry("bob"))
            let (databases, roles) = try await place.found()
            #expect(databases == ["alice", "bob"].map { place.prefix + $0 } && roles == databases)
            for name in ["alice", "bob"] {
                #expect(try await place.versions(name) == 2)
                #expect(try await place.passwordOpens(name))
                let mode = try FileManager.default.attributesOfItem(atPath: "\(place.folder)/passwords/\(name)")[.posixPermissions] as? Int
                #expect(mode == 0o600)
            }
            #expect(try place.password("alice") != place.password("bob"))

            // The fleet has them now.
            let status = try await runConvoy(["status"], in: place.folder)
            #expect(status.exitCode == 0, "\(status.standardError)")
            #expect(status.standardOutput.contains("alice") && status.standardOutput.contains("bob"))

            let (text, password) = (place.fleetFile, try place.password("alice"))
            let again = try await place.convoy("bob", "alice", "carol")
            #expect(again.exitCode == 0, "\(again.standardError)")
            #expect(again.standardOutput.contains("test: 2 present, 1 created, 1 entry added to fleet.yaml\n"))
            #expect(place.fleetFile == text + entry("carol").replacing("    labels: {ring: canary}\n", with: ""))
            #expect(try place.password("alice") == password)
        }
    }

    /// What a dry run shows is what is done: it changes nothing at all.
    @Test func aDryRunChangesNothing() async throws {
        try await ProvisionedServer.with(try await PostgresServer.shared(), provision: ", locale: C, connection_limit: 30") { place in
            let before = place.fleetFile
            let result = try await place.convoy("alice", options: ["--dry-run"])
            #expect(result.exitCode == 0, "\(result.standardError)")
            for part in [
                "CREATE ROLE \"\(place.prefix)alice\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '…';",
                "ENCODING 'UTF8' LOCALE 'C' ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true CONNECTION LIMIT 30;",
                "alice: added to fleet.yaml\n  - name: alice\n", "test: 1 absent; nothing was changed\n",
            ] { #expect(result.standardOutput.contains(part), "\(part)\n\(result.standardOutput)") }
            #expect(place.fleetFile == before)
            let found = try await place.found()
            #expect(found.databases == [] && found.roles == [])
            #expect(!FileManager.default.fileExists(atPath: "\(place.folder)/passwords"))
            // Without a terminal nothing is done without --yes.
            let unasked = try await place.convoy("alice", options: [])
            #expect(unasked.exitCode == 64 && unasked.standardError.contains("add --yes"))
            #expect(try await place.found().roles == [])
            let made = try await place.convoy("alice")
            #expect(made.exitCode == 0, "\(made.standardError)")
            let limit = try await place.query(
                "SELECT datconnlimit::int8 AS n, datcollate::text AS c FROM pg_database WHERE datname = '\(place.prefix)alice'"
            )
            #expect(try limit.onlyRow().int64("n") == 30 && limit.onlyRow().text("c") == "C")
        }
    }

    /// The server writes down every statement; the password is in none, nor in any file or output.
    @Test(arguments: PostgresServer.Release.tested) func thePasswordIsInNoLog(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.start(release, settings: ["log_statement": "all", "log_min_duration_statement": "0"])
        try await ProvisionedServer.with(server) { place in
            let result = try await place.convoy("alice", options: ["--yes", "--output", "json"])
            #expect(result.exitCode == 0, "\(result.standardError)")
            let password = try place.password("alice")
            let log = try String(contentsOfFile: "\(server.socketFolder)/log", encoding: .utf8)
            #expect(log.contains("CREATE ROLE \"\(place.prefix)alice\"") && log.contains("PASSWORD 'SCRAM-SHA-256$"))
            let texts = [log, result.standardOutput, result.standardError, place.fleetFile]
            #expect(texts.allSatisfy { !$0.contains(password) })
            let files = try #require(FileManager.default.enumerator(atPath: place.folder))
            for case let file as String in files where file != "passwords/alice" {
                let bytes = FileManager.default.contents(atPath: "\(place.folder)/\(file)") ?? Data()
                #expect(bytes.range(of: Data(password.utf8)) == nil, "\(file)")
            }
        }
    }

    @Test(arguments: PostgresServer.Release.tested) func databasesThatDiscoverFinds(release: PostgresServer.Release) async throws {
        try await ProvisionedServer.with(
            try await PostgresServer.shared(release),
            role: false,
            rest: "discover: [{server: eu-1, databases: \"q*_*\"}]"
        ) { place in
            let before = place.fleetFile
            let result = try await place.convoy("alice", options: ["--yes", "--output", "json"])
            #expect(result.exitCode == 0, "\(result.standardError)")
            let tenant = try #require((try jsonObject(result)["tenants"] as? [[String: Any]])?.first)
            #expect(tenant["outcome"] as? String == "created" && tenant["entry_state"] as? String == "discovered")
            #expect(tenant["instance"] as? String == place.prefix + "alice" && tenant["role"] as? String == "teslamate")
            #expect(place.fleetFile == before && !FileManager.default.fileExists(atPath: "\(place.folder)/passwords"))
            #expect(try await place.found().roles == [])
            #expect(try await place.versions("alice") == 2)
            let again = try await place.convoy("alice")
            #expect(again.exitCode == 0 && again.standardOutput.contains("test: 1 present\n"))
            let labelled = try await place.convoy("bob", options: ["--yes", "--label", "ring=x"])
            #expect(labelled.exitCode == 1 && labelled.standardOutput.contains("no entry can have labels"))
        }
    }

    /// One that is refused does not keep the others from being made.
    @Test func whatIsNotOursIsRefused() async throws {
        try await ProvisionedServer.with(try await PostgresServer.shared()) { place in
            let server = place.server
            func name(_ text: String) -> String { "\"\(place.prefix)\(text)\"" }
            try await server.execute(
                "CREATE ROLE \(name("bob")) LOGIN SUPERUSER",
                "CREATE ROLE \(name("carol")) LOGIN",
                "CREATE DATABASE \(name("dave"))",
                "CREATE ROLE \(name("erin")) LOGIN",
                "CREATE DATABASE \(name("erin")) OWNER \(name("erin"))"
            )
            let result = try await place.convoy("alice", "bob", "carol", "dave", "erin", "frank")
            #expect(result.exitCode == 1)
            for part in [
                "exists and has SUPERUSER", "ALTER ROLE \(name("bob")) NOSUPERUSER", "refused: 2 instances: carol, erin role",
                "carol” exists and was not made by `convoy provision`", "dave” exists and belongs to role “postgres”",
                "test: 2 created, 4 refused, 2 entries added to fleet.yaml",
            ] { #expect(Self.unwrapped(result.standardOutput).contains(part), "\(part)\n\(result.standardOutput)") }
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place.folder)/passwords").sorted() == ["alice", "frank"])
            #expect(result.standardOutput.contains("passwords/alice") && !result.standardOutput.contains("passwords/bob"))
            #expect(!result.standardOutput.contains("blocked"))
            let superuser = try await place.query(
                "SELECT rolsuper AS s, rolpassword IS NULL AS n FROM pg_authid WHERE rolname = '\(place.prefix)bob'"
            )
            #expect(try superuser.onlyRow().bool("s") && superuser.onlyRow().bool("n"))
            #expect(try await place.found().databases.count == 4)
        }
    }

    private static func unwrapped(_ text: String) -> String {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    }

    @Test func theFleetFileMustAllowIt() async throws {
        try await withFleet([]) { folder in
            try writeFile("\(folder)/fleet.yaml", "version: 1\nservers: {a: {host: h}, b: {host: i}}\ninstances: [{name: x, server: a}]\n")
            let none = try await runConvoy(["provision", "alice", "--yes"], in: folder)
            #expect(none.exitCode == 78)
            #expect(
                none.standardError.contains("no server allows `convoy provision`") && none.standardError.contains("hint: add to a server")
            )
            let named = try await runConvoy(["provision", "alice", "--yes", "--server", "b"], in: folder)
            #expect(named.exitCode == 78 && named.standardError.contains("server `b` does not allow"))
            let unknown = try await runConvoy(["provision", "alice", "--yes", "--server", "c"], in: folder)
            #expect(unknown.exitCode == 64 && unknown.standardError.contains("no server “c”"))
            for options in [
                ["alice", "alice"], ["alice", "--label", "ring"], ["alice", "--label", "name=x"],
                ["alice", "--label", "a=1", "--label", "a=2"], ["alice", "pg/x"], ["Bad Name"],
            ] {
                let wrong = try await runConvoy(["provision", "--yes"] + options, in: folder)
                #expect(wrong.exitCode == 64, "\(options)")
            }
        }
    }

    @Test func aServerThatCannotBeReached() async throws {
        let port = try RefusedPort()
        try await withTemporaryFolder(files: SmallSet.files) { folder in
            try writeFile(
                "\(folder)/fleet.yaml",
                "version: 1\nservers: {a: {host: 127.0.0.1, port: \(port.port), admin: {user: p}, provision: {database: \"{name}\", role: \"{name}\"}}}\n"
            )
            let result = try await runConvoy(["provision", "alice", "--yes", "--output", "json"], in: folder)
            #expect(result.exitCode == 69)
            #expect((try jsonObject(result)["tenants"] as? [[String: Any]])?.first?["outcome"] as? String == "unreachable")
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/passwords"))
        }
    }

    /// A link to a file that something else writes, as Kubernetes mounts one: the entry is shown, and the tenant is complete.
    @Test func aFleetFileThatCannotBeExtended() async throws {
        try await ProvisionedServer.with(try await PostgresServer.shared()) { place in
            try FileManager.default.moveItem(atPath: "\(place.folder)/fleet.yaml", toPath: "\(place.folder)/real.yaml")
            try FileManager.default.createSymbolicLink(
                atPath: "\(place.folder)/fleet.yaml",
                withDestinationPath: "\(place.folder)/real.yaml"
            )
            let before = place.fleetFile
            // It is said before anything is made.
            let dry = try await place.convoy("alice", options: ["--dry-run"])
            #expect(dry.exitCode == 1 && dry.standardOutput.contains("fleet.yaml cannot be extended: it is a symbolic link"))
            #expect(dry.standardOutput.contains("you would have to add these lines") && !dry.standardOutput.contains("added to fleet.yaml"))
            #expect(try await place.found().roles == [])
            let result = try await place.convoy("alice")
            #expect(result.exitCode == 1)
            #expect(result.standardOutput.contains("fleet.yaml cannot be extended: it is a symbolic link"))
            #expect(result.standardOutput.contains("  - name: alice\n    server: eu-1\n"))
            #expect(place.fleetFile == before)
            #expect(try await place.versions("alice") == 2)
            // The operator adds it; then everything is there.
            try writeFile(
                "\(place.folder)/real.yaml",
                before
                    + "instances:\n  - name: alice\n    server: eu-1\n    database: \(place.prefix)alice\n    user: \(place.prefix)alice\n    password: ${file:passwords/alice}\n"
            )
            let again = try await place.convoy("alice")
            #expect(again.exitCode == 0 && again.standardOutput.contains("test: 1 present\n"), "\(again.standardOutput)")
        }
    }

    /// The end of a list in brackets cannot be found; the dry run knows that, and what the operator has to do.
    @Test func instancesInBrackets() async throws {
        try await ProvisionedServer.with(
            try await PostgresServer.shared(),
            rest: "instances: [{name: other, server: eu-1, database: d, user: u}]"
        ) { place in
            let dry = try await place.convoy("alice", options: ["--dry-run", "--output", "json"])
            #expect(dry.exitCode == 1)
            let json = try jsonObject(dry)
            #expect((json["entry_problem"] as? String)?.contains("in brackets") == true)
            let tenant = try #require((json["tenants"] as? [[String: Any]])?.first)
            #expect(tenant["outcome"] as? String == "absent" && tenant["entry_state"] as? String == "manual")
        }
    }

    /// An administrator who may not do everything is told before a role, a database or a password's file is there.
    @Test func anAdministratorWhoMayNot() async throws {
        let server = try await PostgresServer.shared()
        let admin = "adm" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
        try await server.execute("CREATE ROLE \(admin) LOGIN CREATEROLE")
        try await ProvisionedServer.with(server, admin: admin) { place in
            let result = try await place.convoy("zed")
            #expect(result.exitCode == 1)
            let text = Self.unwrapped(result.standardOutput)
            #expect(text.contains("refused: zed the admin role “\(admin)” may not create databases") && !text.contains("passwords/zed"))
            let found = try await place.found()
            #expect(found.databases == [] && found.roles == [])
            #expect(!FileManager.default.fileExists(atPath: "\(place.folder)/passwords"))
        }
        try await server.execute("DROP ROLE \(admin)")
    }

    /// The password of a tenant whose database is complete cannot be made up anew.
    @Test func aLostPassword() async throws {
        try await ProvisionedServer.with(try await PostgresServer.shared()) { place in
            let before = place.fleetFile
            #expect(try await place.convoy("alice").exitCode == 0)
            try writeFile("\(place.folder)/fleet.yaml", before)
            let password = try place.password("alice")
            try FileManager.default.removeItem(atPath: "\(place.folder)/passwords/alice")
            let lost = try await place.convoy("alice")
            #expect(lost.exitCode == 1 && Self.unwrapped(lost.standardOutput).contains("the password's file “passwords/alice” is missing"))
            try writeFile("\(place.folder)/passwords/alice", "\n")
            let empty = try await place.convoy("alice")
            #expect(empty.exitCode == 1 && Self.unwrapped(empty.standardOutput).contains("file “passwords/alice” is empty"))
            try writeFile("\(place.folder)/passwords/alice", password + "\n")
            // Everything is there, apart from the entry.
            let dry = try await place.convoy("alice", options: ["--dry-run"])
            #expect(dry.exitCode == 0 && dry.standardOutput.contains("test: 1 present; nothing was changed\n"))
            #expect(dry.standardOutput.contains("alice: added to fleet.yaml\n  - name: alice\n"))
            let found = try await place.convoy("alice")
            #expect(found.exitCode == 0 && found.standardOutput.contains("test: 1 completed, 1 entry added"), "\(found.standardOutput)")
        }
    }

    /// Passwords that a secret store has already.
    @Test func aPasswordOfASecretCommand() async throws {
        let command = "secret_commands: {store: {run: [\"./store\", \"{key}\"]}}"
        try await ProvisionedServer.with(
            try await PostgresServer.shared(),
            provision: ", password: \"${command:store:tm/{name}}\"",
            rest: command
        ) { place in
            try writeFile("\(place.folder)/store", "#!/bin/sh\necho \"pw-of-$1\"\n", mode: 0o700)
            let result = try await place.convoy("alice")
            #expect(result.exitCode == 0, "\(result.standardError)\(result.standardOutput)")
            #expect(place.fleetFile.contains("    password: ${command:store:tm/alice}\n"))
            try writeFile("\(place.folder)/passwords/alice", "pw-of-tm/alice\n")
            #expect(try await place.passwordOpens("alice"))
        }
    }

    /// Two operators at the same moment, with names in common: each tenant once, each entry once.
    @Test func twoCommandsAtOnce() async throws {
        try await ProvisionedServer.with(try await PostgresServer.shared()) { place in
            let options = ["--yes", "--output", "json"]
            async let one = place.convoy("alice", "bob", "carol", options: options)
            async let two = place.convoy("carol", "bob", "dave", options: options)
            let results = try await [one, two]
            #expect(results.map(\.exitCode) == [0, 0], "\(results.map(\.standardOutput))")
            // Only one of them says that it has added an entry.
            var added: [String] = []
            for result in results {
                let tenants = (try jsonObject(result)["tenants"] as? [[String: Any]]) ?? []
                added += tenants.filter { $0["entry_state"] as? String == "written" }.compactMap { $0["name"] as? String }
            }
            #expect(added.sorted() == ["alice", "bob", "carol", "dave"])
            let names = ["alice", "bob", "carol", "dave"]
            #expect(try await place.found().databases == names.map { place.prefix + $0 })
            for name in names {
                #expect(place.fleetFile.components(separatedBy: "- name: \(name)\n").count == 2)
                #expect(try await place.passwordOpens(name))
            }
            #expect(try await runConvoy(["status"], in: place.folder).exitCode == 0)
        }
    }
}
