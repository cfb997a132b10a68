import ConvoyRollout
import ConvoyRun
import Foundation
import HeapModule

/// A whole run under a virtual clock: thousands of workers that claim, work, report and die, and one control database whose row lock they wait
/// for. Every decision is made by ``RunDecider``; what the database would do is counted.
struct FleetSimulation {
    var instances = 1_000_000
    var workers = 4000
    /// Instances that a worker has at a time.
    var slots = 2
    var migrations = 3
    /// How long an instance takes on average, in seconds.
    var work = 30.0
    /// How long a decision holds the run's row, in seconds: its statements, and its commit.
    var decision = 0.002
    /// How many workers die in an hour; each comes back at once.
    var deathsPerHour = 60.0

    private enum Happening {
        case finished(job: Int, attempt: Int)
        case decided
        case death
        /// The lease of a dead worker's job is over.
        case expired(job: Int)
    }

    private struct Moment: Comparable {
        var at: Double
        var number: Int
        var happening: Happening

        static func < (left: Self, right: Self) -> Bool { (left.at, left.number) < (right.at, right.number) }
        static func == (left: Self, right: Self) -> Bool { (left.at, left.number) == (right.at, right.number) }
    }

    private struct Job {
        var name: String
        var attempt = 0
        var worker = 0
    }

    private struct Counts {
        var decisions = 0
        var facts = 0
        var events = 0
        var claims = 0
        var takeovers = 0
        var waited = 0.0
        var longestWait = 0.0
        var deciding = Duration.zero
        var mostWaiting = 0
    }

    func run() {
        let clock = ProcessorClock()
        let started = clock.now
        let fleet = SimulatedFleet(instances: instances, servers: max(1, instances / 200), maxParallel: workers * slots)
        let withPlan = Memory.resident
        var decider = RunDecider(fleet.terms)
        var counts = Counts()
        var random = SystemRandomNumberGenerator()
        var heap = Heap<Moment>()
        var number = 0
        var now = 0.0
        var jobs: [Job] = []
        /// Jobs that no worker has.
        var waiting: [Int] = []
        var taken = 0
        var free = [Int](repeating: slots, count: workers)
        var idle = Array(0..<workers)
        /// By worker: what it has to report, and since when.
        var reports: [[Int]] = Array(repeating: [], count: workers)
        var since = [Double](repeating: 0, count: workers)
        var queue: [Int] = []
        var served = 0
        var isLocked = false

        func later(_ delay: Double, _ happening: Happening) {
            number += 1
            heap.insert(Moment(at: now + delay, number: number, happening: happening))
        }
        /// A worker takes what it has room for.
        func take(_ worker: Int) {
            while free[worker] > 0, taken < waiting.count {
                let job = waiting[taken]
                taken += 1
                free[worker] -= 1
                jobs[job].worker = worker
                jobs[job].attempt += 1
                if jobs[job].attempt > 1 { counts.takeovers += 1 }
                // Exponential, cut at ten times the average.
                let time = min(10, -log(Double.random(in: 1e-9..<1, using: &random))) * work
                later(time, .finished(job: job, attempt: jobs[job].attempt))
            }
        }
        /// Each worker that has room claims what it has room for, in one statement.
        func claim() {
            counts.mostWaiting = max(counts.mostWaiting, waiting.count - taken)
            while taken < waiting.count, let worker = idle.popLast() {
                guard free[worker] > 0 else { continue }
                counts.claims += 1
                take(worker)
                if free[worker] > 0 { idle.append(worker) }
            }
            if taken > 100_000, taken * 2 > waiting.count {
                waiting.removeFirst(taken)
                taken = 0
            }
        }
        func begin(_ turn: RunDecider.Turn) -> [RunDecider.Fact] {
            counts.events += turn.events.count
            var facts: [RunDecider.Fact] = []
            for work in turn.begins {
                switch work {
                case .change(let name, _):
                    waiting.append(jobs.count)
                    jobs.append(Job(name: name))
                // Each server has what is configured.
                case .watchServer(let server): facts.append(.slots(server: server, available: nil))
                default: break
                }
            }
            return facts
        }
        func date() -> Date { Date(timeIntervalSince1970: 1_000_000 + now) }
        /// The next in the queue gets the lock of the run's row.
        func lock() {
            guard !isLocked, served < queue.count else { return }
            isLocked = true
            later(decision, .decided)
        }

        let first = decider.begin(by: "ann@host", at: date())
        let watches = begin(first)
        // One decision, as if one worker had asked all servers.
        _ = begin(decider.decide(watches, at: date()))
        counts.events = 0
        claim()
        if deathsPerHour > 0 { later(3600 / deathsPerHour, .death) }
        let withRun = Memory.resident

        while !decider.isOver, let moment = heap.popMin() {
            now = moment.at
            switch moment.happening {
            case .finished(let job, let attempt):
                // A worker that died does not report.
                guard jobs[job].attempt == attempt else { continue }
                let worker = jobs[job].worker
                if reports[worker].isEmpty {
                    since[worker] = now
                    queue.append(worker)
                }
                reports[worker].append(job)
                lock()
            case .decided:
                isLocked = false
                let worker = queue[served]
                served += 1
                if served > 100_000 {
                    queue.removeFirst(served)
                    served = 0
                }
                let mine = reports[worker]
                reports[worker] = []
                let wait = now - since[worker] - decision
                counts.waited += wait
                counts.longestWait = max(counts.longestWait, wait)
                let facts = mine.flatMap {
                    SimulatedFleet.report(jobs[$0].name, migrations: migrations, isFailed: $0 % 1000 == 0, at: date())
                }
                counts.decisions += 1
                counts.facts += mine.count
                let start = clock.now
                let turn = decider.decide(facts, at: date())
                counts.deciding += start.duration(to: clock.now)
                if free[worker] == 0 { idle.append(worker) }
                free[worker] += mine.count
                _ = begin(turn)
                // In the same transaction, without a claim of its own.
                take(worker)
                claim()
                lock()
            case .death:
                let worker = Int.random(in: 0..<workers, using: &random)
                // Found by going through all, which only a simulation may do.
                for job in jobs.indices.suffix(workers * slots * 4)
                where jobs[job].worker == worker && decider.awaits(.change(jobs[job].name, wave: "")) {
                    guard !reports[worker].contains(job), jobs[job].attempt > 0 else { continue }
                    jobs[job].attempt += 1
                    later(15, .expired(job: job))
                }
                later(3600 / deathsPerHour, .death)
            case .expired(let job):
                if free[jobs[job].worker] == 0 { idle.append(jobs[job].worker) }
                free[jobs[job].worker] += 1
                waiting.append(job)
                claim()
            }
        }

        let total = started.duration(to: clock.now)
        let perInstance = { (count: Int) in String(format: "%.2f", Double(count) / Double(instances)) }
        let renewals = Int(now / 5) * workers
        print("fleet: \(instances) instances, \(workers) workers of \(slots), \(migrations) migrations each, \(Int(work)) s an instance")
        print("  virtual time            \(Int(now)) s; on this machine \(Int(total / .seconds(1))) s")
        print("  instances per second    \(Int(Double(instances) / now))")
        print(
            "  decisions               \(counts.decisions), \(perInstance(counts.decisions)) an instance, \(Int(Double(counts.decisions) / now)) a second"
        )
        print("  events                  \(perInstance(counts.events)) an instance")
        print(
            "  claims besides          \(perInstance(counts.claims)) an instance; \(counts.takeovers) takeovers; at most \(counts.mostWaiting) waited"
        )
        print("  renewals                \(perInstance(renewals)) an instance, \(workers / 5) a second")
        print(
            "  the run's row           locked for \(String(format: "%.0f", Double(counts.decisions) * decision / now * 100)) % of the time"
        )
        print(
            "  wait for it             \(String(format: "%.1f", counts.waited / Double(max(1, counts.decisions)) * 1000)) ms on average, at most \(String(format: "%.1f", counts.longestWait * 1000)) ms"
        )
        print(
            "  one decision (rules)    \(String(format: "%.1f", counts.deciding / .microseconds(1) / Double(max(1, counts.decisions)))) µs"
        )
        print(
            "  memory                  plan \(withPlan / 1_048_576) MiB, run \(withRun / 1_048_576) MiB, peak \(Memory.peak / 1_048_576) MiB"
        )
        print("  ended                   \(decider.ending?.rawValue ?? "not")")
    }
}
