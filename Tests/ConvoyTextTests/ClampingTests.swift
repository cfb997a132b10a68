import ConvoyText
import Testing

@Suite("Numbers from outside")
struct ClampingTests {
    @Test(
        "become the nearest ones that a type has",
        arguments: [
            (0.0, 0), (-0.0, 0), (1.9, 1), (-1.9, -1), (.nan, 0), (-.nan, 0), (.infinity, .max), (-.infinity, .min), (1e300, .max),
            (-1e300, .min), (9.3e18, .max), (9_007_199_254_740_992.0, 9_007_199_254_740_992), (.leastNonzeroMagnitude, 0),
        ] as [(Double, Int64)]
    )
    func integers(_ number: Double, _ expected: Int64) {
        #expect(Int64(clamping: number) == expected)
        #expect(Int(clamping: number) == Int(expected))
    }

    @Test("become small ones too")
    func smallIntegers() {
        #expect(UInt8(clamping: -1.0) == 0)
        #expect(UInt8(clamping: 255.9) == 255)
        #expect(UInt8(clamping: 256.0) == 255)
        #expect(Int32(clamping: 1e10) == .max)
    }

    @Test("become durations from zero to a hundred years")
    func durations() {
        #expect(Duration(clampingMilliseconds: .min) == .zero)
        #expect(Duration(clampingMilliseconds: -1) == .zero)
        #expect(Duration(clampingMilliseconds: 1234) == .milliseconds(1234))
        #expect(Duration(clampingMilliseconds: .max) == .longest)
        for seconds in [-Double.infinity, -1, .nan] { #expect(Duration(clampingSeconds: seconds) == .zero) }
        for seconds in [1e10, 1e300, .infinity] { #expect(Duration(clampingSeconds: seconds) == .longest) }
        #expect(Duration(clampingSeconds: 1.5009) == .milliseconds(1500))
    }

    @Test("of milliseconds saturate")
    func milliseconds() {
        #expect(Duration.seconds(Int64.max).milliseconds == .max)
        #expect(Duration.seconds(Int64.min).milliseconds == .min)
        #expect(Duration.milliseconds(Int64.max).milliseconds == .max)
        #expect(Duration.milliseconds(-1500).milliseconds == -1500)
        #expect(!Duration.seconds(Int64.max).human.isEmpty)
        #expect(!Duration.seconds(Int64.min).human.isEmpty)
    }

    @Test("that a person wrote as a duration do not overflow")
    func texts() {
        #expect(Duration(text: "999999999d") == .seconds(999_999_999 * 86_400))
        #expect(Duration(text: String(repeating: "999999999d", count: 100)) == nil)
        #expect(Duration(text: "1e400s") == nil)
        #expect(Duration(text: "1m30s") == .seconds(90))
    }
}
