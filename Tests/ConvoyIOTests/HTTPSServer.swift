import NIOCore
import NIOPosix
import NIOSSL

/// A TLS server on 127.0.0.1 with a certificate that no authority has signed. It lasts as long as the body runs.
enum HTTPSServer {
    static func run<Value>(_ body: (_ port: Int) async throws -> Value) async throws -> Value {
        let configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
        )
        let context = try NIOSSLContext(configuration: configuration)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result: Result<Value, any Error>
        do { result = .success(try await body(server.localAddress?.port ?? 0)) } catch { result = .failure(error) }
        try await server.close()
        return try result.get()
    }

    // Made for these tests with `openssl req -x509 -newkey ec -nodes -days 36500 -subj /CN=localhost`; it opens nothing.
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGE9HbDVBPUXDUtKo
        hGKvpuK3Jked40CVCwFy/c2mttuhRANCAASPuaqlGVJbliRGpdcMuVypF92ZrWr3
        8cC7MXCeZZg1yWR+YqeRh0VTb3OjIBbwFBAflWmU8rbo/X9jSAB9Ylv0
        -----END PRIVATE KEY-----
        """

    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUaWqtf5/TWnIiQF9EDKDnIuMcSMswCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNjA2NTU1OVoYDzIxMjYxMTAy
        MDY1NTU5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAASPuaqlGVJbliRGpdcMuVypF92ZrWr38cC7MXCeZZg1yWR+YqeRh0VT
        b3OjIBbwFBAflWmU8rbo/X9jSAB9Ylv0o28wbTAdBgNVHQ4EFgQUAcD7SQMePEV7
        wPXksU5zBcN/Q48wHwYDVR0jBBgwFoAUAcD7SQMePEV7wPXksU5zBcN/Q48wDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSAAwRQIgTn40LJ74Uft8ikgu8o3xfd/DwTZdJqKMM68NdSHuxTkCIQDo
        GhffedpMb1ByNcn52A7Q34WkkSlxr9t4+S+rz0fAeg==
        -----END CERTIFICATE-----
        """
}
