import ConvoyMigrations
import Synchronization

/// The vocabulary of one set, worked out when it is first asked for.
final class VocabularyStore: Sendable {
    private let set: MigrationSet
    private let made = Mutex<SetVocabulary?>(nil)

    init(_ set: MigrationSet) { self.set = set }

    var value: SetVocabulary {
        made.withLock { made in
            if let made { return made }
            let vocabulary = SetVocabulary(set)
            made = vocabulary
            return vocabulary
        }
    }
}
