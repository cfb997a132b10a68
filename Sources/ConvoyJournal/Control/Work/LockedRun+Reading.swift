import ConvoyPostgres
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension LockedRun {
    /// The largest number of an event, a turn or an assignment.
    static let mostNumber = Int64.max / 4

    /// Reads the result of ``DecisionStatements/opening(_:by:after:reporting:limit:)``; nil if the run does not exist.
    ///
    /// - Parameter handOver: with which the worker has read the run. What was recorded after another one may be for another version of Convoy.
    init?(_ result: QueryResult, after event: Int64, handOver: String) throws(PostgresError) {
        guard let row = result.rows.first else { return nil }
        // Room is left to count on: what a server says may be no number that it has counted to.
        turn = min(try row.int64("turn"), Self.mostNumber)
        lastEvent = min(try row.int64("number"), Self.mostNumber)
        lastAssignment = min(try row.int64("last_assignment"), Self.mostNumber)
        isOpen = try row.bool("is_open")
        resumedBy = try row.label("person")
        lastDecision = try row.optionalText("last_decision").flatMap { Int64($0) } ?? 0
        isOutdated = try row.label("hand_over") != handOver
        own = Set(ControlText.numbers(try row.text("own")))
        servedRequest = try row.int64("served_request")
        var events: [QueryResult.Row] = []
        (requests, hasRequests) = ([], false)
        for row in result.rows.dropFirst() {
            guard try row.text("part") == "request" else {
                events.append(row)
                continue
            }
            hasRequests = true
            let number = try row.int64("number")
            servedRequest = max(servedRequest, number)
            // One that only a newer program knows cannot be done; those after it can.
            guard let word = try row.label("kind"), let kind = OperatorRequest.Kind(kind: word, argument: try row.name("content")) else {
                continue
            }
            requests.append(OperatorRequest(number: number, kind: kind, by: try row.label("person") ?? "", at: Date()))
        }
        isBehind = !isOutdated && events.count >= DecisionStatements.mostEvents
        (turns, knownFingerprint) = isOutdated ? ([], nil) : try RecordedTurn.turns(isBehind ? events.prefix(1) : events[...], from: event)
        if isBehind { turns = [] }
    }
}

extension RecordedTurn {
    /// The turns that rows of events are, in order, without the event itself that the caller knows, of which there is the fingerprint.
    ///
    /// - Throws: `.unexpectedResult` for an event that this program cannot read, and for numbers with a gap: the rules must see all of them.
    static func turns(_ rows: some Sequence<QueryResult.Row>, from event: Int64) throws(PostgresError) -> ([RecordedTurn], known: Int?) {
        var turns: [RecordedTurn] = []
        var known: Int?
        var last = event
        for row in rows {
            let number = try row.int64("number")
            guard number != event else {
                known = try row.text("content").hashValue
                continue
            }
            guard last < LockedRun.mostNumber, number == last + 1 else {
                throw PostgresError(.unexpectedResult, "an event of the run after event \(last) is missing")
            }
            last = number
            let text = try row.text("content")
            guard let event = Event(recorded: text) else {
                let type = try row.label("kind") ?? ""
                throw PostgresError(
                    .unexpectedResult,
                    "event \(number) of the run, of type “\(type)”, cannot be read by this version of Convoy"
                )
            }
            let turn = try row.int64("turn")
            if turns.last?.number != turn { turns.append(RecordedTurn(number: turn, events: [], lastEvent: number, lastFingerprint: 0)) }
            turns[turns.count - 1].events.append(event)
            turns[turns.count - 1].lastEvent = number
            turns[turns.count - 1].lastFingerprint = text.hashValue
        }
        return (turns, known)
    }
}
