import ConvoyJournal
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyDashboard

/// Following a run over server-sent events.
@Suite(.timeLimit(.minutes(2)))
struct EventStreamTests {
    private let path = "/api/v1/runs/\(TestDashboard.run)/events"

    /// Opens the stream as a browser does.
    private func open(_ dashboard: TestDashboard, query: String = "", lastEventID: String? = nil) throws -> HTTPConnection {
        let connection = try HTTPConnection(port: dashboard.port)
        let header = lastEventID.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        try connection.send(
            "GET \(path)\(query) HTTP/1.1\r\nHost: 127.0.0.1:\(dashboard.port)\r\nAccept: text/event-stream\r\n\(header)\r\n"
        )
        return connection
    }

    /// The numbers of the events that came whole.
    private func numbers(_ connection: HTTPConnection) -> [Int64] {
        // Between two chunks there is a line of its own.
        let text = connection.received.replacing("\r\n", with: "\n")
        return text.matches(of: #/id: ([0-9]+)\ndata: \{[^\n]*\}\n\n/#).compactMap { Int64($0.1) }
    }

    @Test func aStreamThatIsNotFollowedEndsWithTheLastEvent() async throws {
        try await TestDashboard.with { dashboard in
            try await dashboard.begin()
            let answer = try await dashboard.ask(path + "?follow=false")
            #expect(answer.header("Content-Type") == "text/event-stream")
            #expect(answer.header("Cache-Control") == "no-store")
            #expect(answer.body.hasPrefix("retry: 1000\n\nid: 1\ndata: {\"at\":"))
            #expect(answer.body.contains("\nid: 2\ndata: {"))
            #expect(try await dashboard.ask(path + "?follow=false&after=1").body.contains("id: 1\n") == false)
        }
    }

    @Test(arguments: ["?after=x", "?after=-1", "?after=99999999999999999999"])
    func whatIsNoNumberIsRefused(query: String) async throws {
        try await TestDashboard.with { dashboard in
            try await dashboard.begin()
            #expect(try await dashboard.ask(path + query).status == 400)
            #expect(try await dashboard.ask(path, headers: ["Last-Event-ID": "x"]).status == 400)
        }
    }

    @Test func aReaderWhoConnectsAgainMissesNothingAndGetsNothingTwice() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            let other = RunID("20261122T100001Z-bbbbbb")
            try await dashboard.begin(other)
            let count = 300
            let writing = Task {
                for number in 0..<count {
                    // Another run writes into the same journal, so that the numbers have gaps.
                    if number % 3 == 0 { try await journal.append([Event(at: moment(), .windowOpened)], to: other) }
                    let event = Event(at: moment(), .instanceWarned(instance: "alice", message: "warning \(number)"))
                    try await journal.append([event], to: TestDashboard.run)
                }
            }
            var got: [Int64] = []
            var reconnections = 0
            while got.count < count + 2 {
                let connection = try open(dashboard, lastEventID: got.last.map(String.init))
                let wanted = min(count + 2 - got.count, 60)
                try await eventually("more events come", within: .seconds(30)) { numbers(connection).count >= wanted }
                connection.close()
                // What else was on its way is lost with the connection.
                got += numbers(connection).prefix(wanted)
                reconnections += 1
            }
            try await writing.value
            #expect(reconnections > 1)
            let written = try await journal.events(of: TestDashboard.run, after: 0, limit: 1000).map(\.number)
            #expect(got == written)
        }
    }

    @Test func theHeaderCountsMoreThanTheAddressThatThePageBeganWith() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            try await journal.append(migrating("alice"), to: TestDashboard.run)
            let connection = try open(dashboard, query: "?after=0", lastEventID: "4")
            try await eventually("the rest comes") { numbers(connection) == [5, 6] }
            connection.close()
        }
    }

    @Test func aStreamEndsWithTheRunAndBeginsAgainWhenThatIsResumed() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            let connection = try open(dashboard)
            try await eventually("it follows") { numbers(connection).count == 2 }
            try await journal.append([Event(at: moment(9), .runFinished(status: .interrupted))], to: TestDashboard.run)
            // The connection may be used for more.
            try await eventually("the stream is over") { connection.received.hasSuffix("\r\n0\r\n\r\n") }
            #expect(numbers(connection) == [1, 2, 3])
            connection.close()
            #expect(try await dashboard.ask(path + "?after=0", headers: ["Last-Event-ID": "3"]).status == 204)
            #expect(try await dashboard.ask(path + "?after=2").body.contains("id: 3\n"))
            try await journal.append([Event(at: moment(10), .runResumed(by: "ann@host"))], to: TestDashboard.run)
            try await eventually("there is more") {
                let again = try open(dashboard, lastEventID: "3")
                defer { again.close() }
                try await eventually("it answers") { again.received.contains("\r\n\r\n") }
                return again.received.hasPrefix("HTTP/1.1 200 ")
            }
        }
    }

    @Test func manyFollowButNotWithoutEnd() async throws {
        try await TestDashboard.with { dashboard in
            try await dashboard.begin()
            var connections: [HTTPConnection] = []
            for _ in 0..<FollowerCount.limit { connections.append(try open(dashboard)) }
            try await eventually("all of them follow") { connections.allSatisfy { numbers($0).count == 2 } }
            #expect(try await dashboard.ask(path).status == 503)
            for connection in connections { connection.close() }
            // Those who have gone make room, well before the next heartbeat.
            try await eventually("there is room again") { try await dashboard.ask(path + "?follow=false").status == 200 }
        }
    }

    @Test func theEndOfTheServerEndsTheStreams() async throws {
        let connection = try await TestDashboard.with { dashboard in
            try await dashboard.begin()
            let connection = try open(dashboard)
            try await eventually("it follows") { numbers(connection).count == 2 }
            return connection
        }
        try await eventually("the stream is over") { connection.isOver }
    }

    @Test func eventsComeAsJSONToo() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            try await journal.append(migrating("alice"), to: TestDashboard.run)
            let answer = try await dashboard.ask(path + "?after=2&limit=2", headers: ["Accept": "application/json"])
            #expect(answer.header("Content-Type") == "application/json")
            #expect(answer.body.contains(#"{"last_event":4,"events":[{"number":3,"event":{"#))
        }
    }
}
