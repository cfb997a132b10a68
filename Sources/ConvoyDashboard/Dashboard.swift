package import ConvoyFleet
package import ConvoyMigrations
internal import ConvoyRollout
import ConvoyText
internal import Glibc
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import UnixSignals

/// The web pages and the interface for programs that `convoy serve` offers.
///
///     let dashboard = Dashboard(fleet: fleet, target: set.newest?.version, at: .standard, token: nil, probe: probe)
///     try await dashboard.run { url in print("listening on \(url)") }
///
/// It reads the journal, and probes databases on request. It changes nothing unless it is given a ``RunControl``.
package struct Dashboard: Sendable {
    /// The server cannot listen at the given address.
    package struct ListenError: Error, Sendable {
        package var address: ListenAddress
        /// What the system says.
        package var reason: String
    }

    private let address: ListenAddress
    private let view: FleetView
    private let router: DashboardRouter
    private let doors = Doors()
    /// Everything that the server answers to.
    let routes: [Route]

    /// Maximum number of connections at a time; more wait until one is closed. Connections that have not shown the token make room long
    /// before.
    private static let mostConnections = 512

    /// - Parameters:
    ///   - target: the newest version of the migration set.
    ///   - releases: those that the migration set knows.
    ///   - set: the migrations, for their names and statements; nil if they cannot be read.
    ///   - token: what readers have to show; nil allows every client that can reach the server to read, and requires a loopback address.
    ///   - allowedHosts: additional names in the Host header of requests, besides those of this machine; each with a port, or without for
    ///     any.
    ///   - control: what may be done to runs; nil allows nothing. It takes a token.
    ///   - probe: probes every instance; one call at a time.
    ///   - schedule: when it is called without a request; nil means never.
    ///   - clock: the one by which the schedule is kept.
    ///   - log: takes down what goes wrong, a line each.
    package init(
        fleet: Fleet,
        target: MigrationVersion?,
        releases: ReleaseList = ReleaseList(),
        set: MigrationSet? = nil,
        at address: ListenAddress = .standard,
        token: AccessToken? = nil,
        allowedHosts: [String] = [],
        control: RunControl? = nil,
        probe: @escaping @Sendable () async throws(ProbeError) -> ProbeFindings,
        every schedule: ProbeSchedule? = nil,
        clock: any Clock<Duration> = ContinuousClock(),
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        precondition(
            token != nil || control == nil && address.isLoopback && allowedHosts.isEmpty,
            "without a token only this machine may use the dashboard, and only to read"
        )
        self.address = address
        let access = AccessControl(token)
        let pages = Pages(fleet: fleet.name, demandsToken: token != nil)
        view = FleetView(
            fleet: fleet,
            target: target,
            releases: releases,
            set: set,
            probing: FleetProbing(probe, schedule, on: clock)
        )
        router = DashboardRouter(
            access: access,
            hosts: HostRule(address, extra: allowedHosts),
            doors: doors,
            errorPage: pages.error,
            log: log
        )
        routes =
            pages.routes + SignInRoutes(access: access, pages: pages, doors: doors).routes + WebFiles.routes
            + FleetRoutes(view: view).routes
            + RunRoutes(view: view, followers: FollowerCount(), doors: doors, control: control).routes
    }

    /// Serves until the process is asked to end, by SIGINT or SIGTERM, or until the task is cancelled.
    ///
    /// - Parameter listening: is given the address, with the real port, as soon as requests are answered.
    /// - Throws: ``ListenError`` if the address cannot be listened on.
    package func run(listening: @escaping @Sendable (_ url: String) async -> Void) async throws {
        let logger = Logger(label: "convoy.dashboard") { _ in SwiftLogNoOpLogHandler() }
        let application = Application(
            router: router.router(routes),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [
                        DoorHandler(doors), IdleStateHandler(writeTimeout: .seconds(60)), StalledConnections(),
                    ],
                    idleTimeout: .seconds(30),
                    httpDecoderConfiguration: .init(maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100)
                )
            ),
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections, logger: logger)
            ),
            onServerRunning: { channel in await listening(address.url(port: channel.localAddress?.port ?? address.port)) },
            logger: logger
        )
        var configuration = ServiceGroupConfiguration(
            services: [application, Background(view: view)],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        // Answers are short; what is not done by then waits for a reader who does not read.
        configuration.maximumGracefulShutdownDuration = .seconds(5)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError {
            throw ListenError(address: address, reason: String(cString: strerror(error.errnoCode)))
        } catch is CancellationError {}
    }
}

/// Work in the background, for as long as the server runs.
private struct Background: Service {
    let view: FleetView

    func run() async {
        await cancelWhenGracefulShutdown {
            // Reads a long run in advance, so that its first reader does not wait; if it cannot be read, that reader gets the error.
            _ = try? await view.snapshot()
            _ = try? await view.counters.totals()
            await view.probing.run()
        }
    }
}
