import ConvoyFleet
import ConvoyKit
import ConvoyPostgres
import ConvoyRollout
import Testing

/// What a worker takes of the work of its runs.
@Suite struct WorkerLimitsTests {
    private func instance(_ name: String, on server: String, _ labels: [String: String] = [:]) -> Instance {
        Instance(name: name, server: server, database: name, labels: labels, connection: ConnectionParameters())
    }

    private var offers: [WorkerLimits.Offer] {
        [
            WorkerLimits.Offer(.change("a", wave: "w"), instances: [instance("a", on: "eu-1", ["region": "eu"])]),
            WorkerLimits.Offer(.watchServer("us-1"), instances: [instance("c", on: "us-1", ["region": "us"]), instance("d", on: "us-1")]),
            WorkerLimits.Offer(.rollBack("b", wave: "w"), instances: [instance("b", on: "eu-2", ["region": "eu"])]),
            WorkerLimits.Offer(.gate(wave: "w"), instances: [instance("a", on: "eu-1")]),
            WorkerLimits.Offer(.change("c", wave: "w"), instances: [instance("c", on: "us-1", ["region": "us"])]),
            WorkerLimits.Offer(.hook(.afterWave, wave: "w"), instances: []),
            WorkerLimits.Offer(.watchWindow, instances: []),
        ]
    }

    @Test(arguments: [
        (WorkerLimits(), 0, [0, 1, 2, 3, 4, 5, 6]),
        // Watches do not count.
        (WorkerLimits(total: 2), 0, [0, 1, 2, 6]),
        (WorkerLimits(total: 2), 1, [0, 1, 6]),
        (WorkerLimits(total: 2), 2, [1, 6]),
        (WorkerLimits(total: 2), 9, [1, 6]),
        // Hooks, gates and the window are for everyone.
        (WorkerLimits(servers: ["eu-2"]), 0, [2, 3, 5, 6]),
        (WorkerLimits(servers: ["us-1"]), 0, [1, 3, 4, 5, 6]),
        (WorkerLimits(servers: []), 0, [3, 5, 6]),
        (WorkerLimits(total: 1, servers: ["us-1"]), 0, [1, 3, 6]),
    ])
    func itTakesWhatItsLimitsAllow(_ limits: WorkerLimits, _ running: Int, _ expected: [Int]) {
        #expect(limits.choose(from: offers, running: running) == expected)
    }

    @Test(arguments: [
        ("region=eu", [0, 2, 3, 5, 6]), ("region in (us,asia)", [1, 3, 4, 5, 6]), ("!region", [1, 3, 5, 6]),
        ("name=b,region=eu", [2, 3, 5, 6]),
    ])
    func aWorkerOfARegionTakesItsInstances(_ selector: String, _ expected: [Int]) throws {
        let limits = WorkerLimits(selector: try Selector(parsing: selector))
        #expect(limits.choose(from: offers, running: 0) == expected)
    }

    /// What is cancelled only has to be ended, by whoever sees it first.
    @Test func whatIsCancelledIsForEveryWorker() {
        var offers = offers
        for index in offers.indices where offers[index].work == .change("a", wave: "w") || offers[index].work == .change("c", wave: "w") {
            offers[index].isCancelled = true
        }
        #expect(WorkerLimits(total: 1, servers: ["eu-2"]).choose(from: offers, running: 1) == [0, 4, 6])
        #expect(WorkerLimits(total: 1, servers: ["eu-2"]).choose(from: offers, running: 0) == [0, 2, 4, 6])
    }

    @Test func theServersOfItsInstancesAreKnown() throws {
        let all = offers.flatMap(\.instances)
        #expect(WorkerLimits().servers(of: all) == nil)
        #expect(WorkerLimits(servers: ["us-1", "us-9"]).servers(of: all) == ["us-1"])
        #expect(WorkerLimits(selector: try Selector(parsing: "region=eu")).servers(of: all) == ["eu-1", "eu-2"])
        #expect(WorkerLimits(servers: []).servers(of: all) == [])
    }

    /// What the fleet file's page calls the defaults.
    @Test func theDefaultsAreThoseOfTheFleetFile() {
        #expect(WorkerLimits().total == WorkerDefaults.standardTotal)
        #expect(Worker.Timing().lease == WorkerDefaults.standardLease)
    }

    @Test(arguments: [(0, 1), (-5, 1), (7, 7), (.max, 1000)])
    func aLimitIsPossible(_ total: Int, _ expected: Int) {
        #expect(WorkerLimits(total: total).total == expected)
    }
}
