import ConvoyJournal
import ConvoyRun
import ConvoyText

/// Events of a run that cannot be read, counted while the others are.
struct JournalDamage {
    private var count = 0
    private var first: RecordedEvent?

    mutating func note(_ event: RecordedEvent) {
        count += 1
        first = first ?? event
    }

    /// A warning for the operator; nil if nothing is damaged.
    func remark(_ run: RunID) -> String? {
        guard let first else { return nil }
        let place = "event \(first.number) (\(String(first.type.prefix(40)).visible))"
        let what = count == 1 ? "\(place), which is damaged" : "\(count) damaged events, the first of which is \(place)"
        return "run \(run): skipped \(what); the rest of the journal was read"
    }
}
