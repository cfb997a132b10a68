import FoundationEssentials
import Testing

@testable import ConvoyText

/// Times that are read and written without a format style.
@Suite struct UsualTimeTests {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    @Test func everyDayIsTheOneOfTheStyle() throws {
        // Each 17th day, at another time of day.
        for day in stride(from: 0, to: 84_000, by: 17) {
            let second = Double(day) * 86_400 + Double(day * 7919 % 86_400)
            let date = Date(timeIntervalSince1970: second)
            let text = date.formatted(Self.style)
            #expect(date.rfc3339 == text)
            #expect(try #require(UsualTime(Array(text.utf8))).date == date)
        }
    }

    @Test(arguments: [
        "1970-01-01T00:00:00.000Z", "1999-12-31T23:59:59.999Z", "2000-02-29T00:00:00.001Z", "2024-02-29T12:34:56.789Z",
        "2100-02-28T23:59:59.999Z", "2100-03-01T00:00:00.000Z", "2199-12-31T23:59:59.999Z",
    ])
    func whatIsReadIsWrittenAgain(_ text: String) throws {
        let time = try #require(UsualTime(Array(text.utf8)))
        #expect(time.text == text)
        #expect(time.date.rfc3339 == text)
        let parsed = try Self.style.parse(text)
        #expect(abs(parsed.timeIntervalSince(time.date)) < 0.000_01)
    }

    @Test(arguments: [
        "", "2026-08-08", "2026-08-08T09:00:00Z", "2026-08-08 09:00:00.000Z", "2026-08-08T09:00:00.000+", "2026-13-08T09:00:00.000Z",
        "2026-00-08T09:00:00.000Z", "2026-02-29T09:00:00.000Z", "2100-02-29T09:00:00.000Z", "2026-04-31T09:00:00.000Z",
        "2026-08-00T09:00:00.000Z", "2026-08-08T24:00:00.000Z", "2026-08-08T09:60:00.000Z", "2026-08-08T09:00:60.000Z",
        "1969-12-31T23:59:59.999Z", "2200-01-01T00:00:00.000Z", "2026-08-08T09:00:00.00aZ", "+026-08-08T09:00:00.000Z",
    ])
    func otherTextsAreLeftToTheStyle(_ text: String) {
        #expect(UsualTime(Array(text.utf8)) == nil)
    }

    @Test(arguments: [-1.0, 7_258_118_400_000, 0.5, .nan, .infinity]) func otherTimesAreLeftToTheStyle(_ milliseconds: Double) {
        #expect(UsualTime(milliseconds: milliseconds) == nil)
    }

    @Test(arguments: [-1.0, 7_258_118_400]) func theStyleStillWritesThem(_ seconds: Double) throws {
        let date = try #require(Date(secondsSince1970: seconds))
        let text = date.rfc3339
        #expect(text.hasSuffix(".000Z"))
        #expect(try #require(Date(rfc3339: text)).rfc3339 == text)
    }
}

extension UsualTime {
    fileprivate init?(_ bytes: [UInt8]) {
        guard let time = bytes.withUnsafeBufferPointer({ UsualTime($0) }) else { return nil }
        self = time
    }
}
