internal import NIOCore

/// Closes a connection whose other side does not take what is sent: a reader that has gone to sleep must not hold memory here for ever.
///
/// It comes after an `IdleStateHandler` that watches writing. Answers are short, and what follows a run says something every few seconds, so that a
/// connection without a finished write for that long is stuck, or rests between two requests.
final class StalledConnections: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .write? = event as? IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
