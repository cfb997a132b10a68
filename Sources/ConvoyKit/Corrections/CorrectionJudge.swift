package import ConvoyFleet
package import ConvoyMigrations

/// Works out, while a plan is made, what a baseline or a repair would write in each instance.
package protocol CorrectionJudge: Sendable {
    /// Judges instances, over one connection each.
    ///
    /// - Parameter onProgress: called after each instance with the number of those that were judged.
    /// - Returns: the corrections by name; an instance that could not be reached is missing.
    func corrections(of instances: [Instance], onProgress: @Sendable (_ finished: Int) -> Void) async -> [String: Correction]
}
