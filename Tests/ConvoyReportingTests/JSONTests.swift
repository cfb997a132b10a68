import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

struct JSONTests {
    @Test func aRunAsDocumented() {
        #expect(
            report(troubledRun.prefix(8) + [Event(at: moment(2), .runFinished(status: .interrupted))]).json.text
                == """
                {
                  "schema": "convoy.run/1",
                  "run": "r-1",
                  "fleet": "teslamate-eu",
                  "status": "interrupted",
                  "started_at": "2026-08-08T09:00:00.000Z",
                  "finished_at": "2026-08-08T09:00:02.000Z",
                  "started_by": null,
                  "waiting_for": [],
                  "waiting": [],
                  "summary": {
                    "instances": 4,
                    "outcomes": {
                      "migrated": 1,
                      "pending": 3
                    },
                    "versions": {
                      "20260808090000": 1
                    }
                  },
                  "waves": [
                    {
                      "name": "canary",
                      "instances": 1,
                      "outcomes": {
                        "migrated": 1
                      }
                    },
                    {
                      "name": "rest",
                      "instances": 3,
                      "outcomes": {
                        "pending": 3
                      }
                    }
                  ],
                  "instances": [
                    {
                      "name": "alice",
                      "wave": "canary",
                      "outcome": "migrated",
                      "from": "20260807090000",
                      "to": "20260808090000",
                      "applied": [
                        {
                          "version": "20260808090000",
                          "direction": "up",
                          "duration": 0.012
                        }
                      ],
                      "failure": null
                    },
                    \(["bob", "carol", "dave"].map(notReached).joined(separator: ",\n                    "))
                  ],
                  "failures": [],
                  "migrations": [
                    {
                      "version": "20260808090000",
                      "direction": "up",
                      "instances": 1,
                      "p50": 0.012,
                      "p95": 0.012,
                      "max": 0.012,
                      "slowest": "alice"
                    }
                  ]
                }

                """.replacingOccurrences(of: "\n                    ", with: "\n    ").replacingOccurrences(
                    of: "\n                ",
                    with: "\n"
                )
        )
    }

    private func notReached(_ name: String) -> String {
        """
        {
              "name": "\(name)",
              "wave": "rest",
              "outcome": "pending",
              "from": null,
              "to": null,
              "applied": [],
              "failure": null
            }
        """
    }

    @Test func aFailureHasEveryKeyInOrder() {
        #expect(
            overflow.json
                == [
                    "kind": "failed", "version": "20260808090000", "file": "Migrations/20260808090000_narrow_charges.sql",
                    "line": .integer(7),
                    "statement": "ALTER TABLE charges\n\tALTER COLUMN charger_power TYPE numeric(8,2)", "position": .integer(35),
                    "sqlstate": "22003",
                    "message": "numeric field overflow",
                    "detail": "A field with precision 8, scale 2 must round to an absolute value less than 10^6.",
                    "hint": "correct the rows that are too large, then run the command again", "server_hint": .null,
                    "fingerprint": .string(overflow.fingerprint),
                    "locked_by": .null,
                ]
        )
        #expect(
            busy.lockedBy?.json
                == ["pid": .integer(4711), "application": "psql", "address": "10.0.0.7", "since": "2026-08-08T08:00:00Z"]
        )
        #expect(
            LockHolder(pid: 1, application: "", address: nil, since: nil).json
                == ["pid": .integer(1), "application": "", "address": .null, "since": .null]
        )
    }

    @Test(arguments: [
        (JSONValue.seconds(0), "0"), (.seconds(1.5), "1.5"), (.seconds(0.1 + 0.2), "0.3"), (.seconds(12), "12"), (.seconds(.nan), "null"),
        (.string("\"\\\n\u{1B}\u{7F}\u{9B}\u{202E}é"), #""\"\\\n\u001b\u007f\u009b\u202eé""#), (.string("\u{E0001}"), #""\udb40\udc01""#),
        (.array([]), "[]"), (JSONValue.object(.init([])), "{}"), (.bool(true), "true"),
    ])
    func writes(_ value: JSONValue, _ expected: String) {
        #expect(value.text == expected + "\n")
    }

    @Test func hostileTextComesBackWhole() throws {
        let text = String(String.UnicodeScalarView((0...0x2100).compactMap(Unicode.Scalar.init))) + "\u{E0001}😀"
        let json = JSONValue.array([.string(text)]).text
        #expect(!json.unicodeScalars.contains { $0.isObeyedByTerminals && $0 != "\n" })
        #expect(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String] == [text])
    }

    @Test(arguments: [
        ("run", report(troubledRun).json), ("run", FleetReport().json), ("status", statusReport.statusJSON), ("plan", planReport.json),
        ("runs", runsReport.json), ("run", report(troubledRun.prefix(8)).json(state: .running)), ("status", hostileReport.statusJSON),
        ("report", hostileReport.reportJSON(at: moment())), ("report", statusReport.reportJSON(at: moment())),
        ("report", report(troubledRun.prefix(14)).reportJSON(state: .running, at: moment(2))),
        ("report", FleetReport().reportJSON(at: moment())),
        ("groups", GroupsReport(hostileReport, by: .label("ring")).json(at: moment())),
        ("groups", GroupsReport(statusReport, by: .version).json(at: moment())),
        ("durations", durationsReport.json), ("drift", driftReport.json), ("drift", driftReport.grouped.json),
        ("comparison", runComparison.json(at: moment())),
        (
            "comparison",
            RunComparison(.init(report: FleetReport(), state: nil), .init(report: hostileReport, state: nil)).json(at: moment())
        ),
    ])
    func fitsItsPublishedSchema(_ name: String, _ value: JSONValue) throws {
        let schema = try JSONSchema(named: name)
        #expect(schema.problems(in: try JSONSerialization.jsonObject(with: Data(value.text.utf8), options: .fragmentsAllowed)) == [])
    }

    @Test(arguments: [hostileReport, statusReport, report(troubledRun), FleetReport()])
    func everyLineFitsTheSchemaOfLines(_ report: FleetReport) throws {
        let schema = try JSONSchema(named: "ndjson")
        let lines = report.ndjson(at: moment()).split(separator: "\n")
        #expect(lines.count == 1 + report.instances.count + report.failureGroups.count)
        for line in lines {
            #expect(schema.problems(in: try JSONSerialization.jsonObject(with: Data(line.utf8))) == [])
        }
    }

    @Test func aListOfRunsSaysWhichOfThemNoWorkerTakes() throws {
        let object = try JSONSerialization.jsonObject(with: Data(runsReport.json.text.utf8)) as? [String: Any]
        let runs = object?["runs"] as? [[String: Any]] ?? []
        #expect(runs.map { $0["worker_shortage"] as? String } == ["no worker of its fleet is alive", nil, nil, nil])
    }

    @Test func whoApprovedPausedAndResumedIsInTheTableAndInTheJSON() throws {
        var report = report(troubledRun.prefix(13))
        report.apply(Event(at: moment(1), .gateOpened(wave: "canary")))
        report.apply(Event(at: moment(2), .approved(wave: "canary", by: "bea via dashboard (ann@host)")))
        report.apply(Event(at: moment(3), .serverPaused(server: "eu-1", by: "ann@host")))
        report.apply(Event(at: moment(4), .serverResumed(server: "eu-1", by: "cleo@host")))
        report.apply(Event(at: moment(5), .runResumed(by: "root@host for dora via dashboard")))
        // The report of a run by its own process has none of it.
        #expect(!report.json.text.contains("operator_actions") && !report.table(OutputStyle(width: 200)).contains("bea"))
        report.apply(
            RunRecord(
                id: RunID("r-1"),
                fleet: "teslamate-eu",
                fleetFile: "fleet.yaml",
                change: .up(to: nil),
                instances: 4,
                startedAt: moment(),
                startedBy: "ann@host"
            )
        )
        let table = report.table(OutputStyle(width: 200))
        for line in [
            "gate of wave canary approved 2026-08-08 09:00:02Z by bea via dashboard (ann@host)\n",
            "server eu-1 paused 2026-08-08 09:00:03Z by ann@host\n", "server eu-1 unpaused 2026-08-08 09:00:04Z by cleo@host\n",
            "run resumed 2026-08-08 09:00:05Z by root@host for dora via dashboard\n",
        ] {
            #expect(table.contains(line), "\(table)")
        }
        for (name, value) in [("run", report.json), ("report", report.reportJSON(at: moment(6)))] {
            let schema = try JSONSchema(named: name)
            let object = try JSONSerialization.jsonObject(with: Data(value.text.utf8))
            #expect(schema.problems(in: object) == [])
            let whole = object as? [String: Any]
            let run = name == "run" ? whole : whole?["run"] as? [String: Any]
            let actions = run?["operator_actions"] as? [[String: Any]] ?? []
            #expect(actions.map { $0["action"] as? String } == ["approve", "pause", "unpause", "resume"])
            #expect(actions.first?["by"] as? String == "bea via dashboard (ann@host)")
        }
    }

    @Test func theSchemaCheckItselfFindsProblems() throws {
        let schema = try JSONSchema(named: "status")
        let found = schema.problems(in: ["schema": "convoy.status/2", "fleet": 1, "summary": ["outcomes": ["lost": 1]], "instances": [[:]]])
        for expected in [
            "$.schema: not convoy.status/1", "$.fleet: not string", "$.target: missing", "$.summary.instances: missing",
            "$.summary.outcomes.lost: not one of the allowed values", "$.instances[0].name: missing",
        ] {
            #expect(found.contains(expected))
        }
    }
}
