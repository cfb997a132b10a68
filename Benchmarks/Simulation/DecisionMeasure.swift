import ConvoyRollout
import ConvoyRun
import ConvoyText
import Foundation

/// What decisions cost without a database: several replicas of a run decide in turn, and each replays what the others decided.
struct DecisionMeasure {
    var instances = 10_000
    var replicas = 8
    var migrations = 3

    func run() throws {
        let fleet = SimulatedFleet(instances: instances, servers: max(1, instances / 20), maxParallel: 500)
        var deciders = (0..<replicas).map { _ in (decider: RunDecider(fleet.terms), folded: 0) }
        var turns: [[Event]] = []
        var lines: [[String]] = []
        var deciding = Duration.zero
        var replaying = Duration.zero
        var encoding = Duration.zero
        var decoding = Duration.zero
        var decisions = 0
        var replays = 0
        var events = 0
        var bytes = 0
        var underWay: [String] = []
        var next = 0
        let clock = ProcessorClock()
        let now = Date(timeIntervalSince1970: 1_000_000)

        func catchUp(_ index: Int) throws {
            while deciders[index].folded < turns.count {
                let turn = turns[deciders[index].folded]
                replaying += try clock.measure { _ = try deciders[index].decider.replay(turn) }
                deciders[index].folded += 1
                replays += 1
            }
        }
        func take(_ index: Int, _ decide: (inout RunDecider) -> RunDecider.Turn) throws {
            try catchUp(index)
            let started = clock.now
            let turn = decide(&deciders[index].decider)
            deciding += started.duration(to: clock.now)
            decisions += 1
            for case .change(let name, _) in turn.begins { underWay.append(name) }
            let watches = turn.begins.compactMap { if case .watchServer(let server) = $0 { server } else { nil } }
            guard !turn.events.isEmpty else { return }
            // The first event names every instance; it is there once.
            if decisions > 1 {
                events += turn.events.count
                var written: [String] = []
                encoding += clock.measure { written = turn.events.map { $0.json.line } }
                bytes += written.reduce(0) { $0 + $1.utf8.count }
                lines.append(written)
            }
            turns.append(turn.events)
            deciders[index].folded = turns.count
            for server in watches { try take(index) { $0.decide([.slots(server: server, available: nil)], at: now) } }
        }

        try take(0) { $0.begin(by: "ann@host", at: now) }
        let atStart = decisions
        deciding = .zero
        while next < underWay.count {
            let facts = SimulatedFleet.report(underWay[next], migrations: migrations, isFailed: next % 1000 == 0, at: now)
            next += 1
            try take(next % replicas) { $0.decide(facts, at: now) }
        }
        for index in deciders.indices { try catchUp(index) }
        precondition(deciders.allSatisfy { $0.decider.isOver }, "a replica does not know that the run is over")
        let sample = lines.suffix(2000).joined()
        decoding = try clock.measure { for line in sample { _ = try JSONDecoder().decode(Event.self, from: Data(line.utf8)) } }

        let made = decisions - atStart
        func micros(_ duration: Duration, _ count: Int) -> String {
            String(format: "%.1f µs", duration / .microseconds(1) / Double(max(1, count)))
        }
        let each = deciding / .seconds(1) / Double(made) + Double(replicas - 1) * (replaying / .seconds(1)) / Double(max(1, replays))
        print("decisions: \(instances) instances, \(replicas) replicas, \(migrations) migrations each")
        print("  decisions                     \(made), of \(String(format: "%.1f", Double(events) / Double(made))) events each")
        print("  one decision                  \(micros(deciding, made))")
        print("  its replay, in each replica   \(micros(replaying, replays))")
        print("  encoding its events as JSON   \(micros(encoding, made)), \(bytes / max(1, made)) bytes")
        print("  decoding an event             \(micros(decoding, sample.count))")
        print("  decisions per second and core \(Int(1 / each)), with all replicas on that core and without JSON")
        print("  memory                        \(Memory.resident / 1_048_576) MiB for \(replicas) replicas")
    }
}

/// What this process holds.
enum Memory {
    /// Resident memory in bytes; 0 where it cannot be read.
    static var resident: Int { field("VmRSS:") }
    /// The most that was resident.
    static var peak: Int { field("VmHWM:") }

    private static func field(_ name: String) -> Int {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
        let line = status.split(separator: "\n").first { $0.hasPrefix(name) }
        return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }
}

/// The processor time of this process: other work on the machine does not count.
struct ProcessorClock {
    struct Instant {
        let nanoseconds: Int64

        func duration(to other: Instant) -> Duration { .nanoseconds(other.nanoseconds - nanoseconds) }
    }

    var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    func measure(_ body: () throws -> Void) rethrows -> Duration {
        let started = now
        try body()
        return started.duration(to: now)
    }
}
