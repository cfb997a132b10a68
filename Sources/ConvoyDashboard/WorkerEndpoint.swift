internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import ServiceLifecycle

/// What `convoy worker --listen` answers: whether the worker lives, whether it takes work, and numbers for an autoscaler. It shows no name of an
/// instance and changes nothing, so it needs no token.
package struct WorkerEndpoint: Sendable {
    /// How a worker is.
    package struct Status: Sendable {
        /// Its loop is at work.
        package var isLive: Bool
        /// It has reached the control database a moment ago, and takes new work.
        package var isReady: Bool
        /// Numbers as OpenMetrics text.
        package var metrics: String

        package init(isLive: Bool, isReady: Bool, metrics: String) {
            (self.isLive, self.isReady, self.metrics) = (isLive, isReady, metrics)
        }
    }

    private let place: ListenPlace
    private let status: @Sendable () async -> Status

    /// - Parameter status: is asked for each request.
    package init(at address: ListenAddress, status: @escaping @Sendable () async -> Status) {
        place = .network(address)
        self.status = status
    }

    /// Answers until the task is cancelled.
    ///
    /// - Parameter listening: is given the address, with the real port, as soon as requests are answered.
    /// - Throws: ``Dashboard/ListenError`` if the place cannot be listened at.
    package func run(listening: @escaping @Sendable (_ url: String) async -> Void) async throws {
        let logger = Logger(label: "convoy.worker") { _ in SwiftLogNoOpLogHandler() }
        let listener = Listener(
            place: place,
            child: HTTP1Channel(
                responder: Dashboard.responder(router.buildResponder(), logger),
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [IdleStateHandler(writeTimeout: .seconds(10)), StalledConnections()],
                    idleTimeout: .seconds(10),
                    httpDecoderConfiguration: .init(maxHeaderFieldSize: 8 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100)
                )
            ),
            certificate: nil,
            logger: logger,
            listening: { [place] port in await listening(place.url(port: port, isSecure: false)) }
        )
        var configuration = ServiceGroupConfiguration(services: [listener], gracefulShutdownSignals: [], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(1)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError {
            throw Dashboard.ListenError(place: place, reason: String(cString: strerror(error.errnoCode)))
        } catch is CancellationError {}
    }

    private var router: Router<DashboardContext> {
        let router = Router(context: DashboardContext.self, options: [.autoGenerateHeadEndpoints])
        router.get("/livez") { [status] _, _ in Self.answer(await status().isLive, "live") }
        router.get("/readyz") { [status] _, _ in Self.answer(await status().isReady, "ready") }
        router.get("/metrics") { [status] _, _ in
            Response(
                status: .ok,
                headers: [.contentType: "application/openmetrics-text; version=1.0.0; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: await status().metrics))
            )
        }
        return router
    }

    private static func answer(_ holds: Bool, _ word: String) -> Response {
        Response(
            status: holds ? .ok : .serviceUnavailable,
            headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: (holds ? word : "not \(word)") + "\n"))
        )
    }
}
