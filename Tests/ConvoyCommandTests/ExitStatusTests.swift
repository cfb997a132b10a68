import ConvoyRollout
import ConvoyRun
import Testing

@Suite struct RolloutExitCodeTests {
    @Test(arguments: [
        (RunStatus.succeeded, [Outcome.migrated, .upToDate, .rolledBack], ExitCode.success),
        (.succeeded, [], .success),
        (.failed, [.migrated, .failed], .failed),
        (.failed, [.migrated, .unreachable], .failed),
        (.failed, [.unreachable, .unreachable], .unreachable),
        (.halted, [.unreachable, .pending], .halted),
        (.halted, [.failed], .halted),
        (.interrupted, [.failed, .pending], .interrupted),
        (.interrupted, [.migrated], .interrupted),
    ])
    func ofARun(status: RunStatus, outcomes: [Outcome], code: ExitCode) {
        #expect(ExitCode(status, outcomes: outcomes) == code)
    }

    @Test(arguments: [
        ([Outcome.upToDate, .pending], ExitCode.success, ExitCode.checkFound),
        ([.upToDate], .success, .success),
        ([], .success, .success),
        ([.upToDate, .edited], .failed, .checkFound),
        ([.pending, .ahead], .failed, .failed),
        ([.pending, .unreachable], .failed, .failed),
        ([.unreachable], .unreachable, .unreachable),
        ([.interrupted, .unreachable, .failed], .interrupted, .interrupted),
    ])
    func ofALook(outcomes: [Outcome], plain: ExitCode, checked: ExitCode) {
        #expect(ExitCode(outcomes: outcomes) == plain)
        #expect(ExitCode(outcomes: outcomes, check: .on) == checked)
    }

    @Test(arguments: Outcome.allCases.filter { ![.interrupted, .unreachable].contains($0) })
    func everyOutcomeThatIsNotGoodCounts(_ outcome: Outcome) {
        let isGood = [Outcome.upToDate, .migrated, .rolledBack, .pending].contains(outcome)
        #expect(ExitCode(.succeeded, outcomes: [.migrated, outcome]) == (isGood ? .success : .failed))
        // A hook after the run may have failed with every instance well.
        #expect(ExitCode(.failed, outcomes: [.migrated, outcome]) == .failed)
    }

    @Test func theNumbersAreTheDocumentedOnes() {
        #expect(ExitCode.allCases.map(\.rawValue) == [0, 1, 2, 3, 64, 69, 78, 130])
    }
}
