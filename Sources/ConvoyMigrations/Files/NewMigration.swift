import ConvoyIO
package import ConvoyText
package import FoundationEssentials

/// A new migration, not yet written: the name of its file, and the two empty sections in it.
///
///     let migration = try NewMigration(named: "add_nickname", in: "Migrations", displayedAs: "Migrations", at: Date())
///     try migration.write()
///
/// The loader refuses the file until both sections are filled in.
package struct NewMigration: Sendable, Hashable {
    /// What the sections look like.
    package struct Form: Sendable, Hashable {
        /// Whether the sections run in a transaction; without one each holds exactly one statement.
        package var isTransactional: Bool
        /// Why the migration cannot be reverted; nil if it can.
        package var irreversible: String?

        /// A form; by default in a transaction and with a way down.
        package init(isTransactional: Bool = true, irreversible: String? = nil) {
            self.isTransactional = isTransactional
            self.irreversible = irreversible
        }
    }

    /// What stands in the sections at first, in place of nothing.
    package struct Sections: Sendable, Hashable {
        /// Whole lines.
        package var up: String
        package var down: String

        package init(up: String, down: String) { (self.up, self.down) = (up, down) }
    }

    /// The number that begins the file's name.
    package let version: MigrationVersion
    /// The file's name between version and `.sql`, in snake case.
    package let name: String
    /// What the sections look like.
    package let form: Form
    /// What stands in the sections at first; nil leaves them empty.
    package let sections: Sections?
    /// What the author should know about the version, a sentence each without a full stop.
    package private(set) var notes: [String]
    private let directory: String
    private let displayedDirectory: String

    /// The longest name, in characters: a file system takes 255 bytes for all of the file's name.
    static let nameLimit = 100

    /// Chooses name and version, and touches nothing.
    ///
    /// - Parameters:
    ///   - name: in snake case.
    ///   - directory: the directory of the migration set, which may be empty.
    ///   - displayedAs: how reports name the directory.
    ///   - version: nil takes the time, or the number after the newest version if that version is not in the past.
    ///   - time: the present time, from which the version is made.
    ///   - form: what the sections look like.
    ///   - sections: what stands in them at first; that of the way down not if the form is irreversible.
    /// - Throws: ``NewMigrationRefusal`` for a name that is not snake case and for a version or a name that the set has already;
    ///   `Problems` if the directory cannot be read.
    package init(
        named name: String,
        in directory: String,
        displayedAs: String,
        version: MigrationVersion? = nil,
        at time: Date,
        form: Form = Form(),
        sections: Sections? = nil
    ) throws {
        let files = try MigrationSet.fileNames(directory: directory, displayedAs: displayedAs)
        // The loader refuses a file whose name is not valid.
        try self.init(
            named: name,
            beside: files.compactMap { try? MigrationFileName($0) },
            in: directory,
            displayedAs: displayedAs,
            version: version,
            at: time,
            form: form,
            sections: sections
        )
        if FileManager.default.fileExists(atPath: MigrationSet.join(directory, ReleaseFile.name)) {
            notes.append(
                "add a line to \(MigrationSet.join(displayedAs, ReleaseFile.name)) when a release of the app brings \(self.version)"
            )
        }
    }

    init(
        named name: String,
        beside files: [MigrationFileName],
        in directory: String = ".",
        displayedAs: String = ".",
        version: MigrationVersion? = nil,
        at time: Date,
        form: Form = Form(),
        sections: Sections? = nil
    ) throws(NewMigrationRefusal) {
        try Self.check(name: name)
        if let taken = files.first(where: { $0.name == name }) {
            throw NewMigrationRefusal("the name \(name) is taken by \(taken)", hint: "choose another name, or edit that file")
        }
        let newest = files.map(\.version).max()
        if let version {
            if let taken = files.first(where: { $0.version == version }) {
                throw NewMigrationRefusal("version \(version) is taken by \(taken)", hint: "choose another version, or edit that file")
            }
            if let newest, newest.description.count == Self.timeDigits, version.description.count != Self.timeDigits {
                throw NewMigrationRefusal(
                    "version \(version) is not a time like the other versions of this set, so it would come before all of them or after all later ones",
                    hint: "write it as YYYYMMDDhhmmss, or omit --version"
                )
            }
            self.version = version
            notes = Self.notes(on: version, newest: newest)
        } else {
            (self.version, notes) = try Self.nextVersion(at: time, newest: newest)
        }
        if let reason = form.irreversible, reason.allSatisfy(\.isWhitespace) || reason.contains(where: \.isNewline) {
            throw NewMigrationRefusal(
                reason.allSatisfy(\.isWhitespace)
                    ? "the reason why the migration is irreversible is empty" : "the reason has more than one line",
                hint: "write one line: operators see it when they try to roll back"
            )
        }
        self.name = name
        self.form = form
        self.sections = sections
        self.directory = directory
        displayedDirectory = displayedAs
    }

    /// The number of digits of a version that is a time: YYYYMMDDhhmmss.
    private static let timeDigits = 14

    /// The file as reports name it.
    package var path: String { MigrationSet.join(displayedDirectory, fileName) }

    /// What stands in the file at first.
    package var contents: String {
        let option = form.isTransactional ? "" : " transaction:false"
        let down =
            if let reason = form.irreversible {
                "-- migrate:down\n-- convoy:irreversible \(reason)\n"
            } else {
                // Without a reason the loader refuses it, so that a way back that was forgotten shows.
                sections.map { "-- migrate:down\(option)\n" + $0.down } ?? "-- migrate:down\(option)\n-- convoy:irreversible\n"
            }
        return "-- migrate:up\(option)\n\(sections?.up ?? "\n")\n\(down)"
    }

    /// Creates the file; an existing file of that name stays as it is.
    ///
    /// - Throws: a problem of the file, if it cannot be made.
    package func write() throws(Problems) {
        do throws(FileWriteError) {
            try writeNewFile(MigrationSet.join(directory, fileName), Array(contents.utf8))
        } catch {
            throw Problems([
                Problem(
                    file: path,
                    error.description,
                    hint: "give this user write permission for the directory, then run the command again"
                )
            ])
        }
    }

    private var fileName: String { MigrationFileName(version: version, name: name).description }
}

/// Why the new migration cannot be created, and what to do about it.
package struct NewMigrationRefusal: Error, Sendable, Hashable {
    /// One sentence without a full stop.
    package let message: String
    /// What to do next.
    package let hint: String

    init(_ message: String, hint: String) {
        self.message = message
        self.hint = hint
    }
}

// MARK: - Versions

extension NewMigration {
    private static func nextVersion(
        at time: Date,
        newest: MigrationVersion?
    ) throws(NewMigrationRefusal) -> (MigrationVersion, notes: [String]) {
        let now = MigrationVersion(at: time)
        guard let newest, newest >= now else { return (now, []) }
        guard newest.value < Int64.max else {
            throw NewMigrationRefusal("there is no version after \(newest)", hint: "give one with --version")
        }
        let next = MigrationVersion(newest.value + 1)
        return (next, ["the newest version, \(newest), is not in the past, so the new version is the number after it"])
    }

    private static func notes(on version: MigrationVersion, newest: MigrationVersion?) -> [String] {
        var notes: [String] = []
        if !version.isTime { notes.append("\(version) is not a time written as YYYYMMDDhhmmss") }
        if let newest, version < newest {
            notes.append(
                "\(version) is below the newest version, \(newest): instances that already have the newest get this one out of order"
            )
        }
        return notes
    }
}

extension MigrationVersion {
    /// The time in UTC as `YYYYMMDDhhmmss`.
    init(at time: Date) {
        let digits = time.formatted(Date.ISO8601FormatStyle()).filter(\.isNumber)
        self.init(Int64(digits) ?? 1)
    }

    /// Whether the number is a time written as `YYYYMMDDhhmmss`.
    var isTime: Bool {
        let digits = Array(description)
        guard digits.count == 14 else { return false }
        func part(_ range: Range<Int>) -> String { String(digits[range]) }
        let text =
            "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))T\(part(8..<10)):\(part(10..<12)):\(part(12..<14))Z"
        guard let time = try? Date(text, strategy: .iso8601) else { return false }
        // The 30th of February is read as a day in March.
        return MigrationVersion(at: time) == self
    }
}

// MARK: - Names

extension NewMigration {
    private static func check(name: String) throws(NewMigrationRefusal) {
        let legal = snakeCase(name)
        guard name != legal else { return }
        guard name.count <= nameLimit else {
            throw NewMigrationRefusal("a name of \(name.count) characters is too long", hint: "use at most \(nameLimit)")
        }
        throw NewMigrationRefusal(
            name.isEmpty ? "the name is empty" : "“\(name)” is not in snake_case",
            hint: legal.map { "did you mean \($0)?" }
                ?? "write lower-case words of letters and digits with single underscores between them, as in add_nickname_to_cars"
        )
    }

    /// The legal name that is nearest to what was typed; nil if nothing of it can be kept.
    static func snakeCase(_ text: String) -> String? {
        var text = text[...]
        if text.hasSuffix(".sql") { text = text.dropLast(4) }
        // The version is not part of the name.
        text = text.drop { !($0.isASCII && $0.isLetter) }
        var words: [String] = []
        var isInWord = false
        var isAfterSmall = false
        for character in text {
            guard character.isASCII, character.isLetter || character.isNumber else {
                isInWord = false
                continue
            }
            if isInWord, !(character.isUppercase && isAfterSmall) {
                words[words.count - 1] += character.lowercased()
            } else {
                words.append(character.lowercased())
            }
            isInWord = true
            isAfterSmall = !character.isUppercase
        }
        let name = words.joined(separator: "_").prefix(nameLimit)
        return name.isEmpty ? nil : String(name)
    }
}
