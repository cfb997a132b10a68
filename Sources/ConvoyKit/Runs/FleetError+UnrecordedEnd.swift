package import ConvoyRollout
import ConvoyText

extension FleetError {
    /// A run has ended, and its journal does not know how.
    ///
    /// - Parameter resume: the command that closes the run; nil is that of a fleet file with the usual name.
    package init(_ end: UnrecordedEnd, resume: String? = nil) {
        self.init(
            .journal,
            "the end of run \(end.run) could not be recorded: \(end.problem.description)",
            details: end.instances.isEmpty ? [] : ["how these instances ended is not recorded: \(shortList(end.instances))"],
            hint:
                "unless it was recorded after all (see `convoy runs show \(end.run)`), resuming the run probes the instances whose end is missing, "
                + "and closes it; when the journal can be written again, run: \(resume ?? "convoy resume \(end.run)")"
        )
    }
}
