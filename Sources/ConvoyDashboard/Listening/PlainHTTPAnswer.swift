internal import NIOCore

/// Says to a client that does not speak TLS what this port expects. It stands between the socket and TLS.
final class PlainHTTPAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Language {
        case unknown, tls, plain
    }

    private static let text = "this port speaks TLS: use https://\n"
    private static let answer =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: \(text.utf8.count)\r\n"
        + "Connection: close\r\n\r\n" + text

    private var spoken = Language.unknown

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if spoken == .unknown { spoken = Self.language(of: unwrapInboundIn(data)) }
        guard spoken == .plain else { return context.fireChannelRead(data) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: Self.answer)), promise: nil)
        context.close(promise: nil)
    }

    /// A record of TLS begins with a byte below 32, and a request of HTTP with a method.
    private static func language(of bytes: ByteBuffer) -> Language {
        guard let first = bytes.readableBytesView.first else { return .unknown }
        return (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) ? .plain : .tls
    }
}
