internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Why a request has no answer, in words that hold nothing of it.
enum HTTPFailure {
    /// The answer is longer than is read of one.
    struct TooLong: Error {}

    /// - Returns: nil if it took too long.
    static func reason(_ error: any Error) -> String? {
        switch error {
        case let error as HTTPClientError: reason(error)
        case let error as NIOConnectionError: reason(error)
        case let error as IOError: reason(errno: error.errnoCode)
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            // BoringSSL distinguishes the two in its text only.
            "\(error)".contains("CERTIFICATE_VERIFY_FAILED") || error is NIOSSLExtraError
                ? "its certificate is not trusted" : "it offers no usable TLS"
        case is HTTPParserError: improper
        case is TooLong: "its answer is longer than \(HTTPConnections.responseLimit / 1024) KiB"
        case ChannelError.connectTimeout: nil
        default: "it cannot be reached"
        }
    }

    private static let improper = "its answer is not valid HTTP"

    private static func reason(_ error: HTTPClientError) -> String? {
        switch error {
        case .deadlineExceeded, .connectTimeout, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout,
            .cancelled:
            nil
        case .remoteConnectionClosed, .uncleanShutdown: "the connection was closed before an answer"
        case .invalidURL, .emptyHost, .emptyScheme: "its URL is not valid"
        default: error.description.contains("Header") ? "a header contains a character that is not allowed" : "it cannot be reached"
        }
    }

    private static func reason(_ error: NIOConnectionError) -> String? {
        let codes = error.connectionErrors.compactMap { ($0.error as? IOError)?.errnoCode }
        if error.connectionErrors.isEmpty, error.dnsAError != nil || error.dnsAAAAError != nil { return "host not found" }
        return codes.first.map(reason(errno:)) ?? nil
    }

    private static func reason(errno code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET, EPIPE: "the connection was lost"
        case ENETUNREACH, EHOSTUNREACH: "no route to host"
        default: "it cannot be reached (system error \(code))"
        }
    }
}
