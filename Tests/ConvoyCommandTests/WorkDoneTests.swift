import ConvoyRun
import Testing

@testable import convoy

/// How far a run came that was interrupted: what was cancelled is left to do, although the run began on it.
struct WorkDoneTests {
    @Test(
        arguments: [
            ([.migrated, .pending], "worked on 1 of 2 instances and left 1 unchanged", true),
            ([.migrated, .failed], "worked on 2 of 2 instances and left 0 unchanged", false),
            ([.migrated, .interrupted], "worked on 2 of 2 instances and left 0 unchanged; 1 is not finished", true),
            ([.unknown, .interrupted, .pending], "worked on 2 of 3 instances and left 1 unchanged; 2 are not finished", true),
        ] as [([Outcome], String, Bool)]
    )
    func whatIsLeft(outcomes: [Outcome], text: String, isLeft: Bool) {
        let work = WorkDone(outcomes)
        #expect(work.text == text)
        #expect(work.isLeft == isLeft)
    }
}
