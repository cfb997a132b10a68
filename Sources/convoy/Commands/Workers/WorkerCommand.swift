import ArgumentParser
import ConvoyDashboard
import ConvoyFleet
import ConvoyIO
import ConvoyJournal
import ConvoyKit
import ConvoyRun
import ConvoyText
import Glibc
import UnixSignals

/// `convoy worker`
struct WorkerCommand: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Carry out runs of a control database, together with other workers.",
        usage: "convoy worker [<options>]",
        discussion: """
            Takes part in every run of the fleet that is submitted to the control database
            (control: in the fleet file), until SIGTERM or Ctrl-C. Start as many workers as
            you like, on any machines that have the same fleet file, the same migrations
            and the same version of Convoy. If a worker dies, the others take over its work
            within 20 seconds.

              convoy worker                            up to 16 instances at a time
              convoy worker --total 4                  up to 4
              convoy worker --select region=eu         only instances of this region
              convoy worker --servers eu-1,eu-2        only instances on these servers

            The fleet file may have these options too (workers:); the command line comes
            first. The connection limits of the fleet file hold over all workers together.
            Each hook and each gate is taken by one worker, whichever it is.

            SIGTERM and Ctrl-C let the worker finish what it does; it takes nothing new. A
            second one cancels it: migrations in progress roll back, and another worker
            does them again.

            The exit code is 0 after that, 78 if the fleet file or the control database
            cannot be used, and 130 after a third signal.
            """
    )

    @OptionGroup var options: FleetOptions

    @Option(help: ArgumentHelp("The most instances, hooks and gates at a time, from 1 to 1000 (default: 16).", valueName: "number"))
    var total: Int?

    @Option(
        help: ArgumentHelp("Only instances on these servers of the fleet file, separated by commas. Repeatable.", valueName: "name,…"),
        completion: .server
    )
    var servers: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            How long the others wait for this worker before they take over what it does, from 10s to 1h. A migration is \
            cancelled if the control database is away for longer (default: 15s).
            """,
            valueName: "duration"
        )
    )
    var lease: LeaseTime?

    @Option(
        help: ArgumentHelp(
            "Answer at this address whether the worker lives (/livez) and takes work (/readyz), with numbers for an autoscaler (/metrics).",
            valueName: "host:port"
        )
    )
    var listen: String?

    func validate() throws {
        let range = WorkerDefaults.totalRange
        guard total.map({ range.contains($0) }) ?? true else {
            throw ValidationError("--total must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func execute() async throws -> CommandExit {
        let settings = try Settings(options)
        let session = try FleetSession(settings)
        guard let database = session.fleet.control else {
            throw CommandFailure(
                .configuration,
                "\(settings.fleetFile): the fleet has no control database, so there is nothing for a worker to do",
                hint: "name one with `control:`, for example control: ${env:CONVOY_CONTROL_URL}"
            )
        }
        let address = try listen.map { text in
            guard let address = ListenAddress(text) else {
                throw CommandFailure(
                    .usage,
                    "--listen: “\(text)” is not host:port",
                    hint: "for example 127.0.0.1:7081, or 0.0.0.0:7081 in a container"
                )
            }
            return address
        }
        try HookPrograms(session.fleet, environment: settings.environment).check()
        let limits = try limits(session)
        var timing = Worker.Timing()
        if let lease = lease?.duration ?? session.fleet.workers.lease { timing.lease = lease }
        let control = ControlDatabase(database, timing: timing.database)
        let worker = Worker(
            control,
            id: Self.identity(),
            fleet: session.fleet.name,
            limits: limits,
            timing: timing,
            environment: settings.environment,
            load: { try session.workerFiles() },
            log: { StandardStreams.error.write($0.visible + "\n") }
        )
        // Before it says that it is there: who stops it then must not kill it.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        try await Self.explaining { () async throws(JournalError) in try await worker.prepare() }
        StandardStreams.output.write(
            "worker \(worker.id) of fleet \(session.fleet.name.visible) takes up to \(limits.total) assignments at a time\(limits.words.visible)\n"
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let address {
                let endpoint = WorkerEndpoint(at: address) {
                    let condition = await worker.condition()
                    return WorkerEndpoint.Status(isLive: condition.isLive, isReady: condition.isReady, metrics: condition.metrics)
                }
                group.addTask {
                    do {
                        try await endpoint.run { StandardStreams.output.write("listening on \($0.visible)\n") }
                    } catch let error as Dashboard.ListenError {
                        worker.abandon()
                        throw CommandFailure(
                            .failed,
                            "cannot listen on \(error.place): \(error.reason)",
                            hint: "use another address with --listen"
                        )
                    }
                }
            }
            group.addTask {
                var count = 0
                for await _ in signals {
                    count += 1
                    switch count {
                    case 1: worker.drain()
                    case 2: worker.abandon()
                    default:
                        LiveSessions.endAll()
                        Glibc.exit(CommandExit.interrupted.rawValue)
                    }
                }
            }
            group.addTask { try await Self.explaining { () async throws(JournalError) in try await worker.run() } }
            // The first that ends is the worker, or the endpoint that cannot listen.
            defer { group.cancelAll() }
            try await group.next()
        }
        return .success
    }

    /// - Throws: a ``FleetError`` if the control database cannot be used.
    private static func explaining(_ body: () async throws(JournalError) -> Void) async throws {
        do throws(JournalError) {
            try await body()
        } catch {
            throw FleetError(error)
        }
    }

    /// What the worker takes: by its command line, else by the fleet file.
    ///
    /// - Throws: `Problems` for a value of the fleet file whose variable is not set here; a ``CommandFailure`` for a name that the fleet file does not have.
    private func limits(_ session: FleetSession) throws -> WorkerLimits {
        let file = session.fleet.workers
        var open = file.missing
        if options.select != nil { open["select"] = nil }
        if !servers.isEmpty { open["servers"] = nil }
        if total != nil { open["total"] = nil }
        if lease != nil { open["lease"] = nil }
        guard open.isEmpty else {
            throw Problems(open.values.sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) })
        }
        let limits = WorkerLimits(
            total: total ?? file.total ?? WorkerDefaults.standardTotal,
            servers: try serverNames(session) ?? file.servers,
            selector: session.settings.selector ?? file.select
        )
        warnOfMisses(limits, in: session.fleet)
        return limits
    }

    /// The servers of `--servers`; nil without it.
    ///
    /// - Throws: a ``CommandFailure`` for a name that the fleet file does not have.
    private func serverNames(_ session: FleetSession) throws -> Set<String>? {
        guard !servers.isEmpty else { return nil }
        let names = servers.flatMap { WorkerDefaults.names(in: $0) }
        guard !names.isEmpty else {
            throw CommandFailure(.usage, "--servers names no server", hint: "omit it to work on the instances of all servers")
        }
        let known = Set(session.fleet.servers.map(\.name) + session.fleet.instances.map(\.server) + session.fleet.discoveries.map(\.server))
        for name in names where !known.contains(name) {
            throw CommandFailure(
                .usage,
                "--servers: the fleet file has no server “\(name)”",
                hint: nearestWord(to: name, among: known.sorted()).map { "did you mean \($0)?" }
                    ?? "its servers are \(known.sorted().prefix(10).joined(separator: ", "))"
            )
        }
        return Set(names)
    }

    /// A selector that fits no instance of the fleet file is most likely a mistake. It is no error: the instances may be added while the worker lives.
    private func warnOfMisses(_ limits: WorkerLimits, in fleet: Fleet) {
        guard let selector = limits.selector else { return }
        var vocabulary = SelectionVocabulary(fleet.instances)
        for discovery in fleet.discoveries {
            vocabulary.add(name: "", server: discovery.server, database: nil, labels: discovery.template.labels)
        }
        // What discovery finds has names that are not known here.
        for miss in selector.misses(in: vocabulary) where !miss.isName || fleet.discoveries.isEmpty {
            let hint = miss.hint.map { " (\($0))" } ?? ""
            StandardStreams.error.write("warning: the worker's selector: \(miss.message)\(hint)".visible + "\n")
        }
    }

    /// Unique for each process: `host-4711-1a2b3c`.
    private static func identity() -> String {
        let host = Operator.current.split(separator: "@").last.map(String.init) ?? "worker"
        return "\(host)-\(getpid())-\(String(UInt32.random(in: 0..<(1 << 24)), radix: 16))"
    }
}

/// The value of `--lease`.
struct LeaseTime: ExpressibleByArgument {
    let duration: Duration

    /// A bare number is in seconds.
    init?(argument: String) {
        guard let duration = Duration(text: argument) ?? Duration(text: argument + "s"), WorkerDefaults.leaseRange.contains(duration)
        else { return nil }
        self.duration = duration
    }
}

extension WorkerLimits {
    /// Which instances it takes, to follow what it takes at a time; empty for all.
    fileprivate var words: String {
        let parts = [
            servers.map { "on \($0.count == 1 ? "server" : "servers") \($0.sorted().joined(separator: ", "))" },
            selector.map { "that match \($0)" },
        ].compactMap(\.self)
        return parts.isEmpty ? "" : ", of the instances \(parts.joined(separator: " "))"
    }
}

extension FleetSession {
    /// All that a worker needs for a run, read anew.
    ///
    /// - Throws: the problems of the files.
    fileprivate func workerFiles() throws -> Worker.Files {
        let session = try whole()
        return Worker.Files(fleet: session.fleet, set: session.set, runner: session.runner, secrets: session.secrets)
    }
}
