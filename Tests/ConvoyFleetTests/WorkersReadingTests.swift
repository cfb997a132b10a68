import ConvoyFleet
import ConvoyText
import Testing

/// `workers`: what workers take where their command lines do not say.
struct WorkersReadingTests {
    private static func file(_ workers: String) -> [UInt8] {
        Array(
            """
            version: 1
            control: postgresql://convoy@127.0.0.1/runs
            servers: {eu-1: {host: 127.0.0.1}, us-1: {host: 127.0.0.2}}
            instances:
              - {name: a, server: eu-1, database: a, labels: {region: eu}}
              - {name: b, server: us-1, database: b, labels: {region: us}}
            \(workers)

            """.utf8
        )
    }

    private func read(_ workers: String, _ environment: [String: String] = [:]) throws(Problems) -> Fleet {
        try FleetFile.read(Self.file(workers), file: "fleet.yaml", environment: environment)
    }

    @Test func everythingCanBeGiven() throws {
        let fleet = try read("workers: {select: region=eu, servers: [eu-1, us-1], total: 8, lease: 1m}")
        #expect(fleet.warnings.isEmpty)
        #expect(fleet.workers.select?.text == "region=eu")
        #expect(fleet.workers.servers == ["eu-1", "us-1"])
        #expect(fleet.workers.total == 8)
        #expect(fleet.workers.lease == .seconds(60))
        #expect(fleet.workers.missing.isEmpty)
    }

    @Test(arguments: ["", "workers: {}"])
    func withoutItTheProgramDecides(_ text: String) throws {
        #expect(try read(text).workers == WorkerDefaults())
    }

    /// One file serves the workers of several regions: they compare its text, and their variables give each its own part.
    @Test func theValuesMayComeFromTheEnvironment() throws {
        let text = "workers:\n  select: region=${env:REGION}\n  servers: ${env:SERVERS}\n  total: ${env:TOTAL:-4}"
        let eu = try read(text, ["REGION": "eu", "SERVERS": "eu-1"])
        let us = try read(text, ["REGION": "us", "SERVERS": "us-1, eu-1", "TOTAL": "9"])
        #expect(eu.workers.select?.text == "region=eu" && us.workers.select?.text == "region=us")
        #expect(eu.workers.servers == ["eu-1"] && us.workers.servers == ["eu-1", "us-1"])
        #expect(eu.workers.total == 4 && us.workers.total == 9)
        #expect(eu.checksum == us.checksum && !eu.checksum.isEmpty)
    }

    /// Who submits a run has no region.
    @Test func aVariableThatIsNotSetIsAMistakeForAWorkerOnly() throws {
        let fleet = try read("workers:\n  select: region=${env:REGION}\n  servers: [eu-1, \"${env:SERVER}\"]\n  total: 3")
        #expect(fleet.warnings.isEmpty)
        #expect(fleet.workers.select == nil && fleet.workers.servers == nil && fleet.workers.total == 3)
        #expect(
            fleet.workers.missing["select"]?.description == """
                fleet.yaml:8:11: error: environment variable REGION is not set, which `select` of `workers` needs
                    region=${env:REGION}
                    hint: set it for each worker, or give --select on its command line
                """
        )
        #expect(fleet.workers.missing["servers"]?.message == "environment variable SERVER is not set, which `servers` of `workers` needs")
        #expect(fleet.workers.missing.count == 2)
    }

    @Test(arguments: [
        ("workers: 3", "fleet.yaml:7:10: error: `workers` must be a mapping of keys to values"),
        ("workers: {selct: a}", "fleet.yaml:7:11: error: `workers` has no key `selct`\n    hint: did you mean `select`?"),
        ("workers:\n  select: region in (eu", "fleet.yaml:8:"), ("workers: {select: [a]}", "`select` must be a single value, not a list"),
        ("workers: {servers: [eu-1, eu1]}", "fleet.yaml:7:27: error: unknown server\n    eu1\n    hint: did you mean `eu-1`?"),
        ("workers: {servers: []}", "`servers` is empty"), ("workers: {servers: \",\"}", "`servers` names no server"),
        ("workers: {servers: {a: b}}", "`servers` must be a list"),
        ("workers: {total: 0}", "fleet.yaml:7:18: error: `total` must be a whole number from 1 to 1000"),
        ("workers: {total: 1001}", "`total` must be a whole number from 1 to 1000"),
        ("workers: {total: many}", "`total` must be a whole number from 1 to 1000"),
        ("workers: {lease: 9s}", "`lease` must be from 10s to 1h"), ("workers: {lease: 61m}", "`lease` must be from 10s to 1h"),
        ("workers: {lease: 20}", "`lease` is not a duration"),
        ("workers: {total: 1, total: 2}", "`total` is given twice"),
        ("workers: {select: \"${command:vault:x}\"}", "cannot come from a secret command"),
        ("workers: {select: \"${env:1}\"}", "“${env:…}” names no variable"),
    ])
    func whatIsWrongIsSaidWithItsPlace(_ text: String, _ words: String) {
        do throws(Problems) {
            let fleet = try read(text)
            Issue.record("\(fleet.workers)")
        } catch {
            #expect(error.description.contains(words), "\(error)")
        }
    }

    @Test func withoutAControlDatabaseItHasNoEffect() throws {
        let text = "version: 1\ninstances: [{name: a, host: 127.0.0.1, database: a}]\nworkers: {total: 2}\n"
        let fleet = try FleetFile.read(Array(text.utf8), file: "fleet.yaml", environment: [:])
        #expect(fleet.warnings.map(\.line) == [3])
        #expect(fleet.warnings.first?.message == "`workers` has no effect: the fleet has no control database")
    }
}
