package import ConvoyJournal
package import ConvoyRun
internal import FoundationEssentials

/// Why the plan of a run cannot be read from the journal.
package enum RecordedPlanError: Error, Sendable, Hashable {
    case journal(JournalError)
    /// The journal has no plan of the run, or one that this program does not understand, for this reason.
    case unreadable(String)
}

extension RunStore {
    /// The plan with which a run began.
    package func runPlan(of run: RunID) async throws(RecordedPlanError) -> RunPlan {
        let data: Data?
        do throws(JournalError) {
            data = try await plan(of: run)
        } catch {
            throw .journal(error)
        }
        do throws(InvalidPlan) {
            return try RunPlan(data: data ?? Data())
        } catch {
            throw .unreadable(error.message)
        }
    }
}
