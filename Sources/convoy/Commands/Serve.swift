import ArgumentParser
import ConvoyDashboard
import ConvoyFleet
import ConvoyIO
import ConvoyInstance
import ConvoyKit
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
        abstract: "Serve the fleet and its runs as a dashboard and an HTTP API.",
        usage: "convoy serve [<options>]",
        discussion: """
            Reads the journal, follows active runs, and probes the databases on request,
            or at an interval with --probe-every.
            Prints its address when it is ready, and serves until Ctrl-C or SIGTERM.

              convoy serve
                  on this machine only, at http://127.0.0.1:7080
              convoy serve --listen 0.0.0.0:7080 --token-file token
                  for other machines, which must send the token
              convoy serve --probe-every 5m
                  with a probe of the whole fleet every five minutes
              convoy serve --token-file token --allow-actions
                  with buttons to approve, stop, pause and resume runs

            The token is the only line of the file, or $CONVOY_TOKEN: at least 16
            characters, for example from `openssl rand -base64 24`. Browsers log in with
            it; programs send it as “Authorization: Bearer …”. The connection has no TLS:
            put a proxy with TLS in front, and name the proxy's host with --allow-host.

            Programs use /api/v1 (described by /api/v1/openapi.json), /metrics for
            Prometheus, and /healthz.
            """
    )

    @OptionGroup var file: FleetFileOption

    @Option(
        help: ArgumentHelp(
            "Address to listen on; port 0 picks a free port (default: \(ListenAddress.standard)). A token is required unless the address is loopback.",
            valueName: "host:port"
        )
    )
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "File with the token that clients must send (default: the token in $CONVOY_TOKEN).",
            valueName: "file"
        ),
        completion: .file()
    )
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "Additional Host header to accept, for example the proxy's name. Repeatable.",
            valueName: "host[:port]"
        )
    )
    var allowHost: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Probe the whole fleet at this interval, from 10s to 30d, for example 5m (default: only on request).",
            valueName: "duration"
        )
    )
    var probeEvery: String?

    @Flag(help: "Allow clients with the token to approve, stop, pause and resume runs.")
    var allowActions = false

    func execute() async throws -> CommandExit {
        let settings = Settings(file)
        let address = try listenAddress()
        let schedule = try probeSchedule()
        let token = try accessToken(settings.environment)
        guard token != nil || address.isLoopback else {
            throw CommandFailure(
                .usage,
                "other machines can reach \(address), so a token is required",
                hint: "use --token-file, or set \(Self.tokenVariable)"
            )
        }
        guard token != nil || allowHost.isEmpty else {
            throw CommandFailure(
                .usage,
                "--allow-host requires a token: other machines can reach this server through the proxy",
                hint: "use --token-file, or set \(Self.tokenVariable)"
            )
        }
        guard token != nil || !allowActions else {
            throw CommandFailure(
                .usage,
                "--allow-actions requires a token: without one, every program and web page on this machine could use the actions",
                hint: "use --token-file, or set \(Self.tokenVariable)"
            )
        }
        if !address.isLoopback {
            StandardStreams.error.write(
                "warning: without TLS the token and all names are not encrypted; put a proxy with TLS in front of \(address)\n"
            )
        }
        let session = try FleetSession(reading: settings)
        let dashboard = Dashboard(
            fleet: session.fleet,
            target: session.set.newest?.version,
            releases: session.set.releases,
            set: session.set,
            at: address,
            token: token,
            allowedHosts: allowHost,
            control: allowActions ? control(session) : nil,
            probe: { () async throws(ProbeError) in try await Self.probe(session) },
            every: schedule,
            log: { StandardStreams.error.write($0.visible + "\n") }
        )
        do {
            try await dashboard.run { url in StandardStreams.output.write("listening on \(url)\n") }
        } catch let error as Dashboard.ListenError {
            throw CommandFailure(.failed, "cannot listen on \(error.address): \(error.reason)", hint: "use another address with --listen")
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

    private func probeSchedule() throws -> ProbeSchedule? {
        guard let probeEvery else { return nil }
        // A bare number is in seconds, as in --watch.
        let interval = Duration(text: probeEvery) ?? Duration(text: probeEvery + "s")
        guard let schedule = interval.flatMap({ ProbeSchedule(every: $0, chance: Double.random(in: 0..<1)) }) else {
            throw CommandFailure(
                .usage,
                "--probe-every: “\(probeEvery)” is not an interval from 10s to 30d",
                hint: "for example 30s, 5m or 1h"
            )
        }
        return schedule
    }

    private func accessToken(_ environment: [String: String]) throws -> AccessToken? {
        let (text, place): (String?, String) =
            if let tokenFile { (try Self.read(tokenFile), tokenFile) } else { (environment[Self.tokenVariable], Self.tokenVariable) }
        guard let text, !(text.isEmpty && tokenFile == nil) else { return nil }
        let oddities = SecretOddity.all(in: text)
        guard oddities.isEmpty else {
            throw CommandFailure(
                .usage,
                "the token in \(place) \(SecretOddity.text(oddities))",
                hint: "remove the extra characters, or create a new token with `openssl rand -base64 24`"
            )
        }
        do throws(AccessToken.Unfit) {
            return try AccessToken(text)
        } catch {
            let reason =
                switch error {
                case .tooShort: "is shorter than \(AccessToken.minimumLength) characters"
                case .tooLong: "is too long"
                case .unusableCharacter: "contains a blank or a character that is not allowed in a header"
                }
            throw CommandFailure(.usage, "the token in \(place) \(reason)", hint: "create one with `openssl rand -base64 24`")
        }
    }

    private static func read(_ path: String) throws -> String {
        let contents: FileContents
        do throws(FileReadError) {
            contents = try readFileContents(path, limit: 64 << 10)
        } catch {
            throw CommandFailure(.usage, "--token-file: \(path): \(error)", hint: "use a file that contains only the token")
        }
        guard let text = String(validating: contents.bytes, as: UTF8.self) else {
            throw CommandFailure(.usage, "--token-file: \(path) is not valid UTF-8", hint: "create a token with `openssl rand -base64 24`")
        }
        if contents.isExposed {
            StandardStreams.error.write("warning: \(path.visible) can be read by other users; restrict it with `chmod 600`\n")
        }
        return text.hasSuffix("\n") || text.hasSuffix("\r\n") ? String(text.dropLast()) : text
    }

    /// Probes every instance, including discovered ones.
    private static func probe(_ started: FleetSession) async throws(ProbeError) -> ProbeFindings {
        let found: DiscoveredFleet
        let session: FleetSession
        do throws(Problems) {
            // Only a probe needs the secrets, and the files may have been fixed since the start.
            session = try started.whole()
            found = try await session.fleet.discover()
        } catch {
            throw ProbeError(error.problems.map(\.description).joined(separator: "; ").visible)
        }
        let probe = FleetProbe(inspector: session.runner.forReading, limits: ConnectionLimits(session.fleet))
        return ProbeFindings(
            statuses: await probe.statuses(of: found.instances, for: .up(to: nil)),
            cohorts: await session.client.cohorts(of: found.instances),
            problems: found.failures.map { "cannot list the databases of server \($0.discovery.server): \($0.error)".visible }
                + found.warnings.map(\.message.visible)
        )
    }

    /// Refuses to resume a run if a newer one has worked on its instances: the dashboard cannot ask for confirmation.
    private static func checkUpToDate(_ run: RunID, _ access: RunCatalog) async throws(ResumeError) {
        let overtaking: Overtaking?
        do throws(FleetError) {
            let journal = try await access.openExisting(for: .reading)
            overtaking = try await access.overtakings(of: access.run(run.description, .any, in: journal), in: journal).first
        } catch {
            throw ResumeError(error.message)
        }
        if let overtaking { throw ResumeError("\(overtaking.line): resume it from a terminal, with `convoy resume \(run)`") }
    }

    private func control(_ session: FleetSession) -> RunControl {
        let settings = session.settings
        let journal = session.fleet.journal
        return RunControl(journal: journal, person: Operator.current) { run throws(ResumeError) in
            try await Self.checkUpToDate(run, RunCatalog(session.fleet))
            try await ResumedRun(run: run, journal: journal, fleetFile: settings.fleetFile).start()
        }
    }
}
