import ConvoyFleet
import ConvoyMigrations
import Foundation
import TestSupport
import Testing

@testable import ConvoyRollout

/// The variables of hooks: those of the code, of an occasion and of the documentation are the same.
struct HookVariableTests {
    @Test func theDocumentationListsEachVariable() throws {
        let page = try String(contentsOfFile: "\(repositoryRoot)/docs/hooks.md", encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `CONVOY_") }.map(String.init)
        let label = "| `\(HookVariable.labelPrefix)<KEY>` | each label of the instance, its key in capitals |"
        #expect(rows == HookVariable.allCases.map { "| `\($0.rawValue)` | \($0.meaning) |" } + [label])
    }

    @Test func anOccasionAfterARunOfOneInstanceSetsEach() {
        let alice = Instance(
            name: "alice",
            server: "s",
            database: "alice",
            labels: ["app.kubernetes.io/name": "tm"],
            connection: instance("alice").connection
        )
        let occasion = HookOccasion(
            run: "run-1",
            direction: .up,
            wave: "canary",
            instance: alice,
            from: MigrationVersion(1),
            to: MigrationVersion(2),
            outcome: "migrated"
        )
        let releases = ReleaseList([.init(name: "v1.0.0", date: "2020-01-01", version: MigrationVersion(1))])
        let variables = occasion.environment(fleet: "eu", hook: HookPoint.afterRun.rawValue, releases: releases)
        #expect(variables["CONVOY_FROM_RELEASE"] == "v1.0.0")
        #expect(variables["CONVOY_TO_RELEASE"] == "after v1.0.0")
        #expect(Set(variables.keys) == Set(HookVariable.allCases.map(\.rawValue) + ["CONVOY_LABEL_APP_KUBERNETES_IO_NAME"]))
        #expect(variables["CONVOY_FROM"] == "1")
        #expect(variables["CONVOY_TO"] == "2")
    }

    @Test func whatIsNotKnownIsNotSet() {
        let variables = HookOccasion(run: "run-1", direction: .down).environment(fleet: "eu", hook: HookPoint.beforeRun.rawValue)
        #expect(variables == ["CONVOY_RUN": "run-1", "CONVOY_FLEET_NAME": "eu", "CONVOY_HOOK": "before_run", "CONVOY_DIRECTION": "down"])
    }
}
