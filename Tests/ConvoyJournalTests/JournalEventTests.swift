import ConvoyMigrations
import ConvoyText
import FoundationEssentials
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

struct JournalEventTests {
    @Test func theSamplesHaveEveryType() {
        #expect(Set(JournalSamples.kinds.map(\.type)) == Set(EventType.allCases))
    }

    @Test(arguments: JournalSamples.kinds.indices)
    func anEventComesBackAsItWas(_ index: Int) throws {
        let event = Event(at: moment(0.123), JournalSamples.kinds[index])
        let line = event.json.line
        #expect(line.unicodeScalars.allSatisfy { !$0.isObeyedByTerminals })
        let read = try JSONDecoder().decode(Event.self, from: Data(line.utf8))
        #expect("\(read.kind)" == "\(event.kind)")
        #expect(read.json.line == line)
    }

    @Test func theFormIsTheDocumentedOne() {
        let result = InstanceResult(
            outcome: .lockBusy,
            from: JournalSamples.older,
            applied: [JournalSamples.applied],
            failure: JournalSamples.failure
        )
        let fingerprint = JournalSamples.failure.fingerprint
        #expect(
            Event(at: moment(0.5), .instanceFinished(instance: "alice", result: result)).json.line == #"""
                {"at":"2026-08-08T09:00:00.500Z","type":"instance_finished","instance":"alice","outcome":"lock-busy","from":"20260807090000",\#
                "to":null,"applied":[{"version":"20260808090000","direction":"up","duration":0.012345}],"failure":{"kind":"failed",\#
                "version":"9223372036854775807","file":"Migrations/20260808090000_narrow_charges.sql","line":7,\#
                "statement":"ALTER TABLE \"charges\"\n\tALTER COLUMN power TYPE numeric(8,2)","position":null,"sqlstate":"22003","message":"numeric field overflow",\#
                "detail":"A field with precision 8 … \u001b[2J\u202e\u0000😀","hint":"correct the rows","server_hint":null,"fingerprint":"\#(fingerprint)",\#
                "locked_by":{"pid":4711,"application":"psql","address":null,"since":"2026-08-08T08:00:00Z"}}}
                """#
        )
        #expect(
            Event(at: moment(), .migrationApplied(instance: "alice", migration: JournalSamples.applied)).json.line == #"""
                {"at":"2026-08-08T09:00:00.000Z","type":"migration_applied","instance":"alice","version":"20260808090000",\#
                "direction":"up","duration":0.012345}
                """#
        )
        var applied = JournalSamples.applied
        applied.checkpoint = applied.version
        #expect(
            Event(at: moment(), .migrationApplied(instance: "alice", migration: applied)).json.line == #"""
                {"at":"2026-08-08T09:00:00.000Z","type":"migration_applied","instance":"alice","version":"20260808090000",\#
                "direction":"up","duration":0.012345,"checkpoint":"20260808090000"}
                """#
        )
        #expect(Event(at: moment(), .windowOpened).json.line == #"{"at":"2026-08-08T09:00:00.000Z","type":"window_opened"}"#)
    }

    @Test func keysOfANewerProgramArePassedOver() throws {
        let text = #"{"at":"2026-08-08T09:00:00.000Z","type":"wave_started","wave":"canary","colour":{"deep":[1]}}"#
        let event = try JSONDecoder().decode(Event.self, from: Data(text.utf8))
        guard case .waveStarted(wave: "canary") = event.kind else {
            Issue.record("read as \(event.kind)")
            return
        }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"at":"2026-08-08T09:00:00.000Z"}"#, #"{"at":"yesterday","type":"window_opened"}"#,
        #"{"at":"2026-08-08T09:00:00.000Z","type":"wave_started"}"#,
        #"{"at":"2026-08-08T09:00:00.000Z","type":"run_finished","status":"won"}"#,
        #"{"at":"2026-08-08T09:00:00.000Z","type":"migration_applied","instance":"a","version":"1x","direction":"up","duration":1}"#,
    ])
    func whatIsNoEventIsAnError(_ text: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Event.self, from: Data(text.utf8)) }
    }

    @Test func aTypeOfANewerProgramIsToldByName() {
        let text = #"{"at":"2026-08-08T09:00:00.000Z","type":"wave_painted"}"#
        #expect { try JSONDecoder().decode(Event.self, from: Data(text.utf8)) } throws: {
            ($0 as? UnknownEventType)?.type == "wave_painted"
        }
    }

    @Test func timesDoNotDriftWhenTheyAreWrittenAgain() throws {
        for millisecond in 0..<1000 {
            let text = Date(timeIntervalSince1970: 1_786_179_600 + Double(millisecond) / 1000).rfc3339
            let digits = String(millisecond)
            #expect(text == "2026-08-08T09:00:00.\(String(repeating: "0", count: 3 - digits.count))\(digits)Z")
            #expect(try #require(Date(rfc3339: text)).rfc3339 == text)
        }
    }
}
