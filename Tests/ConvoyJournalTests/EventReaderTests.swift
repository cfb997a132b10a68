import ConvoyFleet
import ConvoyMigrations
import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

/// The events that a worker reads by the thousands, without a decoder.
@Suite struct EventReaderTests {
    private static let checkpoint: AppliedMigration = {
        var applied = JournalSamples.applied
        applied.checkpoint = applied.version
        return applied
    }()

    /// What each instance has.
    private static let usual: [Event.Kind] = [
        .instanceStarted(instance: "alice", wave: "canary"),
        .instanceStarted(instance: "", wave: "größte Welle 😀"),
        .instancePlanned(instance: "alice", from: JournalSamples.older, pending: [JournalSamples.older, JournalSamples.version]),
        .instancePlanned(instance: "alice", from: nil, pending: []),
        .migrationApplied(instance: "alice", migration: JournalSamples.applied),
        .migrationApplied(instance: "alice", migration: checkpoint),
        .migrationApplied(
            instance: "alice",
            migration: AppliedMigration(version: MigrationVersion(1), direction: .down, duration: .microseconds(9_999_999_999_999))
        ),
        .migrationApplied(
            instance: "alice",
            migration: AppliedMigration(version: JournalSamples.older, direction: .up, duration: .zero)
        ),
        .instanceFinished(instance: "alice", result: InstanceResult(outcome: .upToDate)),
        .instanceFinished(
            instance: "alice",
            result: InstanceResult(
                outcome: .migrated,
                from: JournalSamples.older,
                to: JournalSamples.version,
                applied: [JournalSamples.applied, checkpoint]
            )
        ),
    ]

    @Test(arguments: usual.indices) func whatComesOftenIsReadWithoutADecoder(_ index: Int) throws {
        let line = Event(at: moment(0.123), Self.usual[index]).json.line
        let read = try #require(Event(written: line), "\(line)")
        let decoded = try JSONDecoder().decode(Event.self, from: Data(line.utf8))
        #expect("\(read.kind)" == "\(decoded.kind)")
        #expect(read.at == decoded.at)
        #expect(read.json.line == line)
    }

    @Test(arguments: JournalSamples.kinds.indices) func everyEventComesBackAsItWas(_ index: Int) throws {
        let line = Event(at: moment(0.999), JournalSamples.kinds[index]).json.line
        let read = try #require(Event(recorded: line), "\(line)")
        #expect(read.json.line == line)
    }

    /// Whatever it takes for an event, a decoder reads in the same way.
    @Test(arguments: usual.indices) func whatIsDamagedIsLeftToTheDecoder(_ index: Int) {
        let line = Array(Event(at: moment(0.5), Self.usual[index]).json.line.utf8)
        var damaged: [[UInt8]] = []
        for place in line.indices {
            damaged.append(Array(line[..<place]))
            var shorter = line
            shorter.remove(at: place)
            damaged.append(shorter)
            for byte in "\"\\,:{}[]0159-+. eTZnu\u{1}\u{7F}".utf8 {
                var (other, longer) = (line, line)
                other[place] = byte
                longer.insert(byte, at: place)
                damaged += [other, longer]
            }
        }
        for bytes in damaged {
            // In the middle of a character nothing is left of it.
            let text = String(decoding: bytes, as: UTF8.self)
            guard let read = Event(written: text) else { continue }
            let decoded = try? JSONDecoder().decode(Event.self, from: Data(text.utf8))
            #expect(decoded?.json.line == read.json.line, "\(text)")
        }
    }

    @Test(arguments: ["", "{", "{}", "[]", #"{"at":"2026-08-08T09:00:00.000Z","type":"wave_painted"}"#, "\u{0}"])
    func whatIsNoEventIsNone(_ text: String) {
        #expect(Event(recorded: text) == nil)
    }
}
