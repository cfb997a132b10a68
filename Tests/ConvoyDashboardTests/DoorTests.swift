import Synchronization
import TestSupport
import Testing

@testable import ConvoyDashboard

/// Who gets in, over real sockets, while others stand in the door.
@Suite(.timeLimit(.minutes(2)))
struct DoorTests {
    private func get(_ path: String, _ dashboard: TestDashboard, _ more: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(dashboard.port)\r\n\(more)\r\n"
    }

    @Test func hundredsOfSlowConnectionsShutNoOneOut() async throws {
        let log = Mutex<[String]>([])
        try await TestDashboard.with(token: TestDashboard.token, log: { line in log.withLock { $0.append(line) } }) { dashboard in
            var slow: [HTTPConnection] = []
            for number in 0..<600 {
                let connection = try HTTPConnection(port: dashboard.port)
                // One that the server has closed already takes nothing more.
                switch number % 3 {
                case 0: try? connection.send("GET / HTTP/1.1\r\nHost: 127")
                case 1:
                    try? connection.send("POST /login HTTP/1.1\r\nHost: 127.0.0.1:\(dashboard.port)\r\nContent-Length: 1000\r\n\r\ntoken=")
                default: break
                }
                slow.append(connection)
            }
            let clock = ContinuousClock()
            let begin = clock.now
            #expect(try await dashboard.ask("/healthz").status == 200)
            #expect(try await dashboard.ask("/login").status == 200)
            #expect(try await dashboard.ask("/api/v1/fleet", headers: TestDashboard.bearer).status == 200)
            #expect(clock.now - begin < .seconds(8))
            // One that has shown the token stays, whatever comes after it.
            let reader = try HTTPConnection(port: dashboard.port)
            try reader.send(get("/api/v1/fleet", dashboard, "Authorization: Bearer \(TestDashboard.token)\r\n"))
            try await eventually("it answers") { reader.received.contains("\r\n\r\n{") }
            for _ in 0..<100 { slow.append(try HTTPConnection(port: dashboard.port)) }
            #expect(try await dashboard.ask("/healthz").status == 200)
            #expect(!reader.isOver)
            // At most as many stay as one address may have.
            try await eventually("the others are closed", within: .seconds(20)) {
                slow.count { !$0.isOver } <= DoorRules<Int, ContinuousClock.Instant>.perAddress
            }
        }
        // Nor does what they leave behind fill the operator's log.
        #expect(log.withLock(\.self) == [])
    }

    @Test func aHeadThatDoesNotComeEndsTheConnection() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            let connection = try HTTPConnection(port: dashboard.port)
            try connection.send("GET / HTTP/1.1\r\nHost:")
            try await eventually("it is closed", within: .seconds(15)) { connection.isOver }
        }
    }

    @Test func aConnectionTriesThreeTokens() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            let connection = try HTTPConnection(port: dashboard.port)
            for _ in 0..<20 { try? connection.send(get("/api/v1/fleet", dashboard, "Authorization: Bearer wrong-wrong-wrong\r\n")) }
            // The right one comes too late.
            try? connection.send(get("/api/v1/fleet", dashboard, "Authorization: Bearer \(TestDashboard.token)\r\n"))
            try await eventually("it is closed") { connection.isOver }
            #expect(connection.received.components(of: "HTTP/1.1 401") == 3)
            #expect(connection.received.components(of: "HTTP/1.1 200") == 0)
            #expect(try await dashboard.ask("/api/v1/fleet", headers: TestDashboard.bearer).status == 200)
        }
    }

    @Test(arguments: [
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nhost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 1x\r\nConnection: close\r\n\r\nab",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nbad header\r\n\r\n", "nonsense\r\n\r\n",
    ])
    func whatIsNoRequestIsBad(_ text: String) async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            let connection = try HTTPConnection(port: dashboard.port)
            try connection.send(text.replacing("PORT", with: "\(dashboard.port)"))
            try await eventually("it answers") { connection.received.contains("\r\n\r\n") }
            #expect(connection.received.hasPrefix("HTTP/1.1 400 "), "\(connection.received)")
            connection.close()
            #expect(try await dashboard.ask("/healthz").status == 200)
        }
    }

    @Test func oneClientHasItsShareOfTheStreams() {
        let count = FollowerCount()
        var places = (0..<FollowerCount.share).compactMap { _ in count.take("a") }
        #expect(places.count == FollowerCount.share)
        #expect(count.take("a") == nil)
        #expect(count.take("b") != nil)
        places.removeLast()
        #expect(count.take("a") != nil)
    }
}

/// The rules alone, without sockets.
struct DoorRulesTests {
    private typealias Rules = DoorRules<Int, ContinuousClock.Instant>

    @Test func theOldestUnprovenConnectionOfACrowdedAddressMakesRoom() {
        var rules = Rules()
        let now = ContinuousClock.now
        #expect(rules.open(-1, from: "b", at: now) == nil)
        for id in 0..<Rules.perAddress { #expect(rules.open(id, from: "a", at: now) == nil) }
        rules.prove(0)
        #expect(rules.open(1000, from: "a", at: now) == nil)
        #expect(rules.open(1001, from: "a", at: now) == 1)
        rules.close(1000)
        #expect(rules.open(1002, from: "a", at: now) == nil)
    }

    @Test func manyAddressesTogetherMakeRoomToo() {
        var rules = Rules()
        let now = ContinuousClock.now
        for id in 0..<Rules.unproven { #expect(rules.open(id, from: "address \(id)", at: now) == nil) }
        #expect(rules.open(1000, from: "another", at: now) == 0)
        #expect(rules.count == Rules.unproven)
    }

    @Test func aConnectionHasItsTime() {
        var rules = Rules()
        let now = ContinuousClock.now
        _ = rules.open(1, from: "a", at: now)
        #expect(rules.nextLook(1, at: now) == Rules.headLimit)
        #expect(rules.nextLook(1, at: now + Rules.headLimit) == nil)
        rules.request(1, at: now + .seconds(9))
        #expect(rules.nextLook(1, at: now + Rules.headLimit) == Rules.restLimit - .seconds(1))
        #expect(rules.nextLook(1, at: now + .seconds(40)) == nil)
        rules.prove(1)
        #expect(rules.nextLook(1, at: now + .seconds(4000)) != nil)
        #expect(rules.nextLook(2, at: now) == nil)
    }

    @Test func threeWrongTokensAreEnough() {
        var rules = Rules()
        _ = rules.open(1, from: "a", at: .now)
        for _ in 1..<Rules.wrongTokens { rules.fail(1) }
        #expect(!rules.isRefused(1))
        rules.fail(1)
        #expect(rules.isRefused(1))
        #expect(!rules.isRefused(2))
    }
}

extension String {
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
