import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// What `convoy provision` shows, to people and to programs.
struct ProvisionReportTests {
    private var report: ProvisionReport {
        func tenant(_ name: String, _ outcome: ProvisionReport.Outcome, _ state: ProvisionReport.EntryState, _ failure: Failure? = nil)
            -> ProvisionReport.Tenant
        {
            var tenant = ProvisionReport.Tenant(
                name: name,
                instance: name,
                server: "eu-1",
                database: "teslamate_\(name)",
                role: "teslamate_\(name)",
                outcome: outcome,
                passwordFile: outcome == .present || outcome == .refused ? nil : "passwords/\(name)",
                entryState: state,
                entry: state == .listed ? nil : "  - name: \(name)\n    server: eu-1\n",
                failure: failure
            )
            if outcome.isGood { tenant.version = newest }
            if outcome == .created { (tenant.creating, tenant.duration) = (.milliseconds(61), .milliseconds(212)) }
            return tenant
        }
        let refusal = Failure(.blocked, "database “x\u{1B}[2J” exists", hint: "choose another name")
        return ProvisionReport(
            fleet: "teslamate-eu",
            fleetFile: "fleet.yaml",
            generatedAt: moment(),
            isDryRun: false,
            tenants: [
                tenant("alice", .created, .written), tenant("bob", .completed, .manual), tenant("carol", .present, .listed),
                tenant("dave", .refused, .due, refusal),
            ],
            entryProblem: "cannot be extended: it is a symbolic link"
        )
    }

    @Test func theTable() throws {
        #expect(
            report.table(OutputStyle(width: 100, usesColor: false, usesUnicode: true))
                == """
                NAME   SERVER  DATABASE         ROLE             OUTCOME    VERSION         PASSWORD
                alice  eu-1    teslamate_alice  teslamate_alice  created    \(newest)  passwords/alice
                bob    eu-1    teslamate_bob    teslamate_bob    completed  \(newest)  passwords/bob
                carol  eu-1    teslamate_carol  teslamate_carol  present    \(newest)  -
                dave   eu-1    teslamate_dave   teslamate_dave   refused    -               -

                refused: dave
                  database “x\\u{1B}[2J” exists
                  hint: choose another name

                fleet.yaml cannot be extended: it is a symbolic link; add these lines under `instances` yourself:
                  - name: bob
                    server: eu-1

                teslamate-eu: 1 present, 1 created, 1 completed, 1 refused, 1 entry added to fleet.yaml

                """
        )
    }

    @Test func theDryRun() {
        var report = report
        report.isDryRun = true
        report.entryProblem = nil
        report.tenants = [report.tenants[0]]
        report.tenants[0].outcome = .absent
        report.tenants[0].entryState = .due
        report.tenants[0].statements = ["BEGIN;\nCREATE ROLE x;\nCOMMIT;\n"]
        let table = report.table(OutputStyle(width: 80, usesColor: false, usesUnicode: true))
        #expect(
            table.contains("alice: as the admin role\n  BEGIN;\n  CREATE ROLE x;\n  COMMIT;\nalice: added to fleet.yaml\n  - name: alice\n")
        )
        #expect(table.hasSuffix("teslamate-eu: 1 absent; nothing was changed\n"))
        #expect(report.question == "Make 1 database on eu-1?")
        // Everything is there, apart from the entry.
        report.tenants[0].outcome = .present
        report.tenants[0].statements = []
        #expect(report.question == "Add 1 entry to fleet.yaml?")
        let unlisted = report.table(OutputStyle(width: 80, usesColor: false, usesUnicode: true))
        #expect(unlisted.contains("alice: added to fleet.yaml\n  - name: alice\n") && !unlisted.contains("as the admin role"))
        report.tenants[0].entryState = .listed
        #expect(report.question == nil)
        // The file cannot be extended.
        (report.tenants[0].outcome, report.tenants[0].entryState) = (.absent, .manual)
        report.entryProblem = "has its `instances` in brackets"
        let bracketed = report.table(OutputStyle(width: 80, usesColor: false, usesUnicode: true))
        #expect(bracketed.contains("brackets; you would have to add these lines under `instances` yourself:\n  - name: alice\n"))
        #expect(!bracketed.contains("added to"))
    }

    @Test func theDocumentFitsItsSchema() throws {
        let schema = try JSONSchema(named: "provision")
        let json = try JSONSerialization.jsonObject(with: Data(report.json.text.utf8))
        #expect(schema.problems(in: json) == [])
        let tenants = try #require((json as? [String: Any])?["tenants"] as? [[String: Any]])
        #expect(tenants.map { $0["outcome"] as? String } == ["created", "completed", "present", "refused"])
        #expect(tenants[0]["create_database_ms"] as? Int == 61 && tenants[0]["duration_ms"] as? Int == 212)
        // Every word of the program is one of the schema.
        for outcome in ProvisionReport.Outcome.allCases {
            for state in ProvisionReport.EntryState.allCases {
                var one = report
                one.tenants[0].outcome = outcome
                one.tenants[0].entryState = state
                #expect(schema.problems(in: try JSONSerialization.jsonObject(with: Data(one.json.text.utf8))) == [])
            }
        }
    }
}
