import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun

extension FleetProbe {
    /// Reads instances and judges them; those that are alike once.
    ///
    /// - Parameters:
    ///   - read: reads one instance.
    ///   - key: all that the correction depends on.
    ///   - judge: works out the correction.
    /// - Returns: the corrections by name. A failure is a refusal; an instance that could not be reached is missing: the probe that follows says so in
    ///   its own words.
    func corrections<Reading: Sendable, Key: Hashable & Sendable>(
        _ kind: Correction.Kind,
        of instances: [Instance],
        read: @escaping @Sendable (Instance) async throws(Failure) -> Reading,
        key: @escaping @Sendable (Instance, Reading) -> Key,
        judge: @escaping @Sendable (Instance, Reading) -> Correction,
        onProgress: @Sendable (_ finished: Int) -> Void
    ) async -> [String: Correction] {
        let judged = JudgedCorrections<Key>()
        let answers = await answers(
            of: instances,
            { instance -> Correction? in
                do throws(Failure) {
                    let reading = try await read(instance)
                    let key = key(instance, reading)
                    if let correction = await judged[key] { return correction }
                    let correction = judge(instance, reading)
                    await judged.add(correction, of: key)
                    return correction
                } catch {
                    if error.kind == .unreachable || error.kind == .interrupted { return nil }
                    return Correction(kind, refused: Correction.Refusal(error.message, hint: error.hint))
                }
            },
            progress: onProgress
        )
        return answers.compactMapValues(\.self)
    }
}

private actor JudgedCorrections<Key: Hashable & Sendable> {
    private var corrections: [Key: Correction] = [:]

    subscript(key: Key) -> Correction? { corrections[key] }

    func add(_ correction: Correction, of key: Key) { corrections[key] = correction }
}
