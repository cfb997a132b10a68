import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import TestSupport
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

/// Hooks get the context of their span.
@Suite(.timeLimit(.minutes(1)))
struct HookTracingTests {
    private static let echo = script("echo \"$TRACEPARENT\"")

    private func runner(_ trace: RunTrace?) -> HookRunner {
        HookRunner(
            Hooks(commands: [.beforeWave: Self.echo, .beforeInstance: Self.echo], timeout: .seconds(60), environment: []),
            fleet: "eu",
            instances: [],
            environment: ["PATH": "/usr/bin:/bin", "TRACEPARENT": "00-11111111111111111111111111111111-2222222222222222-01"],
            tracing: trace.map(HookTracing.init)
        )
    }

    @Test func aProgramIsBelowItsHook() async throws {
        let trace = RunTrace(run: "r-1", process: 3)
        let hooks = runner(trace)
        let wave = HookOccasion(run: "r-1", direction: .up, wave: "w")
        for ordinal in 0..<2 {
            let result = try #require(await hooks.run(.beforeWave, for: wave))
            let span = SpanPlace.hook(.beforeWave, wave: "w", instance: nil, process: 3, ordinal: ordinal)
            #expect(result.output == trace.traceparent(span) + "\n")
        }
        // Others are counted apart.
        let other = HookOccasion(run: "r-1", direction: .up, wave: "x")
        let result = try #require(await hooks.run(.beforeWave, for: other))
        #expect(result.output == trace.traceparent(.hook(.beforeWave, wave: "x", instance: nil, process: 3, ordinal: 0)) + "\n")
        let gate = await hooks.runGate(Self.echo, for: wave)
        #expect(gate.output == trace.traceparent(.gate(wave: "w", process: 3)) + "\n")
    }

    @Test func withoutATraceThereIsNoContext() async throws {
        let result = try #require(await runner(nil).run(.beforeWave, for: HookOccasion(run: "r-1", direction: .up, wave: "w")))
        #expect(result.output == "\n")
    }

    @Test func aTraceThatIsNotRecordedSaysSo() async throws {
        let hooks = runner(RunTrace(run: "r-1", isSampled: false))
        let result = try #require(await hooks.run(.beforeWave, for: HookOccasion(run: "r-1", direction: .up, wave: "w")))
        #expect(TraceParent(String(result.output.dropLast()))?.isSampled == false)
    }
}
