import TestSupport
import Testing

/// Any number of workers carry out a run with one control database. Random interleavings, with workers that die, are paused past their
/// leases, lose acknowledgements and report twice, keep what ``ProtocolMonitor`` asks for, and end.
@Suite struct DecisionProtocolTests {
    @Test(arguments: 0..<20)
    func everyRunKeepsItsPromises(block: Int) {
        for seed in (block * 100)..<(block * 100 + 100) {
            let problems = ProtocolRun.problems(seed: UInt64(seed))
            if !problems.isEmpty {
                Issue.record("\(problems)")
                return
            }
        }
    }

    /// Else the test above would show nothing.
    @Test(arguments: ProtocolMutation.allCases)
    func everyMistakeIsFound(_ mutation: ProtocolMutation) {
        let seed = (0..<400).first { !ProtocolRun.problems(seed: UInt64($0), mutation: mutation).isEmpty }
        #expect(seed != nil)
    }
}
