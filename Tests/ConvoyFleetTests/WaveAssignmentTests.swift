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

    // MARK: One of each kind

    /// Of five regions, the last without a label.
    private func regional(_ numbers: some Sequence<Int>) -> [Instance] {
        numbers.map {
            let labels = $0 % 5 == 4 ? [:] : ["region": "r\($0 % 5)", "odd": "\($0 % 2)"]
            return Instance(name: "tenant-\($0)", server: "s", database: "d\($0)", labels: labels, connection: ConnectionParameters())
        }
    }

    private func canary(_ selection: Wave.Selection = .rest, per kind: Wave.OnePer = .label("region")) -> Wave {
        Wave(name: "canary", selection: selection, onePer: kind)
    }

    private func members(_ waves: [Wave], _ instances: [Instance], cohorts: [String: String] = [:]) -> [[Instance]] {
        let assignment = Rollout(waves: waves).assign(instances, cohorts: cohorts)
        return assignment.waves.map(\.instances) + [assignment.unassigned]
    }

    @Test func `a canary meets each value of a label once, and those without it once`() {
        let taken = members([canary(), Wave(name: "rest", selection: .rest)], regional(0..<60))
        #expect(taken.map(\.count) == [5, 55, 0])
        #expect(Set(taken[0].map { $0.labels["region"] ?? "none" }) == ["r0", "r1", "r2", "r3", "none"])
    }

    @Test func `one of each takes only what its selection means and no earlier wave took`() throws {
        let waves = [
            Wave(name: "first", selection: .names(["tenant-1", "tenant-6"])), canary(.selector(try Selector(parsing: "region in (r1,r2)"))),
        ]
        let taken = members(waves, regional([0, 1, 2, 6, 7, 11]))
        #expect(taken[1].count == 2)
        #expect(Set(taken[1].map { $0.labels["region"] }) == ["r1", "r2"])
        #expect(taken[1].contains { $0.name == "tenant-11" })
        #expect(taken[2].count == 2)
    }

    @Test func `a second canary takes others of each kind`() {
        let taken = members([canary(), canary(), canary(per: .label("odd"))], regional(0..<40))
        #expect(taken.map(\.count) == [5, 5, 3, 27])
        #expect(Set(taken.joined().map(\.name)).count == 40)
    }

    @Test func `a canary of each kind does not depend on the order`() {
        var generator = SystemRandomNumberGenerator()
        let all = regional(0..<40)
        let cohorts = Dictionary(uniqueKeysWithValues: all.map { ($0.name, "c\($0.name.utf8.count)-\($0.name.utf8.last ?? 0)") })
        let waves = [canary(), canary(.percent(30), per: .cohort), Wave(name: "rest", selection: .count(3))]
        let expected = members(waves, all, cohorts: cohorts).map { Set($0.map(\.name)) }
        for _ in 0..<20 {
            let shuffled = all.shuffled(using: &generator)
            #expect(members(waves, shuffled, cohorts: cohorts).map { Set($0.map(\.name)) } == expected)
        }
    }

    @Test func `an instance that joins changes at most the canary of its own kind`() {
        var before = members([canary()], regional(0..<30))[0]
        for number in 30..<200 {
            let after = members([canary()], regional(0...number))[0]
            let changed = Set(after.map(\.name)).subtracting(before.map(\.name))
            #expect(changed.isSubset(of: ["tenant-\(number)"]))
            before = after
        }
    }

    @Test func `a canary meets each cohort once, and nobody whose cohort is not known`() {
        let all = regional(0..<30)
        let cohorts = Dictionary(uniqueKeysWithValues: all.prefix(20).map { ($0.name, "cohort-\($0.name.utf8.count)") })
        let taken = members([canary(per: .cohort), Wave(name: "rest", selection: .rest)], all, cohorts: cohorts)
        #expect(taken.map(\.count) == [2, 28, 0])
        #expect(taken[0].compactMap { cohorts[$0.name] }.sorted() == ["cohort-8", "cohort-9"])
        #expect(members([canary(per: .cohort)], all)[0].isEmpty)
    }

    @Test(arguments: [(nil, false), (.label("ring"), false), (.cohort, true)] as [(Wave.OnePer?, Bool)])
    func `only a canary of each cohort needs to know them`(_ onePer: Wave.OnePer?, _ needs: Bool) {
        let rollout = Rollout(waves: [Wave(name: "canary", selection: .count(1)), Wave(name: "kinds", selection: .rest, onePer: onePer)])
        #expect(rollout.needsCohorts == needs)
    }
}
