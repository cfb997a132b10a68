package import ConvoyMigrations

/// Which of the versions with one catalogue a database without a ledger is adopted at. Nothing in the schema distinguishes them, so it is a question of
/// what the migrations between them do: those above the version that is chosen run with the next `migrate`, perhaps for the second time, and those up to it
/// never run.
package struct VersionChoice: Sendable, Hashable {
    /// The version at which adopting does no harm; nil if an operator has to choose.
    package var proposed: MigrationVersion?
    /// The versions that may be missing or applied, and that do more than the catalogue shows, ascending: why an operator has to choose.
    package var inDoubt: [MigrationVersion]

    /// - Parameters:
    ///   - alike: versions with one catalogue, ascending.
    ///   - repeatable: those whose migrations change rows and may run a second time.
    package init(among alike: [MigrationVersion], in set: MigrationSet, repeatable: RepeatableVersions) {
        var proposed = alike.first
        var isPast = false
        var inDoubt: [MigrationVersion] = []
        for version in alike.dropFirst() {
            switch set[version]?.up.repetition {
            case .nothing?: if !isPast { proposed = version }
            // To run it again gives the catalogue that is there. To leave it out could leave out a body that the catalogue does not compare.
            case .sameCatalogue?: isPast = true
            case .unknown? where repeatable.versions.contains(version): isPast = true
            case .unknown?, nil:
                isPast = true
                inDoubt.append(version)
            }
        }
        self.proposed = inDoubt.isEmpty ? proposed : nil
        self.inDoubt = inDoubt
    }
}

extension MigrationSection {
    /// What happens if a section runs on a database where it was applied already, and whose catalogue is as it left it.
    enum Repetition: Sendable, Hashable {
        /// It has no statement.
        case nothing
        /// It writes definitions that are there.
        case sameCatalogue
        /// It changes rows, or drops something: only its author knows what a second time does.
        case unknown
    }

    var repetition: Repetition {
        if elements.isEmpty { return .nothing }
        return elements.allSatisfy(\.writesDefinition) ? .sameCatalogue : .unknown
    }
}

extension MigrationSection.Element {
    fileprivate var writesDefinition: Bool {
        guard case .statement(let statement) = self else { return false }
        let words = statement.text.split(whereSeparator: \.isWhitespace).map { $0.uppercased() }
        func begins(with start: String...) -> Bool { words.starts(with: start) }
        if begins(with: "CREATE", "OR", "REPLACE") || begins(with: "COMMENT", "ON") { return true }
        if begins(with: "ALTER", "EXTENSION") { return words.count == 4 && words[3] == "UPDATE" }
        // One action: a second one behind a comma could be anything.
        guard begins(with: "ALTER", "TABLE"), words.count >= 8, !statement.text.contains(",") else { return false }
        return words[3...4] == ["ALTER", "COLUMN"] && words[6...7] == ["SET", "DEFAULT"]
    }
}
