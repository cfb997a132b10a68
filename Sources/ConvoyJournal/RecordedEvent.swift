package import ConvoyRun
internal import FoundationEssentials

/// An event as it stands in a journal.
package struct RecordedEvent: Sendable {
    /// Ascending in a run, from 1.
    package var number: Int64
    /// Ascending over all runs of the journal, in the order in which events came; 0 where that was not read.
    package var position: Int64 = 0
    /// Nil if its type is unknown because a newer program wrote it, or if it is damaged.
    package var event: Event?
    /// Whether the text is not an event of any program.
    package var isDamaged = false
    /// What the type is called, for example `instance_finished`.
    package var type: String
    /// Its JSON form, on one line.
    package var json: String

    /// Reads what a store has, whatever stands there.
    init(number: Int64, position: Int64 = 0, type: String, json: String) {
        (self.number, self.position, self.type, self.json) = (number, position, type, json)
        event = Event(written: json)
        if event != nil { return }
        do {
            event = try JSONDecoder().decode(Event.self, from: Data(json.utf8))
        } catch {
            isDamaged = !(error is UnknownEventType)
        }
    }
}

/// The events of a run in order, read from the journal in pages.
///
///     for try await recorded in journal.events(of: run) {
///         guard let event = recorded.event else { … }
///         report.apply(event)
///     }
///
/// For an active run it returns the events that exist when it reads them, and ends.
package struct RecordedEvents: AsyncSequence, Sendable {
    package typealias Element = RecordedEvent
    package typealias Failure = JournalError

    /// Which events of a run are read.
    package enum Selection: Sendable {
        case all
        /// Without the migrations of instances that ended after them, because the end of an instance repeats what was applied. For a large
        /// fleet this is a small part of the events, and enough to know the state of the run.
        case standing
        /// Only the events that say what the whole run waits for: gates, paused servers, the maintenance window.
        case waits

        private static let waitTypes: [EventType] = [
            .gateOpened, .gateWaiting, .approved, .gatePassed, .gateFailed, .serverPaused, .serverResumed, .windowClosed, .windowOpened,
            .runResumed, .halted, .stopRequested, .cancelRequested, .runFinished,
        ]

        /// Whether processes wait for events of this type.
        static func isAwaited(_ type: EventType) -> Bool { waitTypes.contains(type) }

        /// In the words of SQL.
        ///
        /// - Parameter table: the table of events as it is named in the query, under which it also has the name `events`.
        func condition(in table: String) -> String {
            switch self {
            case .all: "true"
            case .waits:
                """
                type IN (\(Self.waitTypes.map { "'\($0.rawValue)'" }.joined(separator: ", ")))
                """
            case .standing:
                """
                NOT (type = '\(EventType.migrationApplied.rawValue)' AND EXISTS (
                    SELECT 1 FROM \(table) AS later
                    WHERE later.run = events.run AND later.instance = events.instance AND later.number > events.number
                        AND later.outcome IS NOT NULL
                ))
                """
            }
        }
    }

    let journal: any RunStore
    let run: RunID
    var selection = Selection.all
    let pageSize: Int

    package func makeAsyncIterator() -> Iterator { Iterator(events: self) }

    /// Reads a page whenever the one before is used up.
    package struct Iterator: AsyncIteratorProtocol {
        let events: RecordedEvents
        private var page: ArraySlice<RecordedEvent> = []
        private var last: Int64? = 0

        init(events: RecordedEvents) {
            self.events = events
        }

        /// - Throws: ``JournalError`` if the journal cannot be read.
        package mutating func next() async throws(JournalError) -> RecordedEvent? {
            try await next(isolation: #isolation)
        }

        /// - Throws: ``JournalError`` if the journal cannot be read.
        package mutating func next(isolation actor: isolated (any Actor)?) async throws(JournalError) -> RecordedEvent? {
            if page.isEmpty, let last {
                page = try await events.journal.events(of: events.run, events.selection, after: last, limit: events.pageSize)[...]
                self.last = page.count < events.pageSize ? nil : page.last?.number
            }
            return page.popFirst()
        }
    }
}
