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

            The connection limits of the fleet file hold over all workers together. Hooks,
            gates and the maintenance window are taken by any worker, each by one.

            SIGTERM and Ctrl-C let the worker finish what it does; it takes nothing new. A
            second one cancels it: migrations in progress roll back, and another worker
            does them again.

            The exit code is 0 after that, 78 if the fleet file cannot be used, and 130
            after a third signal.
            """
    )

    @OptionGroup var options: FleetOptions

    @Option(help: ArgumentHelp("The most instances, hooks and gates at a time, from 1 to 1000.", valueName: "number"))
    var total = WorkerLimits.standardTotal

    @Option(
        help: ArgumentHelp("Only instances on these servers of the fleet file, separated by commas. Repeatable.", valueName: "name,…"),
        completion: .server
    )
    var servers: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            How long the others wait for this worker before they take over what it does, from 10s to 1h. A migration is \
            cancelled if the control database is away for longer.
            """,
            valueName: "duration"
        )
    )
    var lease: LeaseTime = LeaseTime(duration: .seconds(15))

    @Option(
        help: ArgumentHelp(
            "Answer at this address whether the worker lives (/livez) and takes work (/readyz), with numbers for an autoscaler (/metrics).",
            valueName: "host:port"
        )
    )
    var listen: String?

    func validate() throws {
        guard WorkerLimits.totalRange.contains(total) else {
            throw ValidationError("--total must be from \(WorkerLimits.totalRange.lowerBound) to \(WorkerLimits.totalRange.upperBound)")
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
        var timing = Worker.Timing()
        timing.lease = lease.duration
        let control = ControlDatabase(database, timing: timing.database)
        // One that cannot be reached may come; one that cannot be used stays so.
        do throws(JournalError) {
            try await control.prepare()
        } catch {
            StandardStreams.error.write("warning: \(error.description.visible)\(error.hint.map { " (\($0.visible))" } ?? "")\n")
        }
        let worker = Worker(
            control,
            id: Self.identity(),
            fleet: session.fleet.name,
            limits: WorkerLimits(total: total, servers: try serverNames(session), selector: settings.selector),
            timing: timing,
            environment: settings.environment,
            load: { try session.workerFiles() },
            log: { StandardStreams.error.write($0.visible + "\n") }
        )
        StandardStreams.output.write(
            "worker \(worker.id) of fleet \(session.fleet.name.visible) takes up to \(total) assignments at a time\n"
        )
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
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
            group.addTask { await worker.run() }
            // The first that ends is the worker, or the endpoint that cannot listen.
            defer { group.cancelAll() }
            try await group.next()
        }
        return .success
    }

    /// The servers of `--servers`; nil for all.
    ///
    /// - Throws: a ``CommandFailure`` for a name that the fleet file does not have.
    private func serverNames(_ session: FleetSession) throws -> Set<String>? {
        let names = servers.flatMap { $0.split(separator: ",") }.map { String($0).trimmed }.filter { !$0.isEmpty }
        guard !servers.isEmpty else { return nil }
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

    /// Unique for each process: `host-4711-1a2b3c`.
    private static func identity() -> String {
        let host = Operator.current.split(separator: "@").last.map(String.init) ?? "worker"
        return "\(host)-\(getpid())-\(String(UInt32.random(in: 0..<(1 << 24)), radix: 16))"
    }
}

/// The value of `--lease`.
struct LeaseTime: ExpressibleByArgument {
    let duration: Duration

    init(duration: Duration) {
        self.duration = duration
    }

    /// A bare number is in seconds.
    init?(argument: String) {
        guard let duration = Duration(text: argument) ?? Duration(text: argument + "s"), duration >= .seconds(10),
            duration <= .seconds(3600)
        else { return nil }
        self.duration = duration
    }

    var defaultValueDescription: String { duration.human }
}

extension String {
    fileprivate var trimmed: String { String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()) }
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
