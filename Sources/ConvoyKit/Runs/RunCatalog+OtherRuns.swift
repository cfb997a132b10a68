import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// A newer run that has worked on instances of an older one, so that the older one's plan may no longer fit them.
struct Overtaking {
    var run: RunRecord
    /// In the order of the older run's plan.
    var instances: [String]

    var line: String { "run \(run.id) has worked on \(Overtaking.list(instances)) since then" }

    static func list(_ names: [String]) -> String {
        let few = names.prefix(5).map(\.visible).joined(separator: ", ")
        return names.count > 5 ? "\(few) and \(names.count - 5) more" : few
    }
}

/// Conflicts between runs of one fleet.
extension JournalAccess {
    /// The newer runs that have worked on instances of a run, newest first.
    func overtakings(of record: RunRecord, in journal: SQLiteJournal) async throws -> [Overtaking] {
        let newer = try await explaining { () async throws(JournalError) in
            try await journal.runs(limit: 1000, fleet: record.fleet).filter { $0.startedAt > record.startedAt && $0.id != record.id }
        }
        guard !newer.isEmpty else { return [] }
        let names = try await plan(of: record.id, in: journal).waves.flatMap(\.instances).map(\.name)
        var overtakings: [Overtaking] = []
        for run in newer {
            let started = try await explaining { () async throws(JournalError) in try await journal.startedInstances(of: run.id) }
            let common = names.filter(started.contains)
            if !common.isEmpty { overtakings.append(Overtaking(run: run, instances: common)) }
        }
        return overtakings
    }

    /// - Parameters:
    ///   - beside: the runs of `--beside`, which may be active at the same time.
    ///   - own: the run itself, if it is resumed.
    /// - Throws: a ``CommandFailure`` if another run of the fleet is active, unless it is in `beside` and shares no instance with the plan.
    func checkNoOtherRun(_ plan: RolloutPlan, beside: [String], own: RunID, in journal: SQLiteJournal) async throws {
        do throws(RunConflict) {
            try await RunStart(in: journal, path: path).check(plan, beside: beside, own: own)
        } catch {
            throw CommandFailure(error, journal: path)
        }
    }

    /// Prints a note about resumable runs that include the same instances.
    func noteResumableRuns(_ plan: RolloutPlan, in journal: SQLiteJournal) async throws {
        let names = Set(plan.waves.flatMap(\.instances).map(\.name))
        let runs = try await explaining { () async throws(JournalError) in try await journal.runs(limit: 20, fleet: plan.fleet) }
        for run in runs where [.cutOff, .interrupted].contains(try await state(of: run)) {
            guard let theirs = try? await self.plan(of: run.id, in: journal).waves.flatMap(\.instances).map(\.name) else { continue }
            let common = theirs.filter(names.contains)
            guard !common.isEmpty, try await overtakings(of: run, in: journal).isEmpty else { continue }
            StandardStreams.error.write(
                "note: run \(run.id) is unfinished and also includes \(Overtaking.list(common)): `convoy resume \(run.id)` continues it, "
                    + "`convoy abandon \(run.id)` abandons it\n"
            )
        }
    }
}

extension CommandFailure {
    /// Why a run cannot start or continue now.
    init(_ conflict: RunConflict, journal: String) {
        switch conflict {
        case .overlapping(let run, let instances):
            self.init(
                .usage,
                "run \(run.id) of \(run.startedBy) is active"
                    + (instances.isEmpty ? "" : " and includes \(Overtaking.list(instances))"),
                hint: "wait until it has ended; `convoy runs show \(run.id)` shows its progress"
            )
        case .active(let run):
            self.init(
                .usage,
                "run \(run.id) of \(run.startedBy) is active in this fleet",
                hint: "the two share no instance: add `--beside \(run.id)` to start this run at the same time"
            )
        case .starting: self.init(.configuration, "journal \(journal): another process is starting a run")
        case .journal(let error): self.init(.configuration, error.description, hint: error.hint)
        }
    }
}
