/// Suspends for a while without holding a thread. Unlike `Task.sleep` it can continue when the task is cancelled, for clean-up.
package func pause(for duration: Duration, cancellation: Cancellation) async {
    _ = await Reactor.shared.wait(until: .now + duration, cancellation: cancellation)
}
