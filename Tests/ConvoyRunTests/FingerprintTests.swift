import ConvoyMigrations
import TestSupport
import Testing

@testable import ConvoyRun

@Suite struct RolloutFingerprintTests {
    @Test(arguments: [
        ("numeric field overflow", "numeric field overflow"),
        ("relation \"cars\" does not exist", "relation <name> does not exist"),
        ("a \"quoted \"\"name\"\"\" here", "a <name> here"),
        ("‘x’ and “two words” and `three`", "‘x’ and <name> and <name>"),
        ("„eins“ »zwei« «trois» 'quatre'", "<name> <name> <name> <name>"),
        ("an unclosed \"quote stays", "an unclosed \"quote stays"),
        ("can't find 'it's here' now", "can't find <name> now"),
        (
            "connection to server at \"db-1\" (10.0.0.7), port 5432 failed: Connection refused",
            "connection to server at <name> (<address>), port <n> failed: Connection refused"
        ),
        ("from 10.0.0.7:5432.", "from <address>."),
        ("at ::1, at fe80::, at 2001:db8::1/64, at 1:2:3:4:5:6:7:8", "at <address>, at <address>, at <address>, at <address>"),
        ("id 123e4567-e89b-12d3-a456-426614174000 gone", "id <uuid> gone"),
        ("at 0x1F and \\xdeadbeef, lsn 0/3000148", "at <hex> and <hex>, lsn <hex>"),
        ("hash d41d8cd98f00b204 of a deadbeef facade", "hash <hex> of a deadbeef facade"),
        ("since 2026-11-22T12:34:56Z", "since <time>"),
        ("since 2026-11-22 12:34:56.789+00", "since <time> <time>"),
        ("12 rows, 1.5 s, -3 and 1e-9, 50%", "<n> rows, <n> s, <n> and <n>, <n>%"),
        ("type int4, numeric(8,2), utf8", "type int4, numeric(<n>,<n>), utf8"),
        ("in 20260808090000_widen.sql:12", "in 20260808090000_widen.sql:<n>"),
        (
            "the ledger has 20230417225712, 20240929084639: unknown (20260808090000)",
            "the ledger has 20230417225712, 20240929084639: unknown (20260808090000)"
        ),
        ("at 20261308090000, 20260832090000, 18990101000000, 202608080900000, -20260808090000", "at <n>, <n>, <n>, <n>, <n>"),
        ("  many \n\t spaces  ", "many spaces"),
        ("", ""),
        ("…", "…"),
    ])
    func messagePatterns(message: String, pattern: String) {
        #expect(MessagePattern(message).description == pattern)
    }

    /// A tenant writes messages: long ones, too, and full of marks that never close.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: ["«", "\"", "\"a\"\"", " 'a", "'", "`", "“„", "»x", "1", "1-", "a:", "::", "f0", " ", "\u{301}", "0x", "..", "\\", "𝄞"]
    )
    func longMessagesTakeLittleTime(part: String) {
        let message = String(repeating: part, count: (1 << 17) / part.utf8.count)
        #expect(Failure(.failed, message).fingerprint.count == 16)
        #expect(Failure(.failed, "x" + message).fingerprint.count == 16)
    }

    /// As the search for quoted texts was first written: from each mark on, it looks for the one that closes.
    @Test func findsTheQuotedTextsThatASearchFromEachMarkFinds() {
        var random = SeededGenerator(seed: 7)
        let alphabet: [Character] = ["\"", "'", "`", "“", "”", "„", "«", "»", "a", " ", "!"]
        for _ in 0..<20_000 {
            let message = String((0..<Int.random(in: 0...14, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" })
            #expect(MessagePattern(message).description == Self.slowPattern(message), "\(message)")
        }
    }

    private static func slowPattern(_ message: String) -> String {
        func isWord(_ character: Character) -> Bool { character == "a" }
        let closing: [Character: Character] = ["\"": "\"", "“": "”", "„": "“", "«": "»", "»": "«", "`": "`", "'": "'"]
        let characters = Array(message)
        func end(from start: Int) -> Int? {
            guard let close = closing[characters[start]] else { return nil }
            if close == "'", start > 0, isWord(characters[start - 1]) { return nil }
            var index = start + 1
            while index < characters.count {
                let next = index + 1 < characters.count ? characters[index + 1] : nil
                if characters[index] != close {
                    index += 1
                } else if "\"'`".contains(close), next == close {
                    index += 2
                } else if close == "'", next.map(isWord) == true {
                    index += 1
                } else {
                    return index + 1
                }
            }
            return nil
        }
        var pattern = ""
        var index = 0
        while index < characters.count {
            if let end = end(from: index) {
                pattern += "<name>"
                index = end
                continue
            }
            if characters[index] != " " || (!pattern.isEmpty && pattern.last != " ") { pattern.append(characters[index]) }
            index += 1
        }
        if pattern.last == " " { pattern.removeLast() }
        return pattern
    }

    @Test func equalForTheSameFailureOnDifferentDatabases() {
        let one = overflow(
            "value 12345.67 of car \"alice\" is too large",
            statement: "ALTER TABLE charges\n    ALTER charge_energy_added TYPE numeric(8,2)"
        )
        var two = overflow(
            "value 99 of car \"bob\" is too large",
            statement: "ALTER TABLE charges ALTER charge_energy_added TYPE numeric(8,2)"
        )
        two.detail = "another detail"
        two.hint = "another hint"
        two.lockedBy = LockHolder(pid: 1, application: "psql", address: nil, since: nil)
        #expect(one.fingerprint == two.fingerprint)
    }

    @Test func differsByEachOfItsParts() {
        let base = overflow("too large", statement: "SELECT 1")
        var others = [Failure](repeating: base, count: 5)
        others[0].kind = .lockBusy
        others[1].sqlstate = "22P02"
        others[2].version = nil
        others[3].statement = "SELECT 2"
        others[4].message = "too small"
        #expect(Set((others + [base]).map(\.fingerprint)).count == 6)
    }

    /// What Convoy says of two ledgers is said of their versions.
    @Test func otherVersionsAreAnotherFailure() {
        let failures = [20_230_417_225_712, 20_240_929_084_639].map {
            Failure(.ahead, "the ledger has versions that the migration set does not know: \($0)")
        }
        #expect(failures[0].fingerprint != failures[1].fingerprint)
    }

    @Test func hostsThatAreDownForTheSameReasonAreOneFailure() {
        let one = Failure(.unreachable, "connection to server at \"db-1\" (10.0.0.7), port 5432 failed: Connection refused")
        let two = Failure(.unreachable, "connection to server at \"db-2\" (::1), port 5433 failed: Connection refused", sqlstate: "57P03")
        let three = Failure(.unreachable, "connection to server at \"db-2\" (::1), port 5433 failed: timeout expired")
        #expect(one.fingerprint == two.fingerprint)
        #expect(one.fingerprint != three.fingerprint)
    }

    /// Journals keep fingerprints, so these may never change.
    @Test func staysTheSameForEver() {
        #expect(Failure(.unreachable, "timeout expired").fingerprint == "6c88464f1add2ada")
        #expect(overflow("numeric field overflow", statement: "SELECT 1").fingerprint == "5142a20e73f6b5db")
    }

    private func overflow(_ message: String, statement: String) -> Failure {
        Failure(.failed, message, version: MigrationVersion(20_260_808_090_000), statement: statement, sqlstate: "22003")
    }
}
