import ConvoyText
internal import FoundationEssentials

/// The instances of a run, filtered and in order. A change of a few instances costs a few steps, however many there are.
struct BrowserRows: Sendable {
    /// What the instances are ordered by.
    enum Order: String, Sendable, Hashable, CaseIterable {
        /// What needs an operator comes first.
        case state
        case name
        /// Those in progress come first, the longest one before the others.
        case elapsed
        case wave
    }

    /// Where a row belongs.
    private struct Place: Sendable, Comparable {
        var group = 0
        var value = 0.0
        /// Names decide between equals, so that no two rows have the same place.
        var name = 0

        static func < (left: Place, right: Place) -> Bool {
            if left.group != right.group { return left.group < right.group }
            if left.value != right.value { return left.value < right.value }
            return left.name < right.name
        }
    }

    /// In the order of the run.
    private(set) var all: [BrowserRow] = []
    /// The indices of those that the filter accepts, in order.
    private(set) var shown: [Int] = []
    private(set) var filter = BrowserFilter("")
    private(set) var order = Order.state
    private(set) var isReversed = false
    var facts = BrowserFacts()
    /// How many rows were judged by the filter or compared with another one.
    private(set) var work = 0

    private var indices: [String: Int] = [:]
    private var nameRanks: [Int] = []
    private var searched: [[UInt8]] = []
    private var places: [Place] = []

    /// A share of the rows from which on it is cheaper to sort all.
    private static let manyChanges = 32

    /// The place of a row among those that are shown; nil if it is not shown.
    func position(of index: Int) -> Int? {
        guard places.indices.contains(index) else { return nil }
        let position = insertion(of: index)
        return position < shown.count && shown[position] == index ? position : nil
    }

    func index(of name: String) -> Int? { indices[name] }

    // MARK: Changes

    mutating func replace(_ rows: [BrowserRow]) {
        let isSame = rows.count == all.count && zip(rows, all).allSatisfy { $0.name == $1.name }
        all = rows
        if !isSame {
            indices = Dictionary(rows.enumerated().map { ($1.name, $0) }) { first, _ in first }
            nameRanks = Array(repeating: 0, count: rows.count)
            for (rank, index) in rows.indices.sorted(by: { rows[$0].name < rows[$1].name }).enumerated() { nameRanks[index] = rank }
        }
        searched = rows.map(BrowserFilter.searched)
        places = rows.indices.map(place)
        rebuild(from: Array(rows.indices))
    }

    /// Takes in rows that have changed; those that the run does not have are passed over.
    mutating func update(_ rows: [BrowserRow]) {
        let isMany = rows.count > Self.manyChanges + all.count / Self.manyChanges
        for row in rows {
            guard let index = indices[row.name], all[index] != row else { continue }
            let position = isMany ? nil : position(of: index)
            let old = places[index]
            all[index] = row
            searched[index] = BrowserFilter.searched(row)
            let new = place(index)
            if isMany {
                places[index] = new
                continue
            }
            let isAccepted = judge(index)
            if let position, !isAccepted || new != old { shown.remove(at: position) }
            places[index] = new
            if isAccepted, position == nil || new != old {
                shown.insert(index, at: insertion(of: index))
            }
        }
        if isMany { rebuild(from: Array(all.indices)) }
    }

    mutating func set(_ filter: BrowserFilter) {
        guard filter != self.filter else { return }
        let isNarrower = filter.narrows(self.filter)
        self.filter = filter
        if isNarrower {
            work += shown.count
            shown = shown.filter { filter.accepts(all[$0], searched: searched[$0], facts) }
        } else {
            rebuild(from: Array(all.indices))
        }
    }

    mutating func set(_ order: Order, isReversed: Bool) {
        if order == self.order {
            if isReversed != self.isReversed { shown.reverse() }
            self.isReversed = isReversed
            return
        }
        (self.order, self.isReversed) = (order, isReversed)
        places = all.indices.map(place)
        sort(shown)
    }

    private mutating func judge(_ index: Int) -> Bool {
        work += 1
        return filter.accepts(all[index], searched: searched[index], facts)
    }

    private mutating func rebuild(from candidates: [Int]) {
        work += candidates.count
        sort(candidates.filter { filter.accepts(all[$0], searched: searched[$0], facts) })
    }

    private mutating func sort(_ indices: [Int]) {
        work += indices.count
        shown = indices.sorted { isReversed ? places[$1] < places[$0] : places[$0] < places[$1] }
    }

    // MARK: Places

    private func place(_ index: Int) -> Place {
        let (row, name) = (all[index], nameRanks[index])
        switch order {
        case .name: return Place(name: name)
        case .state: return Place(group: row.state.rank, name: name)
        case .wave: return Place(group: row.wavePlace, name: name)
        case .elapsed:
            guard let startedAt = row.startedAt else { return Place(group: 2, name: name) }
            if row.state.isInProgress { return Place(value: startedAt.timeIntervalSince1970, name: name) }
            return Place(group: 1, value: -(row.finishedAt?.timeIntervalSince(startedAt) ?? 0), name: name)
        }
    }

    /// Where a row is, or belongs, among those that are shown.
    private func insertion(of index: Int) -> Int {
        var (low, high) = (0, shown.count)
        while low < high {
            let middle = (low + high) / 2
            let isBefore =
                isReversed ? places[index] < places[shown[middle]] : places[shown[middle]] < places[index]
            if isBefore { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
