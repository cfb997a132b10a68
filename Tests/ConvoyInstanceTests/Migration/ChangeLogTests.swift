import ConvoyMigrations
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// What a change knows and has done, for the orders in which a server and a network let things happen. Needs no server.
@Suite struct ChangeLogTests {
    private static let start = ContinuousClock.now

    /// Something that happens to a change.
    enum Step: Sendable {
        case began([Int64])
        case planned([Int64])
        case read([Int64])
        case sent([Int64])
        case committed(Int64)
        case timedOut(Int64)
        case lost
        case readAfterLoss([Int64])
        /// The audit log has these versions; nil if there is none.
        case found([Int64]?)
        case reconnected
    }

    /// What happened, and what must be known then.
    struct Story: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var change = Change.up(to: nil)
        var steps: [Step]
        var from: Int64?
        var to: Int64?
        var applied: [Int64] = []
        var unheard: [Int64] = []
    }

    static func versions(_ numbers: [Int64]) -> [MigrationVersion] { numbers.map { MigrationVersion($0) } }

    static func log(_ change: Change, _ steps: [Step]) -> ChangeLog {
        var log = ChangeLog(change, at: start)
        for step in steps {
            switch step {
            case .began(let numbers): log.began(with: versions(numbers))
            case .planned(let numbers): log.planned(versions(numbers))
            case .read(let numbers): log.ledgerRead(versions(numbers))
            case .sent(let numbers): log.sent(versions(numbers))
            case .committed(let number): log.committed(MigrationVersion(number), in: .milliseconds(number), at: start)
            case .timedOut(let number): log.commitTimedOut(MigrationVersion(number))
            case .lost: _ = log.lostConnection()
            case .readAfterLoss(let numbers): log.ledgerReadAfterLoss(versions(numbers))
            case .found(let numbers):
                let audited = numbers.map { Dictionary(uniqueKeysWithValues: $0.map { (MigrationVersion($0), Duration.milliseconds($0)) }) }
                _ = log.foundCommitted(audited: audited, at: start)
            case .reconnected: _ = log.reconnected()
            }
        }
        return log
    }

    private static let down = Change.down(to: MigrationVersion(1))

    @Test(arguments: [
        Story(testDescription: "nothing was read", steps: []),
        Story(testDescription: "an empty database", steps: [.began([])]),
        Story(testDescription: "nothing to do", steps: [.began([1, 2])], from: 2, to: 2),
        Story(testDescription: "the newest counts, not the last", steps: [.began([3, 1])], from: 3, to: 3),
        Story(
            testDescription: "two migrations",
            steps: [.began([1]), .sent([2, 3]), .committed(2), .committed(3)],
            from: 1,
            to: 3,
            applied: [2, 3]
        ),
        Story(testDescription: "the first on an empty database", steps: [.began([]), .sent([1]), .committed(1)], to: 1, applied: [1]),
        Story(
            testDescription: "out of order",
            steps: [.began([1, 5]), .sent([3]), .committed(3)],
            from: 5,
            to: 5,
            applied: [3]
        ),
        Story(
            testDescription: "the ledger is read again between batches, with another migrator's version",
            steps: [.began([1]), .sent([2]), .committed(2), .read([1, 2, 3])],
            from: 1,
            to: 3,
            applied: [2]
        ),
        Story(
            testDescription: "reading again does not take back what was committed",
            steps: [.began([1]), .sent([2]), .committed(2), .read([1])],
            from: 1,
            to: 1,
            applied: [2]
        ),
        Story(
            testDescription: "going down",
            change: down,
            steps: [.began([1, 2]), .sent([2]), .committed(2)],
            from: 2,
            to: 1,
            applied: [2]
        ),
        Story(
            testDescription: "going down to nothing",
            change: .downSteps(1),
            steps: [.began([1]), .planned([1]), .sent([1]), .committed(1)],
            from: 1,
            to: nil,
            applied: [1]
        ),
        Story(
            testDescription: "lost before anything was committed",
            steps: [.began([1]), .sent([2, 3]), .lost, .readAfterLoss([1]), .found([])],
            from: 1,
            to: 1
        ),
        Story(
            testDescription: "committed unheard, and not looked up yet",
            steps: [.began([1]), .sent([2, 3]), .committed(2), .lost, .readAfterLoss([1, 2, 3])],
            from: 1,
            to: 3,
            applied: [2],
            unheard: [3]
        ),
        Story(
            testDescription: "committed unheard, by the audit log",
            steps: [.began([1]), .sent([2, 3]), .committed(2), .lost, .readAfterLoss([1, 2, 3]), .found([2, 3])],
            from: 1,
            to: 3,
            applied: [2, 3]
        ),
        Story(
            testDescription: "another migrator's commit, by the audit log",
            steps: [.began([1]), .sent([2, 3]), .lost, .readAfterLoss([1, 2, 3]), .found([2])],
            from: 1,
            to: 3,
            applied: [2],
            unheard: [3]
        ),
        Story(
            testDescription: "without an audit log all of the batch count",
            steps: [.began([1]), .sent([2, 3, 4]), .lost, .readAfterLoss([1, 2, 3]), .found(nil)],
            from: 1,
            to: 3,
            applied: [2, 3]
        ),
        Story(
            testDescription: "versions of an earlier batch do not count",
            steps: [.began([1]), .sent([2]), .sent([3]), .lost, .readAfterLoss([1, 2, 3]), .found(nil)],
            from: 1,
            to: 3,
            applied: [3]
        ),
        Story(
            testDescription: "looked up twice",
            steps: [.began([1]), .sent([2]), .lost, .readAfterLoss([1, 2]), .found(nil), .readAfterLoss([1, 2]), .found(nil)],
            from: 1,
            to: 2,
            applied: [2]
        ),
        Story(
            testDescription: "the first attempt to look up fails",
            steps: [.began([1]), .sent([2]), .lost, .readAfterLoss([1, 2]), .readAfterLoss([1, 2]), .found([2])],
            from: 1,
            to: 2,
            applied: [2]
        ),
        Story(
            testDescription: "a crash takes back a confirmed commit",
            steps: [.began([1]), .sent([2, 3]), .committed(2), .committed(3), .lost, .readAfterLoss([1, 2]), .found([2])],
            from: 1,
            to: 2,
            applied: [2]
        ),
        Story(
            testDescription: "what a crash took back is applied again",
            steps: [
                .began([1]), .sent([2]), .committed(2), .lost, .readAfterLoss([1]), .found([]), .reconnected, .read([1]), .sent([2]),
                .committed(2),
            ],
            from: 1,
            to: 2,
            applied: [2]
        ),
        Story(
            testDescription: "not in the audit log",
            steps: [.began([]), .sent([1]), .lost, .readAfterLoss([1]), .found([])],
            to: 1,
            unheard: [1]
        ),
        Story(
            testDescription: "going down, committed unheard",
            change: down,
            steps: [.began([1, 2, 3, 4]), .sent([4, 3, 2]), .committed(4), .lost, .readAfterLoss([1, 2]), .found(nil)],
            from: 4,
            to: 2,
            applied: [4, 3]
        ),
        Story(
            testDescription: "going down, the newest of what was committed unheard comes first",
            change: down,
            steps: [.began([1, 2, 3, 4]), .sent([4, 3, 2]), .lost, .readAfterLoss([1, 2]), .found([3, 4])],
            from: 4,
            to: 2,
            applied: [4, 3]
        ),
        Story(
            testDescription: "going down, a crash takes back a confirmed commit",
            change: down,
            steps: [.began([1, 2, 3]), .sent([3, 2]), .committed(3), .committed(2), .lost, .readAfterLoss([1, 2]), .found(nil)],
            from: 3,
            to: 2,
            applied: [3]
        ),
        Story(
            testDescription: "lost before anything was read",
            steps: [.lost, .readAfterLoss([1, 2]), .found(nil)],
            to: 2
        ),
    ])
    func ends(_ story: Story) {
        let log = Self.log(story.change, story.steps)
        let result = log.result(.migrated)
        #expect(result.from == story.from.map { MigrationVersion($0) })
        #expect(result.to == story.to.map { MigrationVersion($0) })
        #expect(result.applied.map(\.version) == Self.versions(story.applied))
        #expect(result.applied.allSatisfy { $0.direction == story.change.direction })
        #expect(log.unheardCommits == Set(Self.versions(story.unheard)))
    }

    @Test func aResultHasItsOutcomeAndFailure() {
        let log = Self.log(.up(to: nil), [.began([1])])
        #expect(log.result(.upToDate) == InstanceResult(outcome: .upToDate, from: MigrationVersion(1), to: MigrationVersion(1)))
        let failure = Failure(.failed, "a reason")
        #expect(log.result(.failed, failure).failure == failure)
    }

    /// If this change took back the last version, the instance is not where it was at the start.
    @Test func anEmptiedLedgerHasNoVersion() {
        #expect(Self.log(.up(to: nil), [.began([1]), .read([])]).result(.failed).to == MigrationVersion(1))
        #expect(Self.log(.down(to: MigrationVersion(0)), [.began([1]), .sent([1]), .committed(1)]).result(.rolledBack).to == nil)
    }

    @Test func durationsComeFromTheAuditLog() {
        let audited = [MigrationVersion(2): Duration.seconds(2), MigrationVersion(9): .seconds(9)]
        let steps: [Step] = [.began([1]), .sent([2, 3]), .lost, .readAfterLoss([1, 2, 3])]
        var log = Self.log(.up(to: nil), steps)
        #expect(log.foundCommitted(audited: audited, at: Self.start).map(\.duration) == [.seconds(2)])
        log = Self.log(.up(to: nil), steps)
        #expect(log.foundCommitted(audited: nil, at: Self.start).map(\.duration) == [.zero, .zero])
    }

    // MARK: - A COMMIT without an answer

    @Test(
        arguments: [
            ([.sent([2])], nil), ([.sent([2]), .timedOut(2)], 2), ([.sent([2, 3]), .timedOut(2), .timedOut(3)], 3),
            // Only the first loss reports it.
            ([.sent([2]), .timedOut(2), .lost], nil), ([.sent([2]), .timedOut(2), .lost, .sent([3]), .timedOut(3)], 3),
            // After the recovery it is settled.
            ([.timedOut(2), .lost, .readAfterLoss([2]), .found(nil), .reconnected], nil),
        ] as [([Step], Int64?)]
    )
    func aLossHasTheCommitThatTimedOut(_ steps: [Step], _ expected: Int64?) {
        var log = Self.log(.up(to: nil), steps)
        #expect(log.unconfirmed == expected.map { MigrationVersion($0) })
        #expect(log.lostConnection() == expected.map { MigrationVersion($0) })
        #expect(log.lostConnection() == nil)
        #expect(log.unconfirmed == nil)
    }

    // MARK: - Losses

    @Test(
        arguments: [
            ([], 1), ([.reconnected], 2), ([.reconnected, .reconnected], 3),
            // A commit is progress, whether it was heard or found.
            ([.reconnected, .committed(2)], 1), ([.committed(2), .reconnected], 2),
            ([.reconnected, .sent([2]), .lost, .readAfterLoss([2]), .found(nil)], 1),
            // Nothing else is.
            ([.reconnected, .sent([2]), .timedOut(2), .lost, .readAfterLoss([]), .found(nil)], 2), ([.reconnected, .read([1, 2])], 2),
        ] as [([Step], Int)]
    )
    func lossesCountSinceTheLastCommit(_ steps: [Step], _ expected: Int) {
        var log = Self.log(.up(to: nil), steps)
        #expect(log.reconnected() == expected)
    }

    // MARK: - Instants

    @Test func waitsCountFromTheLastProgress() {
        var log = ChangeLog(.up(to: nil), at: Self.start)
        #expect(log.lastProgress == Self.start)
        log.waitsBegan(at: Self.start + .seconds(1))
        #expect(log.lastProgress == Self.start + .seconds(1))
        log.committed(MigrationVersion(1), in: .seconds(1), at: Self.start + .seconds(2))
        #expect(log.lastProgress == Self.start + .seconds(2))
        log.sent([MigrationVersion(2)])
        _ = log.lostConnection()
        log.ledgerReadAfterLoss(Self.versions([1, 2]))
        _ = log.reconnected()
        #expect(log.lastProgress == Self.start + .seconds(2))
        _ = log.foundCommitted(audited: [:], at: Self.start + .seconds(3))
        #expect(log.lastProgress == Self.start + .seconds(2))
        _ = log.foundCommitted(audited: nil, at: Self.start + .seconds(4))
        #expect(log.lastProgress == Self.start + .seconds(4))
    }

    // MARK: - A statement outside a transaction

    @Test(arguments: [("00000001", "00000001", true), ("00000001", "00000002", false), ("00000001", nil, false), (nil, nil, false)])
    func aStatementStandsOnItsTimelineOnly(_ before: String?, _ after: String?, stands: Bool) {
        var log = ChangeLog(.up(to: nil), at: Self.start)
        log.statementRan(MigrationVersion(2), on: before)
        #expect(log.standing?.timeline == before)
        log.reachedServer(on: after)
        #expect(log.standing?.version == (stands ? MigrationVersion(2) : nil))
    }

    @Test func aStatementStandsUntilItsRowIsWritten() {
        var log = ChangeLog(.up(to: nil), at: Self.start)
        log.reachedServer(on: "00000001")
        #expect(log.standing == nil)
        log.statementRan(MigrationVersion(2), on: "00000001")
        // Neither a loss nor a COMMIT that was heard takes it back.
        _ = log.lostConnection()
        log.committed(MigrationVersion(2), in: .zero, at: Self.start)
        #expect(log.standing == ChangeLog.Standing(version: MigrationVersion(2), timeline: "00000001"))
        log.statementRecorded()
        #expect(log.standing == nil)
        log.statementRan(MigrationVersion(3), on: "00000001")
        // The next statement replaces it, also if nothing can be noted about that one.
        log.statementRan(MigrationVersion(4), on: nil)
        #expect(log.standing == nil)
    }

    /// Nothing is applied, and the ledger may be empty at the end.
    @Test func aCorrectionThatEmptiesTheLedger() {
        let correction = Correction(.repair, found: Self.versions([1]), removes: Self.versions([1]))
        var log = ChangeLog(.correct(correction), at: Self.start)
        log.began(with: Self.versions([1]))
        #expect(log.result(.blocked).to == MigrationVersion(1))
        log.ledgerRead(correction.result)
        let result = log.result(.repaired)
        #expect(result.from == MigrationVersion(1) && result.to == nil)
    }

    /// What a checkpoint applied carries its version, also where its COMMIT was found later; what comes after it does not.
    @Test func whatACheckpointAppliedIsMarked() {
        for isHeard in [true, false] {
            var log = ChangeLog(.up(to: nil), at: Self.start)
            log.began(with: [])
            log.sent(Self.versions([1, 2]), from: MigrationVersion(2))
            if isHeard {
                log.committed(MigrationVersion(1), in: .zero, at: Self.start)
                log.committed(MigrationVersion(2), in: .seconds(1), at: Self.start)
            } else {
                log.ledgerReadAfterLoss(Self.versions([1, 2]))
                _ = log.foundCommitted(audited: nil, at: Self.start)
            }
            // Without a batch of its own, as a statement outside a transaction.
            log.committed(MigrationVersion(3), in: .zero, at: Self.start)
            log.sent(Self.versions([4]))
            log.committed(MigrationVersion(4), in: .zero, at: Self.start)
            #expect(log.applied.map(\.version.value) == [1, 2, 3, 4])
            #expect(log.applied.map(\.checkpoint?.value) == [2, 2, nil, nil])
        }
    }
}
