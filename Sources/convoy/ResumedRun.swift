import ConvoyDashboard
import ConvoyFleet
import ConvoyIO
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// `convoy resume` in a process and a session of its own, so that it continues when the process that started it ends.
struct ResumedRun {
    let run: RunID
    let journal: JournalPlace
    let fleetFile: String
    /// Who asks for it, for the journal, besides the user that this process runs as; nil if that is not known.
    let person: String?

    /// Names to the process the person for whom it resumes the run.
    static let personVariable = "CONVOY_RESUMED_FOR"

    /// What the process would print of a run that workers carry out is not read: it submits the run and ends.
    static let submittingVariable = "CONVOY_RESUMED_TO_SUBMIT"

    /// Shorter than the 30 s that the dashboard's page waits.
    private static let patience = Duration.seconds(25)
    /// How much of the log is read for an answer, in bytes.
    private static let mostWords = 4096

    /// Where the output of the process goes: beside the journal, and with a control database to where the journal would be.
    private var log: String {
        switch journal {
        case .file(let path): "\(path).\(run).log"
        case .control: "\(Self.folder(of: fleetFile))\(Fleet.defaultJournal).\(run).log"
        }
    }

    private static func folder(of file: String) -> String { file.lastIndex(of: "/").map { String(file[...$0]) } ?? "" }

    private func makeLogFolder() {
        guard case .control = journal else { return }
        // Where that does not work, the process says that it has no log.
        try? FileManager.default.createDirectory(
            atPath: Self.folder(of: log),
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    /// Starts the process, and returns when the journal shows that it has resumed the run.
    ///
    /// - Throws: an error if the process cannot be started, ends before that, or takes too long.
    func start() async throws(ResumeError) {
        let journal: (any RunStore)?
        var last: Int64
        do throws(JournalError) {
            journal = try await self.journal.openForReading()
            last = try await journal?.lastEvent(of: run) ?? 0
        } catch {
            throw ResumeError(error.description)
        }
        makeLogFolder()
        // Another attempt may have left its own words there.
        let logStart = FileStatus(of: log)?.size ?? 0
        let ending = program.start()
        let deadline = ContinuousClock.now + Self.patience
        repeat {
            // Checked before the journal is read, which then has everything that an ended process wrote.
            let ended = ending.current
            let events = (try? await journal?.events(of: run, after: last, limit: 1000)) ?? []
            if events.contains(where: \.isBeginning) { return }
            last = events.last?.number ?? last
            switch ended {
            case nil: break
            case .exited(0): return
            case .notStarted(let reason): throw ResumeError("cannot start a process for the run: \(reason.visible)")
            default: throw ResumeError("could not resume the run\(lastWords(after: logStart)); see \(log) for the full output")
            }
        } while (try? await Task.sleep(for: .milliseconds(50))) != nil && ContinuousClock.now < deadline
        throw ResumeError(
            "the run has not been resumed yet, but may still be\(lastWords(after: logStart)); see \(log) for the full output"
        )
    }

    private var program: DetachedProgram {
        DetachedProgram(
            path: "/proc/self/exe",
            name: "convoy",
            arguments: ["resume", "--yes", "--fleet", fleetFile, "--", run.description],
            // The run does not need the token of the dashboard, and a name that we were given is not that of who asks now.
            withholding: [TokenSource.variable] + (person == nil ? [Self.personVariable] : []),
            adding: [Self.submittingVariable: "1"].merging(person.map { [Self.personVariable: $0] } ?? [:]) { $1 },
            log: log
        )
    }

    /// The last lines that the process has printed, behind a colon; empty before it has printed one.
    ///
    /// - Parameter start: how many bytes the file had before.
    private func lastWords(after start: Int) -> String {
        let bytes = (try? Data(contentsOf: log.asFileURL)) ?? Data()
        // One that is shorter has taken the place of the other.
        let new = bytes.count < start ? bytes : bytes.dropFirst(start)
        let lines = String(decoding: new.suffix(Self.mostWords), as: UTF8.self).split(separator: "\n").suffix(3)
        return lines.isEmpty ? "" : ": " + lines.joined(separator: "; ").visible
    }
}

extension RecordedEvent {
    /// Whether a process has taken the run up: one that was submitted to workers and never begun is not resumed, but started.
    fileprivate var isBeginning: Bool {
        switch event?.kind {
        case .runStarted?, .runResumed?: true
        default: false
        }
    }
}
