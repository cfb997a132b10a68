import ConvoyFleet
import ConvoyPostgres
import Testing

@Suite("Which wave takes which instance")
struct WaveAssignmentTests {
    private func instances(_ count: Int) -> [Instance] {
        (0..<count).map {
            Instance(
                name: "tenant-\($0)",
                server: "s",
                database: "d\($0)",
                labels: $0 % 10 == 0 ? ["ring": "canary"] : [:],
                connection: ConnectionParameters()
            )
        }
    }

    private func names(_ waves: [Wave.Selection], _ instances: [Instance]) -> [[String]] {
        let waves = waves.enumerated().map { Wave(name: "w\($0)", selection: $1) }
        let assignment = Rollout(waves: waves).assign(instances)
        return (assignment.waves.map(\.instances) + [assignment.unassigned]).map { $0.map(\.name) }
    }

    @Test func `each instance belongs to the first wave that takes it`() throws {
        let waves: [Wave.Selection] = [.selector(try Selector(parsing: "ring=canary")), .names(["tenant-10", "tenant-1"]), .rest]
        let taken = names(waves, instances(21))
        #expect(taken[0] == ["tenant-0", "tenant-10", "tenant-20"])
        #expect(taken[1] == ["tenant-1"])
        #expect(taken[2].count == 17)
        #expect(taken[3] == [])
    }

    @Test func `what no wave takes is left over`() {
        #expect(names([.names(["tenant-2"])], instances(4)) == [["tenant-2"], ["tenant-0", "tenant-1", "tenant-3"]])
    }

    @Test(arguments: [(0.5, 1), (1, 1), (1.1, 2), (10, 10), (33.3, 34), (100, 100)])
    func `a percentage is of the whole selection and rounded up`(_ percent: Double, _ count: Int) {
        #expect(names([.percent(percent)], instances(100))[0].count == count)
    }

    @Test func `a product of doubles that is a little too much is not rounded up`() {
        #expect(names([.percent(7.1)], instances(1000))[0].count == 71)
    }

    @Test func `a later percentage contains an earlier one`() {
        let all = instances(200)
        let small = Set(names([.percent(10)], all)[0])
        let large = Set(names([.percent(50)], all)[0])
        let both = names([.percent(10), .percent(50), .rest], all)
        #expect(small.isSubset(of: large))
        #expect(Set(both[0]) == small)
        #expect(Set(both[0]).union(both[1]) == large)
        #expect(both.map(\.count) == [20, 80, 100, 0])
    }

    @Test func `a percentage is full although a selector took some before`() throws {
        let taken = names([.selector(try Selector(parsing: "ring=canary")), .percent(10), .rest], instances(100))
        #expect(taken.map(\.count) == [10, 10, 80, 0])
    }

    @Test func `a count takes others than an earlier one`() {
        let taken = names([.count(3), .count(3), .count(3)], instances(8))
        #expect(taken.map(\.count) == [3, 3, 2, 0])
        #expect(Set(taken.joined()).count == 8)
    }

    @Test func `the choice does not depend on the order, and is the same in every process`() {
        let all = instances(50)
        let waves: [Wave.Selection] = [.count(4), .percent(20)]
        let forward = names(waves, all).map(Set.init)
        #expect(names(waves, all.reversed()).map(Set.init) == forward)
        #expect(forward[0] == ["tenant-42", "tenant-45", "tenant-5", "tenant-28"])
    }

    @Test func `few names of a fleet that grows change sides`() {
        let before = Set(names([.percent(20)], instances(1000))[0])
        let after = Set(names([.percent(20)], instances(1010))[0])
        #expect(before.subtracting(after).count <= 10)
    }

    @Test func `no instances make empty waves`() {
        #expect(names([.percent(10), .count(2), .rest], []) == [[], [], [], []])
    }
}
