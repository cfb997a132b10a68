internal import ConvoyMigrations
package import ConvoyText

extension Fleet {
    /// Names in the waves that no instance has, once discovery has found all instances; without discovery the file's reader has reported
    /// them.
    package func rolloutWarnings(_ discovered: DiscoveredFleet) -> [Problem] {
        // What is not known cannot be missed.
        guard discovered.failures.isEmpty else { return [] }
        let vocabulary = SelectionVocabulary(discovered.instances)
        let names = Set(discovered.instances.map { ExactText($0.name) })
        return rollout.waves.flatMap { wave -> [Problem] in
            let misses: [SelectorMiss]
            switch wave.selection {
            case .selector(let selector): misses = selector.misses(in: vocabulary)
            case .names(let listed):
                misses = listed.filter { !names.contains(ExactText($0)) }.map { name in
                    let nearest = nearestWord(to: name, among: names.sorted().map(\.text))
                    return SelectorMiss(message: "no instance is called \(name)", hint: nearest.map { "did you mean \($0)?" }, isName: true)
                }
            case .count, .percent, .rest: misses = []
            }
            return misses.map { Problem(.warning, file: file, "wave `\(wave.name)`: \($0.message)", hint: $0.hint) }
        }
    }
}
