import ArgumentParser
import ConvoyDashboard
import ConvoyFleet
import ConvoyIO
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials
import Glibc

/// `convoy serve`
struct Serve: FleetCommand {
    static let tokenVariable = "CONVOY_TOKEN"

    static let configuration = CommandConfiguration(
        abstract: "Show the fleet and its runs in a browser, and to programs.",
        discussion: """
            Reads the journal, follows a run while it goes on, and looks at the databases when asked to. It prints its address when it answers, \
            and serves until Ctrl-C or SIGTERM.

              convoy serve                                            on this machine only: http://127.0.0.1:7080
              convoy serve --listen 0.0.0.0:7080 --token-file token   for others, who have to show the token
              convoy serve --token-file token --allow-actions         with buttons to approve, stop, pause and resume runs

            The token is the file's only line, or CONVOY_TOKEN of the environment: at least 16 characters, for example from \
            `openssl rand -base64 24`. Browsers log in with it; programs send it as “Authorization: Bearer …”. There is no TLS here: put a proxy \
            in front that has it, and name the host with --allow-host.

            Programs find /api/v1 (described by /api/v1/openapi.json), /metrics for a Prometheus, and /healthz.
            """
    )

    @OptionGroup var file: FleetFileOption

    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0 takes a free one. Without it \(ListenAddress.standard). What others can reach takes a token.",
            valueName: "host:port"
        )
    )
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "A file with the token that readers have to show; CONVOY_TOKEN of the environment is the other way.",
            valueName: "file"
        )
    )
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "A name that browsers may call this server by besides localhost, as a proxy in front of it has one; again for more.",
            valueName: "host[:port]"
        )
    )
    var allowHost: [String] = []

    @Flag(help: "Let those who have the token approve, stop, pause and resume runs.")
    var allowActions = false

    func execute() async throws -> CommandExit {
        let settings = Settings(file)
        let address = try listenAddress()
        let token = try accessToken(settings.environment)
        guard token != nil || address.isLoopback else {
            throw CommandFailure(
                .usage,
                "\(address) can be reached by others, and there is no token to keep them out",
                hint: "give --token-file, or set \(Self.tokenVariable)"
            )
        }
        guard token != nil || allowHost.isEmpty else {
            throw CommandFailure(
                .usage,
                "--allow-host takes a token: the proxy with that name lets others reach this server",
                hint: "give --token-file, or set \(Self.tokenVariable)"
            )
        }
        guard token != nil || !allowActions else {
            throw CommandFailure(
                .usage,
                "--allow-actions takes a token: without one every program and page on this machine could act",
                hint: "give --token-file, or set \(Self.tokenVariable)"
            )
        }
        if !address.isLoopback {
            StandardStreams.error.write(
                "warning: there is no TLS here, so the token and all names travel in the clear; put a proxy with TLS in front of \(address)\n"
            )
        }
        let session = try FleetSession(reading: settings)
        let dashboard = Dashboard(
            fleet: session.fleet,
            target: session.set.newest?.version,
            at: address,
            token: token,
            allowedHosts: allowHost,
            control: allowActions ? control(session) : nil,
            probe: { () async throws(ProbeError) in try await Self.probe(session) },
            log: { StandardStreams.error.write($0.visible + "\n") }
        )
        do {
            try await dashboard.run { url in StandardStreams.output.write("listening on \(url)\n") }
        } catch let error as Dashboard.ListenError {
            throw CommandFailure(.failed, "cannot listen on \(error.address): \(error.reason)", hint: "name another place with --listen")
        }
        return .success
    }

    private func listenAddress() throws -> ListenAddress {
        guard let listen else { return .standard }
        guard let address = ListenAddress(listen) else {
            throw CommandFailure(
                .usage,
                "--listen: “\(listen)” is not HOST:PORT",
                hint: "for example 127.0.0.1:7080, [::1]:7080 or 0.0.0.0:7080"
            )
        }
        return address
    }

    private func accessToken(_ environment: [String: String]) throws -> AccessToken? {
        let (text, place): (String?, String) =
            if let tokenFile { (try Self.read(tokenFile), tokenFile) } else { (environment[Self.tokenVariable], Self.tokenVariable) }
        guard let text, !(text.isEmpty && tokenFile == nil) else { return nil }
        let oddities = SecretOddity.all(in: text)
        guard oddities.isEmpty else {
            throw CommandFailure(
                .usage,
                "the token of \(place) \(SecretOddity.text(oddities))",
                hint: "take out what does not belong to it; `openssl rand -base64 24` makes a new one"
            )
        }
        do throws(AccessToken.Unfit) {
            return try AccessToken(text)
        } catch {
            let reason =
                switch error {
                case .tooShort: "is shorter than \(AccessToken.minimumLength) characters"
                case .tooLong: "is too long"
                case .unusableCharacter: "holds a blank, or a character that no header can carry"
                }
            throw CommandFailure(.usage, "the token of \(place) \(reason)", hint: "make one with `openssl rand -base64 24`")
        }
    }

    private static func read(_ path: String) throws -> String {
        let bytes: [UInt8]
        do throws(FileReadError) {
            bytes = try readFile(path, limit: 64 << 10)
        } catch {
            throw CommandFailure(.usage, "--token-file: \(path): \(error)", hint: "name a file with nothing but the token in it")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(.usage, "--token-file: \(path) is not a text in UTF-8", hint: "make one with `openssl rand -base64 24`")
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & 0o077 != 0 {
            StandardStreams.error.write("warning: \(path.visible) can be read by others; `chmod 600` keeps the token to you\n")
        }
        return text.hasSuffix("\n") || text.hasSuffix("\r\n") ? String(text.dropLast()) : text
    }

    /// Looks at every instance, discovered ones included.
    private static func probe(_ started: FleetSession) async throws(ProbeError) -> ProbeFindings {
        let found: DiscoveredFleet
        let session: FleetSession
        do throws(Problems) {
            // Only a look needs the secrets, and the files may have been put right since.
            session = try started.whole()
            found = try await session.fleet.discover()
        } catch {
            throw ProbeError(error.problems.map(\.description).joined(separator: "; ").visible)
        }
        let probe = FleetProbe(instanceOperator: session.runner.forReading, limits: ConnectionLimits(session.fleet))
        return ProbeFindings(
            statuses: await probe.statuses(of: found.instances, for: .up(to: nil)),
            cohorts: await probe.cohorts(of: found.instances),
            problems: found.failures.map { "the databases of server \($0.discovery.server) cannot be listed: \($0.error)".visible }
                + found.warnings.map(\.message.visible)
        )
    }

    /// Nobody confirms here that a run is resumed although a newer one has worked on its instances.
    private static func checkUpToDate(_ run: RunID, _ access: JournalAccess) async throws(ResumeError) {
        let overtaking: Overtaking?
        do {
            let journal = try await access.openExisting(for: .reading)
            overtaking = try await access.overtakings(of: access.run(run.description, .any, in: journal), in: journal).first
        } catch let failure as CommandFailure {
            throw ResumeError(failure.message)
        } catch {
            throw ResumeError("the journal cannot be read")
        }
        if let overtaking { throw ResumeError("\(overtaking.line): resume it from a terminal, with `convoy resume \(run)`") }
    }

    private func control(_ session: FleetSession) -> RunControl {
        let settings = session.settings
        let journal = session.fleet.journal
        return RunControl(journal: journal, person: JournalAccess.person) { run throws(ResumeError) in
            try await Self.checkUpToDate(run, JournalAccess(session.fleet))
            try await ResumedRun(run: run, journal: journal, fleetFile: settings.fleetFile, environment: settings.environment).start()
        }
    }
}
