package import ConvoyRun

/// Which traces are recorded: `OTEL_TRACES_SAMPLER`.
package struct TraceSampler: Sendable, Hashable {
    /// Whether the decision of a parent counts first.
    package var followsParent: Bool
    /// The share of the other traces that is recorded, from 0 to 1.
    package var share: Double

    package static let standard = TraceSampler(followsParent: true, share: 1)

    package init(followsParent: Bool, share: Double) {
        self.followsParent = followsParent
        self.share = share
    }

    /// Reads the names that the specification gives to samplers; nil for any other.
    ///
    /// - Parameter share: `OTEL_TRACES_SAMPLER_ARG`; nil is all.
    package init?(_ name: String, share: Double?) {
        let parts = name.split(separator: "_", maxSplits: 1)
        let followsParent = parts.first == "parentbased"
        switch followsParent ? parts.dropFirst().first.map(String.init) : name {
        case "always_on": self.init(followsParent: followsParent, share: 1)
        case "always_off": self.init(followsParent: followsParent, share: 0)
        case "traceidratio": self.init(followsParent: followsParent, share: share ?? 1)
        default: return nil
        }
    }

    /// Decides on a trace, the same in every process.
    package func records(_ parent: TraceParent?, _ trace: TraceID) -> Bool {
        if followsParent, let parent { return parent.isSampled }
        // The lower half, as other programs compare it: its first bit is left out.
        return share >= 1 || Double(trace.low >> 1) < share * 0x1p63
    }
}
