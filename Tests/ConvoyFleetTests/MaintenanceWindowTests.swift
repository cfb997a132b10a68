import ConvoyFleet
import ConvoyIO
import FoundationEssentials
import Testing

@Suite("When a maintenance window is open")
struct MaintenanceWindowTests {
    /// A window and its next changes, each an opening or a closing in turn, as UTC.
    struct Timeline: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var window: MaintenanceWindow
        var start: String
        var changes: [String]

        init(
            _ testDescription: String,
            on days: Set<MaintenanceWindow.Day> = Set(MaintenanceWindow.Day.allCases),
            _ times: String,
            _ timezone: String,
            after start: String,
            _ changes: [String]
        ) {
            self.testDescription = "\(testDescription): \(times) \(timezone)"
            let minutes = times.split(separator: "-").map { time in
                time.split(separator: ":").compactMap { Int($0) }.reduce(0) { $0 * 60 + $1 }
            }
            window = MaintenanceWindow(days: days, from: minutes.first ?? 0, to: minutes.last ?? 0, timezone: timezone)
            self.start = start
            self.changes = changes
        }
    }

    private static let zones: [Timeline] = [
        Timeline(
            "every day",
            "01:00-05:00",
            "UTC",
            after: "2026-06-01T00:00:00Z",
            ["2026-06-01T01:00:00Z", "2026-06-01T05:00:00Z", "2026-06-02T01:00:00Z", "2026-06-02T05:00:00Z"]
        ),
        Timeline(
            "weekend",
            on: [.sat, .sun],
            "01:00-05:00",
            "Europe/Berlin",
            after: "2026-06-03T12:34:56Z",
            ["2026-06-05T23:00:00Z", "2026-06-06T03:00:00Z", "2026-06-06T23:00:00Z", "2026-06-07T03:00:00Z", "2026-06-12T23:00:00Z"]
        ),
        Timeline(
            "half an hour off",
            on: [.mon],
            "01:00-05:00",
            "Asia/Kolkata",
            after: "2026-06-01T00:00:00Z",
            ["2026-06-07T19:30:00Z", "2026-06-07T23:30:00Z", "2026-06-14T19:30:00Z"]
        ),
        Timeline(
            "over midnight",
            on: [.fri],
            "22:00-06:00",
            "Europe/Berlin",
            after: "2026-06-04T21:00:00Z",
            ["2026-06-05T20:00:00Z", "2026-06-06T04:00:00Z", "2026-06-12T20:00:00Z"]
        ),
        Timeline(
            "over the year's end",
            on: [.thu],
            "23:00-02:00",
            "Europe/Berlin",
            after: "2026-12-30T22:30:00Z",
            ["2026-12-31T22:00:00Z", "2027-01-01T01:00:00Z", "2027-01-07T22:00:00Z"]
        ),
        Timeline(
            "whole days in a row",
            on: [.sat, .sun, .mon],
            "00:00-24:00",
            "America/New_York",
            after: "2026-06-05T12:00:00Z",
            ["2026-06-06T04:00:00Z", "2026-06-09T04:00:00Z", "2026-06-13T04:00:00Z"]
        ),
        Timeline(
            "till midnight, then from it",
            on: [.sat],
            "22:00-24:00",
            "UTC",
            after: "2026-06-05T12:00:00Z",
            ["2026-06-06T22:00:00Z", "2026-06-07T00:00:00Z", "2026-06-13T22:00:00Z"]
        ),
        Timeline(
            "all but an hour",
            "22:00-21:00",
            "UTC",
            after: "2026-06-05T21:30:00Z",
            ["2026-06-05T22:00:00Z", "2026-06-06T21:00:00Z", "2026-06-06T22:00:00Z"]
        ),
        Timeline(
            "all but an hour on some days",
            on: [.sat, .sun],
            "22:00-21:00",
            "UTC",
            after: "2026-06-05T21:30:00Z",
            ["2026-06-06T22:00:00Z", "2026-06-07T21:00:00Z", "2026-06-07T22:00:00Z", "2026-06-08T21:00:00Z", "2026-06-13T22:00:00Z"]
        ),
    ]

    /// In Berlin the clock jumps at 01:00 UTC from 02:00 to 03:00, in New York at 07:00 UTC.
    private static let jumps: [Timeline] = [
        Timeline(
            "around the jump",
            "01:00-05:00",
            "Europe/Berlin",
            after: "2026-03-28T12:00:00Z",
            ["2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z", "2026-03-29T23:00:00Z"]
        ),
        Timeline(
            "the hour left out",
            "02:00-03:00",
            "Europe/Berlin",
            after: "2026-03-28T12:00:00Z",
            ["2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z"]
        ),
        Timeline(
            "the hour left out, once a week",
            on: [.sun],
            "02:00-03:00",
            "Europe/Berlin",
            after: "2026-03-22T12:00:00Z",
            ["2026-04-05T00:00:00Z", "2026-04-05T01:00:00Z", "2026-04-12T00:00:00Z"]
        ),
        Timeline(
            "opens in the hour left out",
            "02:30-04:00",
            "Europe/Berlin",
            after: "2026-03-28T12:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]
        ),
        Timeline(
            "closes in the hour left out",
            "01:00-02:30",
            "Europe/Berlin",
            after: "2026-03-28T12:00:00Z",
            ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T23:00:00Z", "2026-03-30T00:30:00Z"]
        ),
        Timeline(
            "over midnight into the jump",
            on: [.sat],
            "23:00-04:00",
            "Europe/Berlin",
            after: "2026-03-28T12:00:00Z",
            ["2026-03-28T22:00:00Z", "2026-03-29T02:00:00Z"]
        ),
        Timeline(
            "a pause that is left out",
            "03:00-02:30",
            "Europe/Berlin",
            after: "2026-03-28T01:45:00Z",
            ["2026-03-28T02:00:00Z", "2026-03-30T00:30:00Z", "2026-03-30T01:00:00Z"]
        ),
        Timeline(
            "around the jump",
            "01:00-05:00",
            "America/New_York",
            after: "2026-03-08T00:00:00Z",
            ["2026-03-08T06:00:00Z", "2026-03-08T09:00:00Z", "2026-03-09T05:00:00Z"]
        ),
        Timeline(
            "at midnight",
            "00:00-02:00",
            "America/Sao_Paulo",
            after: "2018-11-03T12:00:00Z",
            ["2018-11-04T03:00:00Z", "2018-11-04T04:00:00Z", "2018-11-05T02:00:00Z"]
        ),
        Timeline(
            "by half an hour",
            "02:15-02:45",
            "Australia/Lord_Howe",
            after: "2026-10-03T12:00:00Z",
            ["2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z"]
        ),
        Timeline(
            "over a whole day",
            on: [.fri],
            "01:00-05:00",
            "Pacific/Apia",
            after: "2011-12-24T00:00:00Z",
            ["2012-01-05T11:00:00Z", "2012-01-05T15:00:00Z"]
        ),
    ]

    /// In Berlin the clock goes back at 01:00 UTC from 03:00 to 02:00, in New York at 06:00 UTC from 02:00 to 01:00.
    private static let repetitions: [Timeline] = [
        Timeline(
            "the hour that comes twice",
            "02:00-03:00",
            "Europe/Berlin",
            after: "2026-10-24T12:00:00Z",
            ["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", "2026-10-26T01:00:00Z"]
        ),
        Timeline(
            "within the hour that comes twice",
            "02:15-02:45",
            "Europe/Berlin",
            after: "2026-10-24T12:00:00Z",
            ["2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z", "2026-10-26T01:15:00Z"]
        ),
        Timeline(
            "into the hour that comes twice",
            on: [.sat],
            "22:00-02:30",
            "Europe/Berlin",
            after: "2026-10-24T12:00:00Z",
            ["2026-10-24T20:00:00Z", "2026-10-25T00:30:00Z", "2026-10-31T21:00:00Z"]
        ),
        Timeline(
            "out of the hour that comes twice",
            "02:30-04:00",
            "Europe/Berlin",
            after: "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"]
        ),
        Timeline(
            "the hour that comes twice",
            "01:00-02:00",
            "America/New_York",
            after: "2026-11-01T00:00:00Z",
            ["2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z", "2026-11-02T06:00:00Z"]
        ),
        Timeline(
            "midnight comes twice",
            "00:00-06:00",
            "America/Havana",
            after: "2026-10-31T12:00:00Z",
            ["2026-11-01T04:00:00Z", "2026-11-01T11:00:00Z", "2026-11-02T05:00:00Z"]
        ),
    ]

    @Test(arguments: zones + jumps + repetitions)
    func `it opens and closes in turn`(_ timeline: Timeline) throws {
        var date = try Date(timeline.start, strategy: .iso8601)
        var isOpen = timeline.window.isOpen(at: date)
        #expect(!isOpen)
        for change in timeline.changes {
            date = timeline.window.nextChange(after: date)
            #expect(date.formatted(.iso8601) == change)
            #expect(timeline.window.isOpen(at: date) == !isOpen)
            #expect(timeline.window.isOpen(at: date - 0.25) == isOpen)
            isOpen.toggle()
        }
    }

    @Test(arguments: [
        MaintenanceWindow(from: 0, to: 1440, timezone: "Europe/Berlin"), MaintenanceWindow(from: 600, to: 600, timezone: "UTC"),
    ])
    func `one without a pause is always open`(_ window: MaintenanceWindow) throws {
        let date = try Date("2026-03-29T00:30:00Z", strategy: .iso8601)
        #expect(window.isOpen(at: date))
        #expect(window.nextChange(after: date) == .distantFuture)
    }

    @Test(arguments: [
        MaintenanceWindow(days: [], from: 0, to: 1440, timezone: "UTC"), MaintenanceWindow(from: 0, to: 60, timezone: "Mars/Olympus"),
        MaintenanceWindow(from: 0, to: 60, timezone: ""), MaintenanceWindow(from: .max, to: .min, timezone: "UTC"),
    ])
    func `one that cannot be is never open`(_ window: MaintenanceWindow) throws {
        let date = try Date("2026-03-29T00:30:00Z", strategy: .iso8601)
        #expect(!window.isOpen(at: date))
        #expect(window.nextChange(after: date) == .distantFuture)
    }

    @Test(arguments: [-Double.infinity, -1e300, 1e300, .infinity, .nan])
    func `at a time that is none it is closed`(_ seconds: Double) {
        let date = Date(timeIntervalSince1970: seconds)
        let window = MaintenanceWindow(from: 0, to: 1440, timezone: "UTC")
        #expect(!window.isOpen(at: date))
        #expect(window.nextChange(after: date) == .distantFuture)
    }

    @Test(arguments: [
        "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Casablanca", "Australia/Lord_Howe", "America/St_Johns",
        "Pacific/Chatham", "America/Havana",
    ])
    func `between two changes nothing changes, all year`(_ timezone: String) throws {
        var generator = SystemRandomNumberGenerator()
        let end = try Date("2027-01-02T00:00:00Z", strategy: .iso8601)
        for _ in 0..<2 {
            let days = Set(MaintenanceWindow.Day.allCases.shuffled(using: &generator).prefix(.random(in: 1...7, using: &generator)))
            let from = Int.random(in: 0..<1440, using: &generator)
            let window = MaintenanceWindow(
                days: days,
                from: from,
                to: (from + .random(in: 1..<1440, using: &generator)) % 1440,
                timezone: timezone
            )
            var date = try Date("2026-01-01T00:00:00Z", strategy: .iso8601)
            while date < end {
                let next = window.nextChange(after: date)
                try #require(next > date, "\(window) after \(date)")
                let isOpen = window.isOpen(at: date)
                for part in [0.1, 0.5, 0.999] {
                    let between = date + next.timeIntervalSince(date) * part
                    #expect(window.isOpen(at: between) == isOpen, "\(window) at \(between)")
                    #expect(window.nextChange(after: between) == next, "\(window) after \(between)")
                }
                #expect(window.isOpen(at: next) != isOpen, "\(window) at \(next)")
                date = next
            }
        }
    }
}
