import ConvoyKit
import Testing

/// Who the journal says has done something.
struct OperatorTests {
    @Test(arguments: [nil, ""] as [String?])
    func withoutAClaimThereIsOnlyTheUser(person: String?) {
        #expect(Operator.current(onBehalfOf: person) == Operator.current)
        #expect(Operator.current.contains("@"))
    }

    /// Any user can set the variable that a claim comes from.
    @Test(arguments: ["ann via dashboard", "root@db1", "bea via dashboard (root@db1)"])
    func aClaimDoesNotHideTheUser(person: String) {
        #expect(Operator.current(onBehalfOf: person) == "\(Operator.current) for \(person)")
    }

    @Test func aClaimIsPrintableAndShort() {
        let claim = Operator.current(onBehalfOf: "ann\u{1b}[2J\n" + String(repeating: "x", count: 1000))
        #expect(claim.hasPrefix("\(Operator.current) for ann"))
        #expect(claim.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f })
        #expect(claim.count <= Operator.current.count + " for ".count + 200)
    }
}
