/// Inquiries in the order in which they were asked for, one at a time: two questions to the whole fleet at once would take twice the connections that
/// the fleet file allows.
struct InquiryQueue: Sendable {
    private let inquiries: AsyncStream<@Sendable () async -> Void>
    private let continuation: AsyncStream<@Sendable () async -> Void>.Continuation

    init() {
        // Each inquiry waits here at most once.
        (inquiries, continuation) = AsyncStream.makeStream()
    }

    func add(_ inquiry: @escaping @Sendable () async -> Void) {
        continuation.yield(inquiry)
    }

    /// Does what is asked for, until the task is cancelled.
    func run() async {
        for await inquiry in inquiries { await inquiry() }
    }
}
