package import ConvoyFleet
package import ConvoyJournal
internal import ConvoyPostgres
package import ConvoyRun

extension JournalPlace {
    /// Opens the journal for writing, and makes what is missing of it: the file, or the tables of a control database.
    package func open() async throws(JournalError) -> any RunStore {
        switch self {
        case .file(let path): return try await SQLiteJournal.open(path: path)
        case .control(let parameters):
            let control = ControlDatabase(parameters)
            try await control.prepare()
            return ControlJournal(control)
        }
    }

    /// Opens the journal for reading; nil if no run was ever recorded there.
    package func openForReading() async throws(JournalError) -> (any RunStore)? {
        switch self {
        case .file(let path): return try await SQLiteJournal.open(readingAt: path)
        case .control(let parameters):
            let control = ControlDatabase(parameters)
            return try await control.hasTables() ? ControlJournal(control) : nil
        }
    }

    /// Reads what a command line names: a file, or the URL of a control database without a password, since other users can see arguments.
    ///
    /// - Throws: ``JournalError`` for a URL that libpq does not understand, and for one with a password, which is not repeated.
    package init(argument text: String) throws(JournalError) {
        guard Self.isURL(text) else {
            self = .file(text)
            return
        }
        guard let parameters = try? ConnectionParameters(conninfo: text) else {
            throw JournalError(path: "in a database", message: "this is not a URL that libpq understands", hint: Self.form)
        }
        guard parameters.secrets.isEmpty else {
            throw JournalError(
                path: parameters.databasePlace,
                message: "an argument must not contain a password: other users of this machine can see it",
                hint: "use a password file, or `control:` in the fleet file"
            )
        }
        self = .control(parameters)
    }

    private static let form = "for example postgresql://convoy@host:5432/convoy"
}
