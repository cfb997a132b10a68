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
    static let configuration = CommandConfiguration(
        abstract: "Serve the fleet and its runs as a dashboard and an HTTP API.",
        usage: "convoy serve [<options>]",
        discussion: """
            Reads the journal, follows active runs, and probes the databases on request,
            or at an interval with --probe-every. Compares their schemas with those of
            their versions on request, or at an interval with --drift-every.
            Prints its address when it is ready, and serves until Ctrl-C or SIGTERM.

              convoy serve
                  on this machine only, at http://127.0.0.1:7080
              convoy serve --listen 0.0.0.0:7080 --token-file token
                  for other machines, which must send the token
              convoy serve --probe-every 5m
                  with a probe of the whole fleet every five minutes
              convoy serve --token-file token --allow-actions
                  with buttons to approve, stop, pause, resume and abandon runs
              convoy serve --tokens tokens --tls-cert convoy.crt --tls-key convoy.key
                  with TLS, and with a name and a role for each token
              convoy serve --socket /run/convoy/serve.sock
                  for programs on this machine, and for a proxy

            The token is the only line of the file, or $CONVOY_TOKEN: at least 16
            characters, for example from `openssl rand -base64 24`. Browsers log in with
            it; programs send it as “Authorization: Bearer …”.

            --tokens names a file with more tokens, a line each: a name, a role and the
            token, or sha256: and its hash. A viewer reads; an operator also probes,
            compares, stops, pauses, resumes and abandons; an approver approves gates.
            The journal keeps the name.

              ann      operator  sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0…
              grafana  viewer    correct-horse-battery-staple

            Give --tls-cert and --tls-key for TLS 1.2 or later. SIGHUP makes Convoy read
            the files of tokens, certificate and key again; what is not valid changes
            nothing, and Convoy says so. Without TLS, put a proxy with TLS in front, and
            name the proxy's host with --allow-host.

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
            """
            Path of a Unix socket to listen on instead, for this user and its group; or “systemd”: the socket that a socket unit hands over.
            """,
            valueName: "path|systemd"
        ),
        completion: .file()
    )
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "File with the certificate for TLS, followed by the intermediate ones, in PEM. Requires --tls-key.",
            valueName: "file"
        ),
        completion: .file()
    )
    var tlsCert: String?

    @Option(
        help: ArgumentHelp(
            "File with the private key of the certificate, in PEM; other users must not be able to read it. Requires --tls-cert.",
            valueName: "file"
        ),
        completion: .file()
    )
    var tlsKey: String?

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
            "File with a name, a role (viewer, operator or approver) and a token on each line, instead of one token.",
            valueName: "file"
        ),
        completion: .file()
    )
    var tokens: String?

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

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Compare the schemas of the whole fleet at this interval, from 10s to 30d, for example 1h (default: only on request).",
            valueName: "duration"
        )
    )
    var driftEvery: String?

    @Flag(help: "Allow clients with a token to approve, stop, pause, resume and abandon runs, as its role allows.")
    var allowActions = false

    func execute() async throws -> CommandExit {
        let opening = try Opening(listen: listen, socket: socket)
        let settings = Settings(file, environment: opening.environment)
        let schedule = try self.schedule(probeEvery, option: "--probe-every")
        let driftSchedule = try self.schedule(driftEvery, option: "--drift-every")
        let source = try TokenSource(tokenFile: tokenFile, tokens: tokens, environment: settings.environment)
        let accepted = try source?.read()
        let files = try certificateFiles()
        try check(opening, hasToken: accepted != nil)
        let roleWarning = accepted.flatMap { warning(of: $0) }
        let certificate = try certificate(files)
        let session = try FleetSession(reading: settings)
        try await opening.withPlace { place in
            if !place.isLocal {
                try requireToken(accepted != nil, at: place)
                if certificate == nil {
                    StandardStreams.error.write(
                        """
                        warning: without TLS the token and all names are not encrypted; use --tls-cert and --tls-key, or put a proxy with TLS \
                        in front of \(place.description.visible)

                        """
                    )
                }
            }
            let dashboard = Dashboard(
                fleet: session.fleet,
                target: session.set.newest?.version,
                releases: session.set.releases,
                set: session.set,
                at: place,
                certificate: certificate,
                tokens: accepted,
                readTokens: source?.rereading,
                allowedHosts: allowHost,
                control: allowActions ? control(session) : nil,
                probe: { () async throws(ProbeError) in try await Self.probe(session) },
                every: schedule,
                drift: { () async throws(ProbeError) in try await Self.drift(session) },
                driftEvery: driftSchedule,
                log: { StandardStreams.error.write($0.visible + "\n") }
            )
            do {
                try await dashboard.run { url in
                    // Not before an error that ends it.
                    if let roleWarning { StandardStreams.error.write(roleWarning) }
                    StandardStreams.output.write("listening on \(url.visible)\n")
                }
            } catch let error as Dashboard.ListenError {
                throw CommandFailure(.failed, "cannot listen on \(error.place): \(error.reason)", hint: "use another address with --listen")
            }
        }
        return .success
    }

    /// Roles that have no effect are easily taken for some that do.
    private func warning(of tokens: TokenList) -> String? {
        guard !allowActions, self.tokens != nil, tokens.holders.contains(where: { $0.roles != [.viewer] }) else { return nil }
        return "warning: without --allow-actions no run can be stopped, paused, resumed, abandoned or approved, whatever the role\n"
    }

    // MARK: Where it listens

    /// - Throws: if clients could reach the dashboard who should not.
    private func check(_ opening: Opening, hasToken: Bool) throws {
        if case .address(let address) = opening { try requireToken(hasToken, at: .network(address)) }
        guard hasToken || allowHost.isEmpty else {
            throw CommandFailure(
                .usage,
                "--allow-host requires a token: other machines can reach this server through the proxy",
                hint: "use --token-file or --tokens, or set \(TokenSource.variable)"
            )
        }
        guard hasToken || !allowActions else {
            throw CommandFailure(
                .usage,
                "--allow-actions requires a token: without one, every program and web page on this machine could use the actions",
                hint: "use --token-file or --tokens, or set \(TokenSource.variable)"
            )
        }
    }

    private func requireToken(_ hasToken: Bool, at place: ListenPlace) throws {
        guard hasToken || place.isLocal else {
            throw CommandFailure(
                .usage,
                "other machines can reach \(place), so a token is required",
                hint: "use --token-file or --tokens, or set \(TokenSource.variable)"
            )
        }
    }

    private func certificateFiles() throws -> ServerCertificate.Files? {
        switch (tlsCert, tlsKey) {
        case (nil, nil): nil
        case (let certificate?, let key?): ServerCertificate.Files(certificate: certificate, key: key)
        case (_?, nil):
            throw CommandFailure(.usage, "--tls-cert requires --tls-key", hint: "name the file with the certificate's private key")
        case (nil, _?): throw CommandFailure(.usage, "--tls-key requires --tls-cert", hint: "name the file with the key's certificate")
        }
    }

    private func certificate(_ files: ServerCertificate.Files?) throws -> ServerCertificate? {
        guard let files else { return nil }
        do throws(ServeProblem) {
            let certificate = try ServerCertificate(files, at: Date())
            for warning in certificate.warnings { StandardStreams.error.write("warning: \(warning.visible)\n") }
            return certificate
        } catch {
            throw CommandFailure(error)
        }
    }

    private func schedule(_ text: String?, option: String) throws -> ProbeSchedule? {
        guard let text else { return nil }
        // A bare number is in seconds, as in --watch.
        let interval = Duration(text: text) ?? Duration(text: text + "s")
        guard let schedule = interval.flatMap({ ProbeSchedule(every: $0, chance: Double.random(in: 0..<1)) }) else {
            throw CommandFailure(
                .usage,
                "\(option): “\(text)” is not an interval from 10s to 30d",
                hint: "for example 30s, 5m or 1h"
            )
        }
        return schedule
    }

    // MARK: Databases

    /// Probes every instance, including discovered ones.
    private static func probe(_ started: FleetSession) async throws(ProbeError) -> ProbeFindings {
        let (session, found) = try await discover(started)
        let probe = FleetProbe(inspector: session.runner.forReading, limits: ConnectionLimits(session.fleet))
        return ProbeFindings(
            statuses: await probe.statuses(of: found.instances, for: .up(to: nil)),
            cohorts: await session.client.cohorts(of: found.instances),
            problems: problems(of: found)
        )
    }

    /// Compares every instance with its version, including discovered ones.
    private static func drift(_ started: FleetSession) async throws(ProbeError) -> DriftFindings {
        let (session, found) = try await discover(started)
        do throws(Problems) {
            return DriftFindings(try await session.client.drift(of: found.instances, in: .ofTheSet), problems: problems(of: found))
        } catch {
            throw ProbeError(error)
        }
    }

    /// Reads the files again: only this needs the secrets, and the files may have been fixed since the start.
    private static func discover(_ started: FleetSession) async throws(ProbeError) -> (FleetSession, DiscoveredFleet) {
        do throws(Problems) {
            let session = try started.whole()
            return (session, try await session.fleet.discover())
        } catch {
            throw ProbeError(error)
        }
    }

    private static func problems(of found: DiscoveredFleet) -> [String] {
        found.failures.map { "cannot list the databases of server \($0.discovery.server): \($0.error)".visible }
            + found.warnings.map(\.message.visible)
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
        let journal = session.fleet.journalPlace
        return RunControl(journal: journal, person: Operator.current) { run, person throws(ResumeError) in
            try await Self.checkUpToDate(run, RunCatalog(session.fleet))
            try await ResumedRun(run: run, journal: journal, fleetFile: settings.fleetFile, person: person).start()
        }
    }
}

extension ProbeError {
    fileprivate init(_ problems: Problems) {
        self.init(problems.problems.map(\.description).joined(separator: "; ").visible)
    }
}
