import ConvoyFleet
import ConvoyIO
import ConvoyJournal
import ConvoyKit
import ConvoyReporting
import ConvoyRun
import ConvoyText
import FoundationEssentials
import Glibc
import UnixSignals

/// `convoy top` while it has the terminal: keys and news of the run come in, the screen goes out.
struct TopSession: Sendable {
    private enum Message: Sendable {
        case keys([Key])
        /// The terminal is closed.
        case closed
        /// The terminal has another size.
        case resized
        /// The process was stopped, and continues.
        case continued
        case learnt(BrowserFacts)
        case state(RunState)
        /// Why no worker takes the run; nil where one may.
        case shortage(String?)
        /// The journal has more events.
        case changed
        /// Time passes on the screen.
        case tick
        /// The journal cannot be read.
        case trouble(String)
        case answered(String, isBad: Bool)
    }

    let settings: Settings
    let catalog: RunCatalog
    /// Those that the fleet file lists, for their labels.
    let instances: [Instance]
    let follower: RunFollower
    let allowsActions: Bool
    private let terminal = RawTerminal()
    private let inbox = Mailbox<Message>()

    /// Between two looks at the journal, so the screen is drawn at most four times a second for them. Keys are answered at once.
    private static let interval = Duration.milliseconds(250)
    /// Once in this number of looks it is asked whether a process works on the run.
    private static let looksPerState = 4

    init(settings: Settings, catalog: RunCatalog, instances: [Instance], follower: RunFollower, allowsActions: Bool) {
        (self.settings, self.catalog, self.instances, self.follower) = (settings, catalog, instances, follower)
        self.allowsActions = allowsActions
    }

    /// Shows the run until the operator quits or the terminal is closed.
    func run() async throws -> CommandExit {
        // Before the first key can come, so that the modes are restored however the process ends.
        let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm, .sighup, .sigwinch, .sigcont])
        try terminal.enter()
        defer { terminal.leave() }
        // Not in the group, which waits for its tasks: the first reading of a large run takes longer than an operator waits to leave.
        let following = Task { await follow() }
        defer { following.cancel() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await handle(signals) }
            group.addTask {
                await terminal.readKeys { inbox.post(.keys($0)) }
                inbox.post(.closed)
            }
            defer { group.cancelAll() }
            try await show { action in
                group.addTask { inbox.post(await perform(action)) }
            }
            return .success
        }
    }

    private func handle(_ signals: UnixSignalsSequence) async {
        for await signal in signals {
            switch signal {
            case .sigwinch: inbox.post(.resized)
            case .sigcont: inbox.post(.continued)
            default:
                // At once, also while the terminal takes no output. There is nothing to finish.
                terminal.leave()
                LiveSessions.endAll()
                exit(CommandExit.interrupted.rawValue)
            }
        }
    }

    // MARK: The screen

    private func show(_ act: (RunBrowser.Action) -> Void) async throws {
        var browser = RunBrowser(follower.record, style: style, allowsActions: allowsActions)
        var screen = ScreenLines()
        var progress: RunProgress?
        while true {
            browser.style = style
            let text = screen.changes(to: browser.lines(at: Date()), browser.style)
            if !text.isEmpty { await terminal.write(text) }
            if StandardStreams.output.isClosed { return }
            var mustRead = false
            for message in await inbox.receive() {
                switch message {
                case .keys(let keys):
                    for key in keys {
                        switch browser.press(key) {
                        case .quit: return
                        case .suspend:
                            try await terminal.suspend()
                            screen.forget()
                        case .redraw: screen.forget()
                        case .read: mustRead = true
                        case .act(let action): act(action)
                        case nil: break
                        }
                    }
                case .closed: return
                case .resized: screen.forget()
                case .continued:
                    // The shell may have changed the modes, and has written on the screen.
                    try terminal.enter()
                    screen.forget()
                case .learnt(let facts):
                    browser.learn(facts)
                    progress = nil
                case .state(let state): browser.learn(state)
                case .shortage(let reason): browser.learn(shortage: reason)
                case .changed: mustRead = true
                case .tick: break
                case .trouble(let text): browser.show(text, isBad: true)
                case .answered(let text, let isBad): browser.show(text, isBad: isBad)
                }
            }
            guard mustRead else { continue }
            let (facts, opened) = (browser.facts, browser.openedInstance)
            let reading: RunReading
            (reading, progress) = await follower.read(changedAfter: progress) { report, changed in
                RunReading(report.log, changed: changed, opened: opened, facts)
            }
            browser.read(reading)
        }
    }

    /// The terminal as it is now; `COLUMNS` would not follow a change of its size.
    private var style: OutputStyle {
        var style = settings.style(of: StandardStreams.output)
        if let size = StandardStreams.output.terminalSize { style.width = size.width }
        return style
    }

    // MARK: The run

    /// Posts what the journal has got, until the task is cancelled.
    private func follow() async {
        let id = follower.record.id
        // A run whose plan cannot be read is shown all the same.
        let plan = try? await catalog.plan(of: id, in: follower.journal)
        inbox.post(.learnt(BrowserFacts(plan: plan, instances: instances, set: catalog.migrationSet)))
        var seen: RunProgress?
        var look = 0
        var state: RunState?
        var shortages = ShortageNotes()
        var shortage: String?
        var trouble: String?
        while !Task.isCancelled {
            do {
                let mustAsk = look % Self.looksPerState == 0
                if mustAsk {
                    // Before the events: a run that ends meanwhile must not look cut off.
                    let record = try await catalog.run(id.description, .any, in: follower.journal)
                    let now = try await catalog.state(of: record, in: follower.journal)
                    if now != state { inbox.post(.state(now)) }
                    state = now
                    if now != .running { shortages = ShortageNotes() }
                    let reason = now == .running ? await shortages.current(of: id, in: follower.journal) : nil
                    if reason != shortage { inbox.post(.shortage(reason)) }
                    shortage = reason
                }
                try await follower.refresh(within: .zero)
                let last = await follower.progress
                if last != seen { inbox.post(.changed) } else if mustAsk, state == .running { inbox.post(.tick) }
                (seen, trouble) = (last, nil)
            } catch {
                let text = (error as? FleetError)?.description ?? (error as? JournalError)?.description ?? "\(error)"
                if text != trouble { inbox.post(.trouble(text)) }
                trouble = text
            }
            look += 1
            await pause(for: Self.interval, cancellation: .observed)
        }
    }

    /// Asks the run for something, as `convoy approve`, `pause`, `unpause` and `stop` do.
    private func perform(_ action: RunBrowser.Action) async -> Message {
        let id = follower.record.id
        do {
            let run = try await catalog.run(id.description, .running, in: follower.journal)
            let requests = RunRequests(of: run.id, in: try await catalog.open())
            do throws(RunRequestError) {
                let person = Operator.current
                switch action {
                case .approve(let wave):
                    let request = try await requests.approval()
                    // While the question was on the screen, the run may have come to another gate.
                    guard request == .approve(wave: wave) else { throw .noOpenGate }
                    try await requests.post(request, by: person)
                case .pause(let server): try await requests.post(try await requests.pause(server), by: person)
                case .resume(let server): try await requests.post(try await requests.unpause(server), by: person)
                // While the question was on the screen, another person may have asked: a second request would cancel.
                case .stop(isSecond: false): try await requests.postFirstStop(by: person)
                case .stop(isSecond: true): try await requests.post(.stop, by: person)
                }
            } catch {
                throw FleetError(error, run.id)
            }
            return .answered(action.answer, isBad: false)
        } catch {
            return .answered((error as? FleetError)?.description ?? "\(error)", isBad: true)
        }
    }
}

extension RunBrowser.Action {
    /// What is shown after it was requested.
    fileprivate var answer: String {
        switch self {
        case .approve(let wave): "the gate of wave \(wave.visible) is approved; its other conditions must still hold"
        case .pause(let server): "server \(server.visible) is paused; instances in progress finish"
        case .resume(let server): "server \(server.visible) is resumed"
        case .stop(isSecond: false): "requested a stop: instances in progress finish, and nothing new starts"
        case .stop(isSecond: true): "requested a cancellation: migrations in progress are cancelled and rolled back"
        }
    }
}
