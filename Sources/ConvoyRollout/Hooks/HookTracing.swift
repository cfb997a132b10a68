import ConvoyFleet
package import ConvoyRun
internal import Synchronization

/// Gives hooks and the commands of gates the `TRACEPARENT` of their span, so that what they do shows below it in the trace of the run.
package final class HookTracing: Sendable {
    /// The variable of W3C Trace Context that programs read.
    package static let variable = "TRACEPARENT"

    private struct Key: Hashable {
        var point: HookPoint
        var wave: String?
        var instance: String?
    }

    /// The trace of the run.
    package let trace: RunTrace
    private let counts = Mutex<[Key: Int]>([:])

    package init(_ trace: RunTrace) {
        self.trace = trace
    }

    /// The context of the next hook of that point; hooks at one point of one instance or wave run one after the other.
    func next(_ point: HookPoint, for occasion: HookOccasion) -> String {
        let key = Key(point: point, wave: occasion.wave, instance: occasion.instance?.name)
        let ordinal = counts.withLock { counts in
            defer { counts[key, default: 0] += 1 }
            return counts[key] ?? 0
        }
        return trace.traceparent(
            .hook(point, wave: key.wave, instance: key.instance, process: trace.process, ordinal: ordinal)
        )
    }

    /// The context of the command of the gate after a wave.
    func gate(_ wave: String) -> String { trace.traceparent(.gate(wave: wave, process: trace.process)) }
}
