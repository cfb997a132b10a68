import ConvoyIO
import ConvoyMigrations
internal import ConvoyPostgres
package import ConvoyText

/// Reads the YAML file that describes a fleet.
///
///     let fleet = try FleetFile.load(path: "fleet.yaml", environment: ProcessInfo.processInfo.environment)
///
/// No reported problem contains a secret.
package enum FleetFile {
    /// The largest file that is read, in bytes.
    package static let sizeLimit = 8 << 20

    /// Reads and checks a file, touching no database.
    ///
    /// - Parameters:
    ///   - path: relative to the working directory; the paths in the file are relative to the file.
    ///   - environment: what `${env:NAME}` is taken from.
    /// - Throws: every problem of the file, warnings included, in its order. A problem that keeps the rest from being read comes alone.
    package static func load(path: String, environment: [String: String]) throws(Problems) -> Fleet {
        let contents: FileContents
        do throws(FileReadError) {
            contents = try readFileContents(path, limit: sizeLimit)
        } catch {
            let hint = error.hint ?? (error.cause == .missing ? missingHint(path) : nil)
            throw Problems([Problem(file: path, error.description, hint: hint)])
        }
        return try read(contents.bytes, file: path, environment: environment, isExposed: contents.isExposed)
    }

    /// What to do if the file does not exist; the same name with YAML's other ending is an easy mistake.
    static func missingHint(_ path: String) -> String {
        for (ending, other) in [(".yaml", ".yml"), (".yml", ".yaml")] where path.hasSuffix(ending) {
            let candidate = path.dropLast(ending.count) + other
            if (try? readFile(String(candidate), limit: sizeLimit)) != nil {
                return "found \(candidate): use --fleet \(candidate)"
            }
        }
        return "set the fleet file with --fleet or CONVOY_FLEET"
    }

    /// Reads and checks what stands in a file.
    ///
    /// - Parameters:
    ///   - isExposed: whether other users of the machine can read it.
    ///   - entries: instances to read as if the file listed them too, at the end of its list.
    package static func read(
        _ bytes: [UInt8],
        file: String,
        environment: [String: String],
        isExposed: Bool = false,
        adding entries: [InstanceEntry] = []
    ) throws(Problems) -> Fleet {
        let result: Result<(YAMLNode, [Problem]), Problem> = bytes.withUnsafeBufferPointer { bytes in
            Result { () throws(Problem) in try YAMLReader.read(bytes, file: file) }
        }
        let node: YAMLNode
        let reader = FleetReader(file: file, environment: environment)
        do {
            let (top, problems) = try result.get()
            node = entries.isEmpty ? top : try top.adding(entries)
            problems.forEach { reader.note($0) }
        } catch {
            throw Problems([error])
        }
        let fleet = reader.fleet(node)
        reader.noteExposedSecrets(isFileExposed: isExposed)
        let problems = inOrder(reader.problems)
        guard var fleet, problems.allSatisfy({ $0.severity == .warning }) else { throw Problems(problems) }
        fleet.warnings = problems
        fleet.checksum = contentChecksum(bytes)
        fleet.secrets = Set(reader.secrets.values.lazy.filter { !$0.isEmpty }.map { Secret($0) })
        fleet.secretVariables = reader.secrets.variables
        fleet.secretCommands?.keep(fleet.secrets.map { $0.reveal() }, variables: fleet.secretVariables)
        return fleet
    }

    private static func inOrder(_ problems: [Problem]) -> [Problem] {
        problems.sorted { ($0.line ?? 0, $0.column ?? 0, $0.message) < ($1.line ?? 0, $1.column ?? 0, $1.message) }
    }
}
