internal import AsyncHTTPClient
import ConvoyText
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The HTTP client of the process: one, and one for each proxy that the environment names.
///
/// They live as long as the process, on the event loops that NIO shares, and keep no connection: each request has a connection of its own, which is
/// closed with its answer, so that there is nothing to shut down and no message meets a connection that its server has just given up.
enum HTTPConnections {
    private static let clients = Mutex<[HTTPProxy?: HTTPClient]>([:])

    static func client(by proxy: HTTPProxy?) -> HTTPClient {
        clients.withLock { clients in
            if let client = clients[proxy] { return client }
            let client = client(configuration(proxy))
            clients[proxy] = client
            return client
        }
    }

    /// The most that is read of an answer, its head included.
    static let responseLimit = 64 * 1024

    private static func client(_ configuration: HTTPClient.Configuration) -> HTTPClient {
        HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }

    private static func configuration(_ proxy: HTTPProxy?) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        // Redirects are followed by ``HTTPRequest``, which knows what may be sent where.
        configuration.redirectConfiguration = .disallow
        // A request has a deadline of its own; this ends what connects to a host that says nothing.
        configuration.timeout.connect = .seconds(120)
        // Else a refused connection is tried again until the deadline.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.maximumUsesPerConnection = 1
        configuration.http1_1ConnectionDebugInitializer = { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(ByteBudget(responseLimit), position: .first)
            }
        }
        if let proxy {
            let login = proxy.user.map { HTTPClient.Authorization.basic(username: $0, password: proxy.password ?? "") }
            configuration.proxy = .server(host: proxy.host, port: proxy.port, authorization: login)
        }
        return configuration
    }
}

/// Ends a connection that brings more bytes than an answer may have.
private final class ByteBudget: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var left: Int

    init(_ limit: Int) {
        left = limit
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let count = unwrapInboundIn(data).readableBytes
        guard count <= left else {
            left = 0
            context.fireErrorCaught(HTTPFailure.TooLong())
            context.close(promise: nil)
            return
        }
        left -= count
        context.fireChannelRead(data)
    }
}
