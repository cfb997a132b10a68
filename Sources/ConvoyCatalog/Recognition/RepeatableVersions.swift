import ConvoyIO
package import ConvoyMigrations
package import ConvoyText

/// The versions of a migration set whose migrations change rows and may run a second time, as the file `repeatable.csv` beside the catalogue names them:
/// only their author knows, and the files themselves cannot say so later, because an applied file must not change.
///
///     version,reason
///     20260808090000,the energy is computed anew from the charges
package struct RepeatableVersions: Sendable {
    package let versions: Set<MigrationVersion>

    private static let name = "repeatable.csv"
    private static let sizeLimit = 1 << 20
    private static let hint = "write a line VERSION,REASON for each version whose migration does no harm a second time"

    package init(_ versions: Set<MigrationVersion> = []) { self.versions = versions }

    /// Reads the file of a migration set. Without the file, no version is known to be repeatable.
    ///
    /// - Parameters:
    ///   - directory: that of the migrations.
    ///   - displayedAs: how reports name the directory.
    /// - Throws: every line that is wrong.
    package static func load(in set: MigrationSet, directory: String, displayedAs: String) throws(Problems) -> RepeatableVersions {
        let shown = path(displayedAs)
        let text: String
        do throws(FileReadError) {
            let bytes = try readFile(path(directory), limit: sizeLimit)
            guard let valid = String(validating: bytes, as: UTF8.self) else { throw FileReadError(.notUTF8) }
            text = valid
        } catch {
            if error.cause == .missing { return RepeatableVersions() }
            throw Problems([Problem(file: shown, error.description, hint: hint)])
        }
        var versions: Set<MigrationVersion> = []
        var problems: [Problem] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
            func problem(_ message: String) { problems.append(Problem(file: shown, line: index + 1, message, hint: hint)) }
            if index == 0 {
                if line != "version,reason" { problem("the first line is not “version,reason”") }
                continue
            }
            let parts = line.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
            guard let version = MigrationVersion(parts[0]) else {
                problem("the line does not begin with a version")
                continue
            }
            if !set.contains(version) { problem("the migration set has no version \(version)") }
            if parts.count < 2 || parts[1].allSatisfy(\.isWhitespace) { problem("the version has no reason") }
            if !versions.insert(version).inserted { problem("the version has a line already") }
        }
        guard problems.isEmpty else { throw Problems(problems) }
        return RepeatableVersions(versions)
    }

    private static func path(_ directory: String) -> String {
        (directory.hasSuffix("/") ? directory : "\(directory)/") + "\(ExpectedCatalogs.folder)/\(name)"
    }
}
