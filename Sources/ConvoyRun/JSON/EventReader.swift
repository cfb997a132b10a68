import ConvoyMigrations
import ConvoyText
internal import FoundationEssentials

extension Event {
    /// Reads the JSON form of an event as a journal has it; nil for what is no event, and for one that only a newer program knows.
    package init?(recorded line: String) {
        if let event = Event(written: line) {
            self = event
            return
        }
        guard let event = try? JSONDecoder().decode(Event.self, from: Data(line.utf8)) else { return nil }
        self = event
    }

    /// Reads one of the events that come with each instance, if it stands exactly as ``json`` writes it: a worker reads what all the others record while
    /// it has the lock of the run, and a decoder takes many times as long. Nil for everything else, which a decoder may be able to read.
    package init?(written line: String) {
        let read = line.utf8.withContiguousStorageIfAvailable { bytes -> Event? in
            var reader = EventReader(bytes: bytes)
            return reader.event()
        }
        guard let event = read ?? nil else { return nil }
        self = event
    }
}

/// Goes through the line of an event from its first byte to its last. Where anything is not as expected, it gives up.
private struct EventReader {
    let bytes: UnsafeBufferPointer<UInt8>
    private var place = 0

    private static let quote = UInt8(ascii: "\"")
    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    /// The length of a time as Convoy writes it.
    private static let timeLength = 24
    /// More digits than a version of Convoy's has; fewer than might not fit.
    private static let mostDigits = 18
    /// Digits of whole seconds that a decoder reads without a loss of microseconds.
    private static let mostSeconds = 7

    init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    mutating func event() -> Event? {
        guard skip(#"{"at":""#), let date = time(), skip(#"","type":""#), let type = text(), let kind = kind(type), skip("}"),
            place == bytes.count
        else {
            return nil
        }
        return Event(at: date, kind)
    }

    private mutating func kind(_ type: String) -> Event.Kind? {
        guard let type = EventType(rawValue: type), skip(#","instance":""#), let instance = text() else { return nil }
        switch type {
        case .instanceStarted:
            guard skip(#","wave":""#), let wave = text() else { return nil }
            return .instanceStarted(instance: instance, wave: wave)
        case .instancePlanned:
            guard skip(#","from":"#), let from = optionalVersion(), skip(#","pending":["#), let pending = list({ $0.version() }) else {
                return nil
            }
            return .instancePlanned(instance: instance, from: from, pending: pending)
        case .migrationApplied:
            guard skip(","), let migration = migration() else { return nil }
            return .migrationApplied(instance: instance, migration: migration)
        case .instanceFinished: return result().map { .instanceFinished(instance: instance, result: $0) }
        default: return nil
        }
    }

    private mutating func result() -> InstanceResult? {
        guard skip(#","outcome":""#), let outcome = text().flatMap(Outcome.init(rawValue:)), skip(#","from":"#),
            let from = optionalVersion(), skip(#","to":"#), let to = optionalVersion(), skip(#","applied":["#),
            let applied = list({ $0.appliedMigration() }), skip(#","failure":null"#)
        else {
            return nil
        }
        return InstanceResult(outcome: outcome, from: from, to: to, applied: applied)
    }

    private mutating func appliedMigration() -> AppliedMigration? {
        guard skip("{"), let migration = migration(), skip("}") else { return nil }
        return migration
    }

    /// The members of a migration, without the braces.
    private mutating func migration() -> AppliedMigration? {
        guard skip(#""version":"#), let version = version(), skip(#","direction":""#),
            let direction = text().flatMap(MigrationDirection.init(rawValue:)), skip(#","duration":"#), let duration = seconds()
        else {
            return nil
        }
        guard skip(#","checkpoint":"#) else { return AppliedMigration(version: version, direction: direction, duration: duration) }
        guard let checkpoint = self.version() else { return nil }
        return AppliedMigration(version: version, direction: direction, duration: duration, checkpoint: checkpoint)
    }

    // MARK: Values

    /// Goes behind a text, if it is what comes next.
    private mutating func skip(_ expected: StaticString) -> Bool {
        let count = expected.utf8CodeUnitCount
        guard expected.hasPointerRepresentation, count <= bytes.count - place else { return false }
        let start = expected.utf8Start
        for index in 0..<count where start[index] != bytes[place + index] { return false }
        place += count
        return true
    }

    /// The elements of a list behind its opening bracket.
    private mutating func list<Element>(_ element: (inout Self) -> Element?) -> [Element]? {
        var elements: [Element] = []
        while !skip("]") {
            guard elements.isEmpty || skip(","), let next = element(&self) else { return nil }
            elements.append(next)
        }
        return elements
    }

    /// A text up to its closing quote, behind the opening one; nil where something in it is escaped.
    private mutating func text() -> String? {
        let start = place
        while place < bytes.count, bytes[place] != Self.quote {
            guard bytes[place] != UInt8(ascii: "\\"), bytes[place] >= 0x20 else { return nil }
            place += 1
        }
        guard place < bytes.count else { return nil }
        defer { place += 1 }
        return String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<place]), as: UTF8.self)
    }

    private mutating func time() -> Date? {
        guard Self.timeLength <= bytes.count - place else { return nil }
        defer { place += Self.timeLength }
        return UsualTime(UnsafeBufferPointer(rebasing: bytes[place..<place + Self.timeLength]))?.date
    }

    /// A version in quotes.
    private mutating func version() -> MigrationVersion? {
        guard skip("\""), let number = digits(atMost: Self.mostDigits), skip("\"") else { return nil }
        return MigrationVersion(number.value)
    }

    /// The same, or null.
    private mutating func optionalVersion() -> MigrationVersion?? {
        if skip("null") { return .some(nil) }
        guard let version = version() else { return .none }
        return .some(version)
    }

    /// A number of seconds, to the microsecond.
    private mutating func seconds() -> Duration? {
        let hasZero = place < bytes.count && bytes[place] == UInt8(ascii: "0")
        guard let whole = digits(atMost: Self.mostSeconds), !hasZero || whole.count == 1 else { return nil }
        guard skip(".") else { return .seconds(whole.value) }
        guard var (fraction, count) = digits(atMost: 6) else { return nil }
        while count < 6 {
            fraction *= 10
            count += 1
        }
        return .microseconds(whole.value * 1_000_000 + fraction)
    }

    /// At least one digit.
    private mutating func digits(atMost limit: Int) -> (value: Int64, count: Int)? {
        var (value, count): (Int64, Int) = (0, 0)
        while place < bytes.count, Self.digits.contains(bytes[place]) {
            guard count < limit else { return nil }
            value = value * 10 + Int64(truncatingIfNeeded: bytes[place]) - 48
            count += 1
            place += 1
        }
        return count > 0 ? (value, count) : nil
    }
}
