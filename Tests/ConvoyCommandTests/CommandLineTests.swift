import ConvoyText
import Foundation
import TestSupport
import Testing

/// The binary as a binary: arguments in; standard output, standard error and the exit code out. No database needed.
struct CommandLineTests {
    @Test(arguments: [
        ([], "migrate"), (["--help"], "130  interrupted"), (["help", "migrate"], "--concurrency"),
        (["validate", "-h"], "without using a database"),
        (["status", "--help"], "--check"), (["report", "--help"], "--no-probe"), (["plan", "--help"], "--to"),
        (["rollback", "--help"], "--steps"),
        (["new", "--help"], "--directory"), (["--version"], "0."),
    ])
    func helpIsAResult(_ arguments: [String], _ expected: String) async throws {
        let result = try await runConvoy(arguments)
        #expect(result.exitCode == 0)
        #expect(result.standardOutput.contains(expected))
        #expect(result.standardError == "")
    }

    @Test func helpNamesNothingThatDoesNotWorkYet() async throws {
        let help = try await runConvoy(["--help"]).standardOutput
        for command in ["doctor", "lint"] {
            #expect(!help.contains("\n  \(command) "))
        }
    }

    @Test(arguments: [
        (["upgrade"], "upgrade"),
        (["status", "--fleat", "x"], "--fleat"),
        (["status", "alice"], "alice"),
        (["status", "--output", "xml"], "prometheus"),
        (["plan", "--output", "csv"], "'json'"),
        (["runs", "show", "--output", "html"], "'json'"),
        (["migrate", "--dry-run", "--output", "csv"], "table or json"),
        (["rollback", "--steps", "1", "--dry-run", "--output-file", "x"], "table or json"),
        (["status", "--outcome", "failed,lost"], "up-to-date"),
        (["status", "--outcome", "faild"], "did you mean failed"),
        (["status", "--outcome", ""], "unknown outcome"),
        (["status", "--by", "region"], "label.region"),
        (["status", "--by", "wave"], "convoy report"),
        (["status", "--by", "server", "--output", "junit"], "markdown"),
        (["status", "--sort", "size"], "duration"),
        (["status", "--columns", "instanse"], "did you mean instance"),
        (["report", "--columns", "instance,,wave"], "a name is empty"),
        (["status", "--columns", "wave,Wave"], "comes twice"),
        (["status", "--columns", "statement", "-o", "csv"], "failure_message"),
        (["status", "--columns", "instance", "-o", "json"], "table or csv"),
        (["status", "--columns", "instance", "--summary"], "--summary"),
        (["status", "--descending"], "--sort"),
        (["status", "--summary", "--output", "json"], "--summary"),
        (["status", "--summary", "--by", "server"], "--by"),
        (["status", "--by", "server", "--sort", "name"], "--sort"),
        (["status", "--watch", "never"], "Unexpected argument 'never'"),
        (["status", "--watch", "100ms"], "--watch requires an interval of at least one second"),
        (["report", "--watch", "1x"], "--watch requires an interval of at least one second"),
        (["status", "--watch", "--output", "json"], "--output-file"),
        (["status", "--output-file", ""], "--output-file"),
        (["status", "--output-file", "nowhere/x"], "No such file"),
        (["status", "--output-file", "Migrations"], "it is a folder"),
        (["migrate", "--yes", "--output-file", "nowhere/x"], "No such file"),
        (["report", "--no-probe"], "no run"),
        (["report", "none", "--no-probe"], "nothing to report"),
        (["report", "none", "--by", "wave"], "--by wave"),
        (["report", "--no-probe", "--by", "cohort"], "--no-probe"),
        (["report", "20261122"], "no journal"),
        (["plan", "--to", "newest"], "20240929084639"),
        (["plan", "--to", "0"], "20240929084639"),
        (["migrate", "--yes", "--concurrency", "0"], "--concurrency"),
        (["migrate", "--yes", "--concurrency", "many"], "--concurrency"),
        (["runs", "--limit", "0"], "--limit"),
        (["runs", "show", "nowhere"], "no journal"),
        (["rollback", "--yes"], "--to, --steps and --run"),
        (["rollback", "--yes", "--to", "1", "--steps", "1"], "--to, --steps and --run"),
        (["rollback", "--yes", "--steps", "0"], "--steps"),
        (["status", "--select", "ring=(("], "--select"),
        (["status", "--select", ""], "--select"),
        (["status", "--select", "name=zed"], "no instance is called zed"),
        (["plan", "--to", "20200101000001"], "20200101000000"),
        (["migrate", "--yes", "--wave", "late"], "rest"),
        (["migrate"], "--yes"),
        (["rollback", "--steps", "1"], "--yes"),
    ])
    func aMistakeInTheCommandLineIsToldAndExits64(_ arguments: [String], _ expected: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(arguments, in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains(expected))
            #expect(result.standardOutput == "")
        }
    }

    @Test func theFleetFileComesFromTheOptionThenTheEnvironmentThenTheFolder() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            #expect(try await runConvoy(["validate"], in: folder).standardOutput.hasPrefix("fleet.yaml: "))
            let environment = ["CONVOY_FLEET": "\(folder)/fleet.yaml"]
            #expect(try await runConvoy(["validate"], environment: environment, in: "/").standardOutput.hasPrefix("\(folder)/fleet.yaml: "))
            let missing = try await runConvoy(["validate", "--fleet", "other.yaml"], environment: environment, in: folder)
            #expect(missing.exitCode == 78)
            #expect(missing.standardError.contains("other.yaml: error: "))
            let empty = try await runConvoy(["validate"], environment: ["CONVOY_FLEET": ""], in: folder)
            #expect(empty.exitCode == 0)
        }
    }

    @Test func validateSaysWhatItRead() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(["validate", "--select", "name=alice"], in: folder)
            #expect(
                result.standardOutput == """
                    fleet.yaml: the fleet file and its migrations are right
                      fleet       test
                      instances   2 listed, 1 selected
                      waves       canary, rest
                      journal     .convoy/journal.sqlite
                      migrations  1 in Migrations, the newest is 20200101000000 (create_cars)

                    """
            )
            #expect(result.standardError == "")
            #expect(result.exitCode == 0)
        }
    }

    @Test func validateSaysWhatARolloutAsksFor() async throws {
        var files = Files.fleet()
        files["fleet.yaml"] = """
            version: 1
            instances: [{name: alice, labels: {region: eu}}, {name: bob, dbname: b}, {name: carol, dbname: c}]
            rollout:
              waves:
                - name: canary
                  one_per: label.region
                  on_failure: rollback
                  gate: {soak: 10m, approve: true, checks: [{name: a, sql: SELECT true}], http: "http://h"}
                - {name: rest, stop: {failures: 3, failure_percent: 2.5, same_failure: 2, unreachable_percent: 40%}}
              checks: [{name: cars-readable, sql: SELECT true}, {name: drives, sql: SELECT true}]
              hooks: {after_run: [touch, a], before_instance: [/bin/sh, b], timeout: 90s}
              window: {days: [sun, sat], from: "22:05", to: "05:00", timezone: Europe/Berlin}
            journal: /var/lib/convoy.sqlite

            """
        try await withTemporaryFolder(files: files) { folder in
            let result = try await runConvoy(["validate"], in: folder)
            #expect(
                result.standardOutput == """
                    fleet.yaml: the fleet file and its migrations are right
                      fleet       fleet
                      instances   3 listed
                      waves       canary: one per label.region; on_failure rollback; gate soak 10 min, 1 check, http, approve
                                  rest: stop at failures 3, failure_percent 2.5, same_failure 2, unreachable_percent 40
                      checks      cars-readable, drives
                      hooks       before_instance, after_run, at most 1 min 30 s each
                      window      sat, sun, 22:05 to 05:00 Europe/Berlin
                      journal     /var/lib/convoy.sqlite
                      migrations  1 in Migrations, the newest is 20200101000000 (create_cars)

                    """
            )
            #expect(result.standardError == "")
        }
    }

    @Test func aProgramThatIsNotThereIsToldBeforeARun() async throws {
        var files = Files.fleet()
        files["plain"] = "no program"
        files["fleet.yaml"] = Files.fleetText.replacing(
            "waves:",
            with:
                "hooks: {before_run: [no-such-program-anywhere], after_run: [./plain], before_instance: [/no/such, x], after_instance: [touch], after_wave: [\"{fleet}-check\"]}\n  waves:"
        ).replacing(
            "select: ring=canary}",
            with: "select: ring=canary, gate: {command: [also-not-there]}}"
        )
        try await withTemporaryFolder(files: files) { folder in
            for command in [["validate"], ["migrate", "--yes"], ["rollback", "--steps", "1", "--yes"]] {
                let result = try await runConvoy(command, in: folder)
                #expect(result.exitCode == 78, "\(result.standardError)")
                for program in ["no-such-program-anywhere", "./plain", "/no/such", "also-not-there"] {
                    #expect(result.standardError.contains("program \(program) does not exist"), "\(result.standardError)")
                }
                #expect(!result.standardError.contains("program touch"))
            }
        }
    }

    @Test(arguments: [
        (["statsu"], "did you mean `convoy status`?"), (["help", "nope"], "no command “nope”"),
        (["help", "runs", "shw"], "convoy runs show"),
        (["runs", "shw"], "convoy runs show"), (["help", "statsu"], "convoy status"),
        (["migrate", "--to", "2020", "--yes"], "did you mean 20200101000000"),
    ])
    func aWordThatIsNotKnownIsToldWithTheNearest(_ arguments: [String], _ expected: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(arguments, in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains(expected), "\(result.standardError)")
        }
    }

    @Test func aFleetFileWithTheOtherEndingIsNamed() async throws {
        var files = Files.fleet()
        files["fleet.yml"] = files.removeValue(forKey: "fleet.yaml")
        try await withTemporaryFolder(files: files) { folder in
            for command in [["validate"], ["runs"]] {
                let result = try await runConvoy(command, in: folder)
                #expect(result.exitCode == 78)
                #expect(result.standardError.contains("found fleet.yml: use --fleet fleet.yml"), "\(result.standardError)")
            }
        }
    }

    @Test func aVersionThatIsNoTimeIsRefusedInASetOfTimes() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(["new", "foo", "--version", "2024"], in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains("YYYYMMDDhhmmss"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/Migrations") == ["20200101000000_create_cars.sql"])
            #expect(try await runConvoy(["validate"], in: folder).exitCode == 0)
        }
    }

    /// A fleet file that cannot be used, and what of it must be told.
    struct BadFleet: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var text: String?
        var expected: [String]

        init(_ testDescription: String, _ text: String?, _ expected: String...) {
            self.testDescription = testDescription
            self.text = text
            self.expected = expected
        }
    }

    @Test(arguments: [
        BadFleet("missing", nil, "fleet.yaml: error: ", "--fleet"),
        BadFleet("empty", "", "fleet.yaml"),
        BadFleet("not YAML", "version: 1\nfleet: [", "fleet.yaml:"),
        BadFleet("a scalar", "hello", "fleet.yaml:1:"),
        BadFleet("with tabs", "version: 1\n\tfleet: x\n", "fleet.yaml:2:"),
        BadFleet("an alias bomb", "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "fleet.yaml:2:", "alias"),
        BadFleet("binary", "\u{0}\u{1}\u{1B}[2J", "fleet.yaml"),
        BadFleet("over 8 MiB", String(repeating: "# padding\n", count: 900_000), "8 MiB"),
        BadFleet("an unknown key", Files.fleetText + "instnaces: []\n", "instnaces", "instances", "hint: "),
        BadFleet(
            "two places for runs",
            Files.fleetText + "journal: a\ncontrol: postgres://u@h/convoy\n",
            "both say where runs are",
            "hint: "
        ),
        BadFleet("a missing variable", Files.fleetText.replacingOccurrences(of: "fleet: test", with: "fleet: ${env:NOT_SET}"), "NOT_SET"),
    ])
    func aBadFleetFileIsToldWithItsPlaceAndExits78(_ fleet: BadFleet) async throws {
        var files = Files.fleet()
        files["fleet.yaml"] = fleet.text
        try await withTemporaryFolder(files: files) { folder in
            for arguments in [["validate"], ["status"], ["migrate", "--yes"]] {
                let result = try await runConvoy(arguments, in: folder)
                #expect(result.exitCode == 78)
                #expect(result.standardOutput == "")
                for expected in fleet.expected { #expect(result.standardError.contains(expected)) }
                #expect(!result.standardError.contains("\u{1B}"))
                #expect(result.standardError.utf8.count < 4000)
            }
        }
    }

    @Test(arguments: [
        ([:], "does not exist"),
        (["Migrations/README": ""], "holds no migration"),
        (["Migrations": ""], "not the directory"),
        (["Migrations/create_cars.sql": ""], "<version>_<name>.sql"),
        (["Migrations/1_a.sql": "SELECT 1;"], "Migrations/1_a.sql"),
        (["Migrations/1_a.sql": "-- migrate:up\n-- convoy:step brew-coffee\n-- migrate:down\n-- convoy:irreversible no\n"], "brew-coffee"),
    ])
    func aBadMigrationSetIsToldAndExits78(_ migrations: [String: String], _ expected: String) async throws {
        try await withTemporaryFolder(
            files: migrations.merging(["fleet.yaml": Files.fleetText, "password": "s3cret"]) { first, _ in first }
        ) { folder in
            for arguments in [["validate"], ["status"]] {
                let result = try await runConvoy(arguments, in: folder)
                #expect(result.exitCode == 78)
                #expect(result.standardOutput == "")
                #expect(result.standardError.contains(expected))
            }
        }
    }

    @Test(arguments: ["Migrations", "Migrations/1_a.sql", "fleet.yaml"])
    func whatMayNotBeReadIsTold(_ path: String) async throws {
        var files = Files.fleet()
        files["Migrations/1_a.sql"] = "-- migrate:up\nSELECT 1;\n-- migrate:down\n"
        try await withTemporaryFolder(files: files, mode: 0o644) { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: "\(folder)/\(path)")
            let result = try await runConvoyUnprivileged(["validate"], in: folder)
            #expect(result.exitCode == 78)
            #expect(result.standardError.contains(path))
            #expect(result.standardError.contains("read"))
        }
    }
}

/// A small fleet on disk.
enum Files {
    /// Two instances that nobody answers for.
    static let fleetText = """
        version: 1
        fleet: test
        migrations: Migrations
        defaults:
          user: nobody
          password: ${file:password}
          connect_timeout: 2s
        instances:
          - {name: alice, host: 127.0.0.1, port: 1, database: a, labels: {ring: canary}}
          - {name: bob, host: 127.0.0.1, port: 1, database: b}
        rollout:
          waves:
            - {name: canary, select: ring=canary}
            - {name: rest}

        """

    static let migration = """
        -- migrate:up
        CREATE TABLE cars (id bigint PRIMARY KEY);
        -- migrate:down
        DROP TABLE cars;

        """

    static func fleet(_ text: String = fleetText) -> [String: String] {
        ["fleet.yaml": text, "password": "s3cret", "Migrations/20200101000000_create_cars.sql": migration]
    }
}
