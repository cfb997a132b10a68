/// A port of 127.0.0.1 that accepts connections and never says a word: the kernel accepts them, nobody reads.
public final class SilentPort: Sendable {
    private let listener: Socket
    public let port: Int

    public init() throws {
        listener = try Socket.bound()
        listener.startListening()
        port = listener.port
    }

    deinit {
        listener.close()
    }
}

/// A port of 127.0.0.1 that refuses connections for as long as this lives: it is taken, and nobody listens.
public final class RefusedPort: Sendable {
    private let holder: Socket
    public let port: Int

    public init() throws {
        holder = try Socket.bound()
        port = holder.port
    }

    deinit {
        holder.close()
    }
}
