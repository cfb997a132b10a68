import ConvoyFleet
import ConvoyIO
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText

/// A fleet file that does not exist yet, and where it goes.
package struct NewFleetFile: Sendable {
    /// Where it goes, as the operator named it.
    package let path: String
    /// What it says.
    package let text: String
    /// The variables of the environment that it needs.
    package let variables: [String]
    /// What the operator should know, a line each.
    package let notes: [String]

    /// What the new file is, whatever its instances come from.
    package struct Place: Sendable {
        /// Where the file goes.
        package var path: String
        /// The directory of the migration set, as the file names it; nil for the installed one, which a file does not name.
        package var migrations: String?

        /// - Parameter migrations: nil for `Migrations` beside the file, or else the set that was installed with the program.
        package init(path: String, migrations: String?) {
            (self.path, self.migrations) = (path, migrations)
            guard migrations == nil else { return }
            let local = directory + "Migrations"
            self.migrations = InstalledMigrations.standard(beside: local) == local ? "Migrations" : nil
        }

        /// The directory of the file, with a slash at its end; empty for the working directory.
        var directory: String {
            path.contains("/") ? path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/" : ""
        }

        /// The fleet's name: that of the file.
        var fleetName: String {
            let file = path.split(separator: "/").last.map(String.init) ?? ""
            return FleetDraft.name(after: String(file.prefix { $0 != "." }), taken: [])
        }
    }

    /// Why there is no new fleet file.
    package struct Refusal: Error, Sendable {
        /// What kind of reason it is.
        package enum Kind: Sendable {
            /// What the command line names cannot be used.
            case input
            /// The server does not answer, or gives no session.
            case unreachable
            /// There is nothing to list.
            case nothing
            /// The file exists, or cannot be written.
            case file
        }

        package var kind: Kind
        package var message: String
        package var details: [String] = []
        package var hint: String?
    }

    /// The schema's file beside the fleet file, which the first line names.
    static let schemaPath = ".convoy/\(PublishedSchema.fleet.fileName)"

    // MARK: Sources

    /// A file for a person to fill in.
    package static func starter(_ place: Place) -> NewFleetFile {
        NewFleetFile(
            path: place.path,
            text: FleetDraft.starter(name: place.fleetName, migrations: place.migrations, schema: schemaPath),
            variables: [],
            notes: []
        )
    }

    /// A file of the TeslaMate services of a Docker Compose file.
    package static func compose(_ file: String, _ place: Place) throws -> NewFleetFile {
        let bytes: [UInt8]
        do throws(FileReadError) {
            bytes = try readFile(file, limit: FleetFile.sizeLimit)
        } catch {
            throw Problems([Problem(file: file, error.description, hint: error.hint ?? "name TeslaMate's docker-compose.yml")])
        }
        let compose: ComposeFile
        do throws(Problem) {
            compose = try ComposeFile(bytes, file: file)
        } catch {
            throw Problems([error])
        }
        let draft = compose.draft(name: place.fleetName, migrations: place.migrations)
        return try NewFleetFile(
            draft,
            place,
            notes: draft.instances.compactMap { instance in instance.note.map { "\(instance.name): \($0)" } }
        )
    }

    /// A file of the databases of a server that have a ledger.
    ///
    /// - Parameter url: a libpq URI or `key=value` string. A password in it is used and not written.
    package static func server(_ url: String, _ place: Place, directory: String) async throws -> NewFleetFile {
        let asked: ConnectionParameters
        do throws(PostgresError) {
            asked = try ConnectionParameters(conninfo: url)
        } catch {
            throw Refusal(
                kind: .input,
                message: "--from is neither a libpq URI nor a key=value string",
                hint: "write for example postgresql://teslamate@localhost:5432; percent-encode a password in it: @ is %40"
            )
        }
        var parameters = asked
        parameters["dbname"] = asked["dbname"].flatMap { $0.isEmpty ? nil : $0 } ?? "postgres"
        let survey: ServerSurvey
        do throws(PostgresError) {
            survey = try await ServerSurvey.take(parameters, timeout: .seconds(10))
        } catch {
            throw Refusal(
                kind: .unreachable,
                message: "the server cannot be asked for its databases: \(error.description)",
                hint:
                    "check host, port, user and password; the list is read in database “\(parameters["dbname"] ?? "")”, name another one in the URL"
            )
        }
        return try NewFleetFile(ServerDraft(survey, asked, directory: directory), place)
    }

    private init(path: String, text: String, variables: [String], notes: [String]) {
        (self.path, self.text, self.variables, self.notes) = (path, text, variables, notes)
    }

    private init(_ draft: FleetDraft, _ place: Place, notes: [String]) throws {
        // What is written here is read here: a name that the reader refuses is reported now and not by the next command.
        let problems = draft.problems(schema: Self.schemaPath)
        guard problems.isEmpty else {
            throw Refusal(
                kind: .nothing,
                message: "what was found makes no fleet file",
                details: problems.map(\.message),
                hint: "run `convoy init` without it for a file to fill in"
            )
        }
        self.init(path: place.path, text: draft.text(schema: Self.schemaPath), variables: draft.variables, notes: notes)
    }

    private init(_ server: ServerDraft, _ place: Place) throws {
        let draft = server.draft(name: place.fleetName, migrations: place.migrations)
        guard !draft.instances.isEmpty else {
            throw Refusal(
                kind: .nothing,
                message: "no database of this server has a table schema_migrations that this login can see",
                details: draft.notes,
                hint: "TeslaMate makes the table when it starts for the first time; `convoy init` without --from writes a file to fill in"
            )
        }
        try self.init(draft, place, notes: server.notes)
    }

    // MARK: Writing

    /// Writes the file and, beside it, the schema that its first line names. An existing fleet file is never overwritten.
    package func write() throws(Refusal) {
        let place = Place(path: path, migrations: "")
        if FileStatus(of: path, followsLinks: false) != nil {
            throw Refusal(kind: .file, message: "\(path) exists already", hint: "name another file with --fleet, or move this one away")
        }
        do throws(FileWriteError) {
            try writeNewFile(path, Array(text.utf8))
        } catch {
            throw Refusal(
                kind: .file,
                message: "\(path): \(error.description)",
                hint: "name a file in a directory that this user may write to"
            )
        }
        // The fleet file works without it; only an editor misses it.
        if makeFolder(place.directory + ".convoy") { try? replaceFile(place.directory + Self.schemaPath, PublishedSchema.fleet.bytes) }
    }
}
