internal import ConvoyMigrations
import ConvoyText
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// The connections of a dashboard under ``DoorRules``.
final class Doors: Sendable {
    private struct State: Sendable {
        var rules = DoorRules<ObjectIdentifier, ContinuousClock.Instant>()
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let state = Mutex(State())

    func open(_ channel: any Channel) {
        let crowded = state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = channel
            let id = state.rules.open(ObjectIdentifier(channel), from: channel.remoteAddress?.ipAddress ?? "", at: .now)
            return id.flatMap { state.channels.removeValue(forKey: $0) }
        }
        crowded?.hangUp()
    }

    func close(_ channel: any Channel) {
        state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = nil
            state.rules.close(ObjectIdentifier(channel))
        }
    }

    func request(on channel: any Channel) {
        state.withLock { $0.rules.request(ObjectIdentifier(channel), at: .now) }
    }

    func prove(_ channel: any Channel) {
        state.withLock { $0.rules.prove(ObjectIdentifier(channel)) }
    }

    func fail(_ channel: any Channel) {
        state.withLock { $0.rules.fail(ObjectIdentifier(channel)) }
    }

    func isRefused(_ channel: any Channel) -> Bool {
        state.withLock { $0.rules.isRefused(ObjectIdentifier(channel)) }
    }

    fileprivate func nextLook(at channel: any Channel) -> Duration? {
        state.withLock { $0.rules.nextLook(ObjectIdentifier(channel), at: .now) }
    }
}

/// Reports a connection's begin and end to the doors, and ends it when its time is over.
final class DoorHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let doors: Doors

    init(_ doors: Doors) {
        self.doors = doors
    }

    func channelActive(context: ChannelHandlerContext) {
        doors.open(context.channel)
        Self.look(at: context.channel, doors)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        doors.close(context.channel)
        context.fireChannelInactive()
    }

    private static func look(at channel: any Channel, _ doors: Doors) {
        guard let wait = doors.nextLook(at: channel) else {
            channel.hangUp()
            return
        }
        let milliseconds = Int64(clamping: (wait / .milliseconds(1)).rounded(.up))
        channel.eventLoop.scheduleTask(in: .milliseconds(max(1, milliseconds))) {
            if channel.isActive { look(at: channel, doors) }
        }
    }
}

extension Channel {
    /// Closes, and says so to the other side at once: a process that was started meanwhile may have inherited the socket, and closing alone would then
    /// be silent.
    fileprivate func hangUp() {
        eventLoop.execute { [self] in
            // The goodbye of TLS waits for the other side, which may be what does not answer: it is left out.
            if let tls = try? pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) {
                tls.close(mode: .output, promise: nil)
                tls.close(promise: nil)
            } else {
                close(mode: .output, promise: nil)
                close(promise: nil)
            }
        }
    }
}
