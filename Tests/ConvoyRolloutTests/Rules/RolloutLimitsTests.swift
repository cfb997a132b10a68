import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import Testing

/// Which instance starts next, and which has to wait for connections.
@Suite struct RolloutLimitsTests {
    @Test func theTotalHoldsOverAllServers() {
        play(
            [wave("all", "a@x b@y c@z")],
            limits: ConnectionLimits(total: 2, perServer: 9),
            [("run started", "wave all, start a, start b"), ("b migrated", "start c")]
        )
    }

    @Test func aFullServerIsPassedOver() {
        play(
            [wave("all", "a@x b@x c@x d@y e@y")],
            limits: ConnectionLimits(total: 9, perServer: 9, servers: ["x": 1]),
            [
                ("run started", "wave all, start a, start d, start e"),
                ("e migrated", ""),
                ("a migrated", "start b"),
                ("d migrated", ""),
                ("b migrated", "start c"),
                ("c migrated", "end all, finish succeeded"),
            ]
        )
    }

    @Test func theSmallestLimitOfAServerCounts() {
        #expect(ConnectionLimits(total: 9, perServer: 4, servers: ["x": 2]).budget(of: "x") == 2)
        #expect(ConnectionLimits(total: 9, perServer: 4, servers: ["x": 7]).budget(of: "x") == 4)
        #expect(ConnectionLimits(total: 3, perServer: 4).budget(of: "x") == 3)
        #expect(ConnectionLimits(total: 9, perServer: 4, servers: ["x": 0]).budget(of: "x") == 1)
    }

    @Test func serversTakeTurnsAndKeepTheirOrder() {
        play(
            [wave("all", "a@x b@x c@x d@y e@y f@z", maxParallel: 4)],
            [("run started", "wave all, start a, start d, start f, start b")]
        )
    }

    /// Everything on x hangs. Without turns by held connections it would take all four places.
    @Test func aServerThatHangsKeepsOnlyItsShare() {
        play(
            [wave("all", "a@x b@x c@x d@x 1@y 2@y 3@y 4@y 5@y", maxParallel: 4)],
            [
                ("run started", "wave all, start a, start 1, start b, start 2"),
                ("1 migrated", "start 3"),
                ("2 migrated", "start 4"),
                ("3 migrated", "start 5"),
                ("4 migrated", "start c"),
            ]
        )
    }

    @Test func allConnectionsAreTakenAtOnce() {
        play(
            [wave("all", "a@x*2 b@x*2 c@x*1")],
            limits: ConnectionLimits(total: 9, perServer: 3),
            [
                ("run started", "wave all, start a"),
                ("a migrated", "start b, start c"),
                ("b migrated", ""),
                ("c migrated", "end all, finish succeeded"),
            ]
        )
    }

    @Test func smallNeedsOnOtherServersDoNotStarveALargeOne() {
        play(
            [wave("all", "a@x*1 big@y*3 b@x*1 c@x*1 d@x*1")],
            limits: ConnectionLimits(total: 3, perServer: 3),
            [
                ("run started", "wave all, start a"),
                ("a migrated", "start big"),
                ("big migrated", "start b, start c, start d"),
            ]
        )
    }

    @Test func whoNeedsMoreThanABudgetGetsAllOfItAlone() {
        play(
            [wave("all", "a@x*5 b@x*1 c@y*1")],
            limits: ConnectionLimits(total: 8, perServer: 2),
            [("run started", "wave all, start a, start c"), ("c migrated", ""), ("a migrated", "start b")]
        )
        play(
            [wave("all", "a@x*5 b@y*1")],
            limits: ConnectionLimits(total: 2, perServer: 9),
            [("run started", "wave all, start a"), ("a migrated", "start b")]
        )
    }

    @Test(arguments: [0, -3])
    func limitsThatMakeNoSenseStillEndTheRun(_ limit: Int) {
        play(
            [wave("all", "a*0 b", maxParallel: limit)],
            limits: ConnectionLimits(total: limit, perServer: limit),
            [("run started", "wave all, start a"), ("a migrated", "start b"), ("b migrated", "end all, finish succeeded")]
        )
    }
}
