import ConvoyMigrations
import ConvoyText
import Foundation
import Testing

@testable import ConvoyRun

/// What failures keep of long statements.
struct StatementCutTests {
    /// Forty lines of some thirty characters, numbered.
    private let long = (1...40).map { "    column_\($0) bigint NOT NULL," }.joined(separator: "\n")

    private func position(of text: String, in statement: String) throws -> Int {
        let range = try #require(statement.range(of: text))
        return statement.unicodeScalars.distance(from: statement.startIndex, to: range.lowerBound) + 1
    }

    private func text(at position: Int?, in statement: String?) throws -> String {
        let scalars = try #require(statement).unicodeScalars
        return String(scalars[scalars.index(scalars.startIndex, offsetBy: try #require(position) - 1)...])
    }

    @Test(arguments: [1, 5, 14, 15, 16, 17, 18, 19, 25, 39, 40])
    func thePlaceIsKeptWhereverItIs(_ number: Int) throws {
        let failure = Failure(.failed, "", statement: long, position: try position(of: "column_\(number) ", in: long))
        #expect(try text(at: failure.position, in: failure.statement).hasPrefix("column_\(number) bigint NOT NULL,"))
        let kept = try #require(failure.statement)
        #expect(kept.hasPrefix(long.prefix(Failure.statementLimit)))
        #expect(kept.count <= 2 * Failure.statementLimit + 3)
    }

    @Test func aGapIsShown() throws {
        let kept = try #require(Failure(.failed, "", statement: long, position: try position(of: "column_39", in: long)).statement)
        let lines = kept.split(separator: "\n").drop { $0 != "…" }
        #expect(lines.dropFirst().first?.hasPrefix("    column_") == true)
        #expect(lines.last == "    column_40 bigint NOT NULL,")
    }

    @Test(arguments: [nil, 0, -7, 100_000, Int.max])
    func withoutAPlaceOnlyTheBeginningIsKept(_ position: Int?) {
        let failure = Failure(.failed, "", statement: long, position: position)
        #expect(failure.statement == String(long.prefix(Failure.statementLimit)))
        #expect(failure.position == nil)
    }

    @Test func theEndIsAPlaceToo() {
        #expect(Failure(.failed, "", statement: "SELECT (", position: 9).position == 9)
        #expect(Failure(.failed, "", statement: "SELECT (", position: 10).position == nil)
    }

    @Test func positionsCountCodePoints() throws {
        let statement = "SELECT '😀e\u{301}日本', x" + String(repeating: " ", count: 600) + "-- 😀\nFROM y"
        for part in ["x", "FROM"] {
            let failure = Failure(.failed, "", statement: statement, position: try position(of: part, in: statement))
            #expect(try text(at: failure.position, in: failure.statement).hasPrefix(part))
        }
    }

    /// Journals keep fingerprints: wherever the server points, they are those of the statement's beginning.
    @Test func thePlaceDoesNotChangeTheFingerprint() throws {
        let plain = Failure(.failed, "m", version: MigrationVersion(1), statement: long, sqlstate: "42703").fingerprint
        for number in 1...40 {
            let place = try position(of: "column_\(number) ", in: long)
            let failure = Failure(.failed, "m", version: MigrationVersion(1), statement: long, position: place, sqlstate: "42703")
            #expect(failure.fingerprint == plain)
        }
    }

    @Test func itComesBackFromTheJournalAsItWas() throws {
        for number in [1, 16, 40] {
            let failure = Failure(.failed, "m", statement: long, position: try position(of: "column_\(number) ", in: long))
            #expect(try JSONDecoder().decode(Failure.self, from: Data(failure.json.line.utf8)) == failure)
        }
    }

    @Test func aJournalOfAnOlderProgramHasNoPosition() throws {
        let text = #"{"kind":"failed","version":null,"file":null,"line":7,"statement":"SELECT x","sqlstate":"42703","message":"m"}"#
        let failure = try JSONDecoder().decode(Failure.self, from: Data(text.utf8))
        #expect(failure == Failure(.failed, "m", line: 7, statement: "SELECT x", sqlstate: "42703"))
        #expect(failure.position == nil)
    }
}
