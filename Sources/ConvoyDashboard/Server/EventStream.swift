import ConvoyJournal
import ConvoyKit
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import HTTPTypes
internal import Hummingbird
internal import ServiceLifecycle
internal import Synchronization

/// How many follow runs at the moment.
final class FollowerCount: Sendable {
    /// Held as long as a client follows; releasing it makes room.
    final class Place: Sendable {
        private let count: FollowerCount
        private let client: String?
        fileprivate init(_ count: FollowerCount, _ client: String?) {
            self.count = count
            self.client = client
        }
        deinit { count.giveBack(client) }
    }

    private struct Taken: Sendable {
        var all = 0
        var byClient: [String: Int] = [:]
    }

    static let limit = 64
    /// The share of one client: one with many tabs, or with many sessions, leaves places for others.
    static let share = 16
    private let taken = Mutex(Taken())

    /// Nil if there are too many already, or the client has its share.
    ///
    /// - Parameter client: nil if clients cannot be distinguished.
    func take(_ client: String?) -> Place? {
        taken.withLock { taken in
            guard taken.all < Self.limit, client.map({ taken.byClient[$0, default: 0] < Self.share }) ?? true else { return nil }
            taken.all += 1
            if let client { taken.byClient[client, default: 0] += 1 }
            return Place(self, client)
        }
    }

    private func giveBack(_ client: String?) {
        taken.withLock { taken in
            taken.all -= 1
            guard let client, let count = taken.byClient[client] else { return }
            taken.byClient[client] = count > 1 ? count - 1 : nil
        }
    }
}

/// The events of a run as server-sent events (text/event-stream), each with its number in the journal as its id.
///
/// It ends with the run; a client that connects again after that learns that there is no more. Nothing is queued for a client: it gets what
/// comes after the last event that it was sent, as fast as it reads.
struct EventStream: Sendable {
    var follower: RunFollower
    /// Of the last event that the client has.
    var start: Int64
    /// Whether it continues when there is nothing more for now.
    var follows: Bool
    /// Whether the client may still read.
    var isAllowed: @Sendable () -> Bool

    private static let interval = Duration.milliseconds(250)
    private static let heartbeat = Duration.seconds(15)
    private static let pageSize = 200

    func response(to request: Request, place: FollowerCount.Place) -> Response {
        let body = ResponseBody { writer in
            try await request.body.consumeWithCancellationOnInboundClose { _ in try await write(to: &writer) }
            try await writer.finish(nil)
            // It is taken for as long as this closure is there.
            _ = place
        }
        return Response(
            status: .ok,
            // A proxy that gathers the answer first would hold every event back.
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .accelBuffering: "no"],
            body: body
        )
    }

    @concurrent
    private func write(to writer: inout any ResponseBodyWriter) async throws {
        var last = RunProgress(edition: await follower.progress.edition, lastEvent: start)
        var spokenAt = ContinuousClock.now
        try await writer.write(ByteBuffer(string: "retry: 1000\n\n"))
        // A stream must not hold up the end of the server.
        while !Task.isShuttingDownGracefully, isAllowed() {
            let events: [RecordedEvent]
            (events, last) = try await next(after: last)
            if let newest = events.last {
                try await writer.write(ByteBuffer(string: events.filter { !$0.isDamaged }.map(Self.text).joined()))
                (last.lastEvent, spokenAt) = (newest.number, .now)
                continue
            }
            guard follows, await !follower.isOver(after: last) else { return }
            if .now - spokenAt >= Self.heartbeat {
                try await writer.write(ByteBuffer(string: ": still here\n\n"))
                spokenAt = .now
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func next(after last: RunProgress) async throws -> (events: [RecordedEvent], start: RunProgress) {
        do {
            try await follower.refresh(within: Self.interval)
            return try await follower.events(after: last, limit: Self.pageSize)
        } catch is JournalError where follows {
            // It may work again in a moment; other requests report the error.
            return ([], last)
        }
    }

    /// The JSON of an event is one line.
    private static func text(_ event: RecordedEvent) -> String { "id: \(event.number)\ndata: \(event.json)\n\n" }
}
