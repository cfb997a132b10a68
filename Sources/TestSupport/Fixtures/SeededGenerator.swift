/// Random numbers that a seed determines (SplitMix64), and what is drawn from them.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func int(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self) }

    /// True once in so many times.
    package mutating func once(in times: Int) -> Bool { int(1...times) == 1 }

    /// A multiple of a quarter: such numbers add up without rounding in `double precision`.
    package mutating func quarters(_ range: ClosedRange<Int>) -> Double { Double(int(range.lowerBound * 4...range.upperBound * 4)) / 4 }

    package mutating func pick<Element>(_ first: Element, _ others: Element...) -> Element {
        let index = int(0...others.count)
        return index == 0 ? first : others[index - 1]
    }

    /// One of the elements; nil if there are none.
    package mutating func pick<Element>(from elements: [Element]) -> Element? { elements.randomElement(using: &self) }

    /// As many different numbers, in ascending order and with gaps.
    package mutating func ids(_ count: Int, from first: Int = 1) -> [Int] {
        var id = first - 1
        return (0..<count).map { _ in
            id += once(in: 4) ? int(2...9) : 1
            return id
        }
    }
}
