internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOExtras
internal import NIOPosix
internal import NIOSSL
internal import ServiceLifecycle

/// Accepts connections and has each of them served.
///
/// Hummingbird's own server cannot listen on a socket that is open already, and keeps the certificate that it began with.
struct Listener<Child: ServerChildChannel>: Service {
    /// Maximum number of connections at a time; more wait until one is closed. Connections that have not shown the token make room long
    /// before.
    private static var mostConnections: Int { 512 }
    private static var backlog: CInt { 256 }

    let place: ListenPlace
    /// What serves a connection.
    let child: Child
    /// Nil for connections without TLS.
    let certificate: ServerCertificate?
    let logger: Logger
    /// Is given the port as soon as connections are accepted; nil for a Unix socket.
    let listening: @Sendable (_ port: Int?) async -> Void

    func run() async throws {
        let quiescing = ServerQuiescingHelper(group: MultiThreadedEventLoopGroup.singleton)
        let server = try await bind(quiescing)
        await withGracefulShutdownHandler {
            await listening(server.channel.localAddress?.port)
            await withDiscardingTaskGroup { group in
                // A server socket that fails ends the server; what it has accepted is served to its end.
                try? await server.executeThenClose { connections in
                    for try await connection in connections {
                        group.addTask { await child.handle(value: connection, logger: logger) }
                    }
                }
            }
        } onGracefulShutdown: {
            quiescing.initiateShutdown(promise: nil)
        }
    }

    private func bind(_ quiescing: ServerQuiescingHelper) async throws -> NIOAsyncChannel<Child.Value, Never> {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .serverChannelInitializer { [logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    let limit = MaximumAvailableConnections(Self.mostConnections, logger: logger)
                    try channel.pipeline.syncOperations.addHandler(AvailableConnectionsChannelHandler(delegate: limit))
                    try channel.pipeline.syncOperations.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
        switch place {
        case .network(let address, nil):
            return try await bootstrap.bind(host: address.host, port: address.port, childChannelInitializer: setUp)
        case .network(_, let descriptor?), .unix(_, let descriptor):
            return try await bootstrap.bind(descriptor, childChannelInitializer: setUp)
        }
    }

    @Sendable
    private func setUp(_ channel: any Channel) -> EventLoopFuture<Child.Value> {
        do {
            if let certificate {
                try channel.pipeline.syncOperations.addHandler(PlainHTTPAnswer())
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificate.context))
            }
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return child.setup(channel: channel, logger: logger)
    }
}
