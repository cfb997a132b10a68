import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import Testing

@Suite("What `rollout` and `journal` are read as")
struct RolloutReadingTests {
    private func fleet(_ text: String, file: String = "conf/fleet.yaml", _ environment: [String: String] = [:]) throws(Problems) -> Fleet {
        let start = "version: 1\ninstances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}]\n"
        return try FleetFile.read(Array((start + text).utf8), file: file, environment: environment)
    }

    private func first(_ wave: String) throws -> Wave? {
        try fleet("rollout: {waves: [{name: canary, select: ring=canary, \(wave)}, {name: rest}]}\n").rollout.waves.first
    }

    @Test func `notifications have their values, and sensible ones without them`() throws {
        let fleet = try fleet(
            """
            notifications:
              - url: ${env:HOOK}
                format: slack
                on: [halted, run-finished]
                timeout: 3s
                retries: 0
                headers: {X-From: convoy, Authorization: "Bearer ${env:TOKEN}"}
              - {url: "http://127.0.0.1:8080/hook", on: gate-waiting}
              - url: http://h/
            """,
            ["HOOK": "https://hooks/s3cret", "TOKEN": "t0ken"]
        )
        #expect(
            fleet.notifications == [
                Webhook(
                    url: Secret("https://hooks/s3cret"),
                    format: .slack,
                    occasions: [.halted, .runFinished],
                    timeout: .seconds(3),
                    retries: 0,
                    headers: [.init(name: "X-From", value: Secret("convoy")), .init(name: "Authorization", value: Secret("Bearer t0ken"))],
                    line: 4
                ),
                Webhook(url: Secret("http://127.0.0.1:8080/hook"), occasions: [.gateWaiting], line: 10),
                Webhook(url: Secret("http://h/"), line: 11),
            ]
        )
        #expect(!"\(fleet)".contains("s3cret") && !"\(fleet)".contains("t0ken"))
    }

    @Test func `every key has its value`() throws {
        let fleet = try fleet(
            """
            rollout:
              waves:
                - name: canary
                  one_per: label.ring
                  max_parallel: 1
                  stop: {failures: 1, failure_percent: 2.5%, same_failure: 3, unreachable_percent: 40}
                  on_failure: rollback
                  gate:
                    soak: 10m
                    every: 15s
                    approve: true
                    checks: [{name: a, sql: SELECT 1, expect: 1}, {name: b, sql: "SELECT true;"}]
                    command: [test, -e, /x]
                    http: https://h/x?y=1
                - name: rest
              checks: [{name: cars-readable, sql: "SELECT count(*) >= 0 FROM cars"}]
              hooks:
                before_run: [a, "{fleet}", "{run}"]
                before_wave: [b, "{wave}"]
                before_instance: [docker, stop, "teslamate-{name}", "--format={{.Names}}", '{"a": 1}', "{label.region}"]
                after_instance: [c, "{server}", "{database}"]
                after_wave: [d]
                after_run: [e, ""]
                timeout: 90s
              window: {days: [sat, sun], from: "22:30", to: "05:00", timezone: Europe/Berlin}
            journal: state/runs.sqlite
            """
        )
        let canary = Wave(
            name: "canary",
            selection: .rest,
            onePer: .label("ring"),
            maxParallel: 1,
            stop: StopRules(failures: 1, failurePercent: 2.5, sameFailure: 3, unreachablePercent: 40),
            onFailure: .rollbackWave,
            gate: Gate(
                soak: .seconds(600),
                every: .seconds(15),
                approve: true,
                checks: [Check(name: "a", sql: "SELECT 1", expect: "1"), Check(name: "b", sql: "SELECT true;")],
                command: ["test", "-e", "/x"],
                http: "https://h/x?y=1"
            )
        )
        let hooks: [HookPoint: [String]] = [
            .beforeRun: ["a", "{fleet}", "{run}"],
            .beforeWave: ["b", "{wave}"],
            .beforeInstance: ["docker", "stop", "teslamate-{name}", "--format={{.Names}}", "{\"a\": 1}", "{label.region}"],
            .afterInstance: ["c", "{server}", "{database}"],
            .afterWave: ["d"],
            .afterRun: ["e", ""],
        ]
        #expect(
            fleet.rollout
                == Rollout(
                    waves: [canary, Wave(name: "rest", selection: .rest)],
                    checks: [Check(name: "cars-readable", sql: "SELECT count(*) >= 0 FROM cars")],
                    hooks: Hooks(commands: hooks, timeout: .seconds(90)),
                    window: MaintenanceWindow(days: [.sat, .sun], from: 22 * 60 + 30, to: 5 * 60, timezone: "Europe/Berlin")
                )
        )
        #expect(fleet.journal == "conf/state/runs.sqlite")
        #expect(fleet.warnings.isEmpty)
    }

    @Test func `what is not given has its default`() throws {
        let fleet = try fleet("rollout: {window: {from: \"00:00\", to: \"24:00\", timezone: UTC}}\n")
        let window = MaintenanceWindow(days: Set(MaintenanceWindow.Day.allCases), from: 0, to: 1440, timezone: "UTC")
        #expect(fleet.rollout == Rollout(window: window))
        #expect(fleet.journal == "conf/.convoy/journal.sqlite")
    }

    @Test(arguments: [
        ("soak: 1d12h", Gate(soak: .seconds(129_600))), ("approve: true", Gate(approve: true)),
        ("approve: true, approve_within: 2h", Gate(approve: true, approveWithin: .seconds(7200))),
        ("http: http://localhost:8080", Gate(http: "http://localhost:8080")), ("command: [a]", Gate(command: ["a"])),
        ("soak: 0s, command: [a, \"{wave}\"]", Gate(command: ["a", "{wave}"])),
        ("approve: true, every: 2m, command: [a]", Gate(every: .seconds(120), approve: true, command: ["a"])),
        ("checks: [{name: a, sql: select 1, expect: \"\"}]", Gate(checks: [Check(name: "a", sql: "select 1", expect: "")])),
    ])
    func `a gate asks only for what it says`(_ text: String, _ gate: Gate) throws {
        #expect(try first("gate: {\(text)}")?.gate == gate)
    }

    @Test(arguments: OnFailure.allCases)
    func `each on_failure has its word`(_ onFailure: OnFailure) throws {
        #expect(try first("on_failure: \(onFailure.rawValue)")?.onFailure == onFailure)
    }

    @Test(arguments: [("cohort", Wave.OnePer.cohort), ("label.ring", .label("ring"))])
    func `each one_per has its word`(_ word: String, _ onePer: Wave.OnePer) throws {
        let rollout = try fleet("rollout: {waves: [{name: canary, one_per: \(word)}, {name: rest}]}\n").rollout
        #expect(rollout.waves.first == Wave(name: "canary", selection: .rest, onePer: onePer))
        #expect(rollout.needsCohorts == (onePer == .cohort))
    }

    @Test(arguments: [
        ("j.sqlite", "fleet.yaml", "j.sqlite"), ("j.sqlite", "/etc/convoy/fleet.yaml", "/etc/convoy/j.sqlite"),
        ("/var/lib/j.sqlite", "conf/fleet.yaml", "/var/lib/j.sqlite"), ("~/j.sqlite", "conf/fleet.yaml", "/home/me/j.sqlite"),
        ("${env:STATE}/j.sqlite", "conf/fleet.yaml", "/state/j.sqlite"),
    ])
    func `the journal's path is relative to the fleet file`(_ path: String, _ file: String, _ journal: String) throws {
        #expect(try fleet("journal: \(path)\n", file: file, ["HOME": "/home/me", "STATE": "/state"]).journal == journal)
    }
}
