package import ConvoyFleet
package import ConvoyMigrations
internal import ConvoyRollout
import ConvoyText
internal import FoundationEssentials
internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import ServiceLifecycle
internal import UnixSignals

/// The web pages and the interface for programs that `convoy serve` offers.
///
///     let dashboard = Dashboard(fleet: fleet, target: set.newest?.version, at: .standard, tokens: nil, probe: probe, drift: drift)
///     try await dashboard.run { url in print("listening on \(url)") }
///
/// It reads the journal, and probes and compares databases on request. It changes nothing unless it is given a ``RunControl``.
package struct Dashboard: Sendable {
    /// The server cannot listen at the given place.
    package struct ListenError: Error, Sendable {
        package var place: ListenPlace
        /// What the system says.
        package var reason: String
    }

    private let place: ListenPlace
    private let certificate: ServerCertificate?
    /// What it reads again at a SIGHUP.
    let files: Reloading
    private let view: FleetView
    private let queue = InquiryQueue()
    private let router: DashboardRouter
    private let doors = Doors()
    /// Everything that the server answers to.
    let routes: [Route]

    /// - Parameters:
    ///   - target: the newest version of the migration set.
    ///   - releases: those that the migration set knows.
    ///   - set: the migrations, for their names and statements; nil if they cannot be read.
    ///   - certificate: what connections are encrypted with; nil for connections without TLS.
    ///   - tokens: what readers have to show one of; nil allows every client that can reach the server to read, and requires a place that only this machine
    ///     can reach.
    ///   - readTokens: reads the tokens again, at each SIGHUP; nil keeps those that it begins with.
    ///   - allowedHosts: additional names in the Host header of requests, besides those of this machine; each with a port, or without for
    ///     any.
    ///   - control: what may be done to runs; nil allows nothing. It takes a token.
    ///   - probe: probes every instance.
    ///   - schedule: when it is called without a request; nil means never.
    ///   - drift: compares every instance with its version. Of both, one call is made at a time.
    ///   - driftSchedule: when it is called without a request; nil means never.
    ///   - clock: the one by which the schedules are kept.
    ///   - log: takes down what goes wrong, a line each.
    package init(
        fleet: Fleet,
        target: MigrationVersion?,
        releases: ReleaseList = ReleaseList(),
        set: MigrationSet? = nil,
        at place: ListenPlace = .standard,
        certificate: ServerCertificate? = nil,
        tokens: TokenList? = nil,
        readTokens: (@Sendable () throws(ServeProblem) -> TokenList)? = nil,
        allowedHosts: [String] = [],
        control: RunControl? = nil,
        probe: @escaping @Sendable () async throws(ProbeError) -> ProbeFindings,
        every schedule: ProbeSchedule? = nil,
        drift: @escaping @Sendable () async throws(ProbeError) -> DriftFindings,
        driftEvery driftSchedule: ProbeSchedule? = nil,
        clock: any Clock<Duration> = ContinuousClock(),
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        precondition(
            tokens != nil || control == nil && place.isLocal && allowedHosts.isEmpty,
            "without a token only this machine may use the dashboard, and only to read"
        )
        self.place = place
        self.certificate = certificate
        let access = AccessControl(tokens)
        files = Reloading(certificate: certificate, access: access, readTokens: readTokens, log: log)
        let pages = Pages(fleet: fleet.name, demandsToken: tokens != nil)
        view = FleetView(
            fleet: fleet,
            target: target,
            releases: releases,
            set: set,
            probing: FleetInquiry(probe, schedule, on: clock, in: queue),
            drift: FleetInquiry(drift, driftSchedule, on: clock, in: queue)
        )
        router = DashboardRouter(
            access: access,
            hosts: HostRule(place, extra: allowedHosts, isSecure: certificate != nil),
            doors: doors,
            isSecure: certificate != nil,
            errorPage: pages.error,
            csrfToken: pages.csrfToken,
            log: log
        )
        routes =
            pages.routes + SignInRoutes(access: access, rules: router, pages: pages, doors: doors).routes + WebFiles.routes
            + FleetRoutes(view: view).routes + DriftRoutes(view: view, pages: pages).routes
            + RunRoutes(view: view, followers: FollowerCount(), doors: doors, access: access, control: control).routes
    }

    /// Serves until the process is asked to end, by SIGINT or SIGTERM, or until the task is cancelled. SIGHUP makes it read
    /// its certificate and its tokens again.
    ///
    /// - Parameter listening: is given the address, with the real port, as soon as requests are answered.
    /// - Throws: ``ListenError`` if the place cannot be listened at.
    package func run(listening: @escaping @Sendable (_ url: String) async -> Void) async throws {
        let logger = Logger(label: "convoy.dashboard") { _ in SwiftLogNoOpLogHandler() }
        let isSecure = certificate != nil
        let listener = Listener(
            place: place,
            child: HTTP1Channel(
                responder: Self.responder(router.router(routes).buildResponder(), logger),
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [
                        DoorHandler(doors), IdleStateHandler(writeTimeout: .seconds(60)), StalledConnections(),
                    ],
                    idleTimeout: .seconds(30),
                    httpDecoderConfiguration: .init(maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100)
                )
            ),
            certificate: certificate,
            logger: logger,
            listening: { [place] port in await listening(place.url(port: port, isSecure: isSecure)) }
        )
        // Also where there is nothing to read again: who asks for it must not end the server.
        let hangUps = OnHangUp(signals: await UnixSignalsSequence(trapping: .sighup), files: files)
        let services: [any Service] = [listener, Background(view: view, queue: queue), hangUps]
        var configuration = ServiceGroupConfiguration(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        // Answers are short; what is not done by then waits for a reader who does not read.
        configuration.maximumGracefulShutdownDuration = .seconds(5)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError {
            throw ListenError(place: place, reason: String(cString: strerror(error.errnoCode)))
        } catch is CancellationError {}
    }

    /// Answers a request of a connection.
    static func responder(
        _ routes: some HTTPResponder<DashboardContext>,
        _ logger: Logger
    ) -> HTTPChannelHandler.Responder {
        { (request, writer: consuming ResponseWriter, channel) in
            let source = ApplicationRequestContextSource(channel: channel, logger: logger)
            var response = try await routes.respond(to: request, context: DashboardContext(source: source))
            response.headers[.date] = Date().httpText
            do {
                try await writer.write(response: response.head, body: response.body)
            } catch is HTTPParserError {
                // As such it would be answered, in the middle of this answer.
                throw CancellationError()
            }
        }
    }
}

/// Work in the background, for as long as the server runs.
private struct Background: Service {
    let view: FleetView
    let queue: InquiryQueue

    func run() async {
        await cancelWhenGracefulShutdown {
            // Reads a long run in advance, so that its first reader does not wait; if it cannot be read, that reader gets the error.
            _ = try? await view.snapshot()
            _ = try? await view.counters.totals()
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await view.probing.keepSchedule() }
                group.addTask { await view.drift.keepSchedule() }
                await queue.run()
                group.cancelAll()
            }
        }
    }
}

extension Date {
    /// As in the header `Date`: `Fri, 27 Nov 2026 13:03:45 GMT`.
    fileprivate var httpText: String {
        var seconds = time_t(clamping: timeIntervalSince1970)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        // The program keeps the C locale.
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
