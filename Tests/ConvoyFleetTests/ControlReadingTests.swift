import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import Testing

/// Where the fleet file says that runs are written down, if that is a database.
struct ControlReadingTests {
    private static let instances = "instances:\n  - {name: alice, host: h, database: a}\n"
    private static let environment = ["URL": "postgresql://convoy:hunter2@db-1:5433/runs?sslmode=verify-full", "PW": "hunter2"]

    private func read(_ text: String) throws(Problems) -> Fleet {
        try FleetFile.read(Array("version: 1\n\(text)\n\(Self.instances)".utf8), file: "eu/fleet.yaml", environment: Self.environment)
    }

    @Test(arguments: [
        "control: ${env:URL}", "journal: ${env:URL}", "control: postgresql://convoy:${env:PW}@db-1:5433/runs?sslmode=verify-full",
        "control: host=db-1 port=5433 user=convoy password=${env:PW} dbname=runs sslmode=verify-full",
    ])
    func aDatabaseIsReached(_ text: String) throws {
        let fleet = try read(text)
        let control = try #require(fleet.control)
        #expect(control["host"] == "db-1" && control["port"] == "5433" && control["dbname"] == "runs" && control["password"] == "hunter2")
        // What is shown has neither user nor password.
        #expect(fleet.journal == "db-1:5433/runs")
        #expect(fleet.journalPlace == .control(control))
        #expect(fleet.journalPlace.text == "db-1:5433/runs")
        #expect(fleet.journalFile == "eu/.convoy/journal.sqlite")
        #expect(fleet.secrets.contains { $0.reveal() == "hunter2" })
    }

    @Test func thePasswordMayComeFromASecretCommand() throws {
        let commands = "secret_commands: {vault: {run: [vault, get, \"{key}\"]}}\n"
        let fleet = try read(commands + "control: postgresql://convoy:${command:vault:convoy}@db-1/runs")
        #expect(fleet.control?[late: "password"] != nil)
    }

    @Test(arguments: [
        ("control: a\njournal: b", "neither a libpq URI nor a key=value string"),
        ("control: postgresql://h/runs\njournal: b", "`control` and `journal` both say where runs are written down"),
        ("control: postgresql://h", "`control` names no database"),
        ("control: postgresql://h/runs?connect_timeout=3", "`control` has a `connect_timeout`"),
        ("control: ${env:NOWHERE}", "environment variable NOWHERE is not set"),
        ("control: [a]", "`control` must be a single value"),
        ("control: mysql://convoy:hunter2@h/runs", "`control`"),
        ("journal: mysql://convoy:hunter2@h/runs", "`journal` is not a path"),
    ])
    func whatCannotBeReachedIsSaid(_ text: String, _ words: String) throws {
        do throws(Problems) {
            let fleet = try read(text)
            Issue.record("\(fleet.journal)")
        } catch {
            #expect(error.description.contains(words), "\(error)")
            #expect(!error.description.contains("hunter2"))
        }
    }

    @Test func anUnprovenServerIsWarnedOf() throws {
        let fleet = try read("control: postgresql://convoy:${env:PW}@db-1/runs")
        #expect(fleet.warnings.contains { $0.message.contains("host “db-1”") && $0.line == 2 })
    }

    // MARK: As far as the file can be read

    private func outline(_ text: String) throws(Problems) -> Fleet {
        try FleetFile.outline(Array(text.utf8), file: "eu/fleet.yaml", environment: Self.environment).fleet
    }

    @Test(arguments: [
        "version: 1\nfleet: eu\ncontrol: ${env:URL}\n\(instances)hello: there\n",
        "version: 1\nfleet: eu\ncontrol: postgresql://convoy@db-1:5433/runs\ninstances: [{name: alice\n",
        "version: 1\nfleet: eu\njournal: postgresql://convoy@db-1:5433/runs\ninstances: [{name: alice\n",
    ])
    func itIsFoundWhateverElseIsWrong(_ text: String) throws {
        let fleet = try outline(text)
        #expect(fleet.control?["dbname"] == "runs")
        #expect(fleet.journal == "db-1:5433/runs")
    }

    /// Never a file that is not meant.
    @Test(arguments: [
        "version: 1\nfleet: eu\ncontrol: ${env:NOWHERE}\n\(instances)", "version: 1\nfleet: eu\ncontrol: ${env:URL}\ninstances: [",
        "version: 1\nfleet: eu\ncontrol: mysql://h/x\ninstances: [",
    ])
    func whatIsNotKnownIsNotGuessed(_ text: String) {
        #expect(throws: Problems.self) { try outline(text) }
    }

    @Test func noDatabaseIsAskedWhileAPersonTypes() throws {
        for key in ["control", "journal"] {
            let fleet = try read("\(key): ${env:URL}")
            #expect(FleetNames(fleet).journal == nil)
        }
    }
}
