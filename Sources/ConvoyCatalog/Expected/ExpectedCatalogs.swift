import ConvoyIO
package import ConvoyMigrations
package import ConvoyText
import FoundationEssentials

/// The catalogue that each version of a migration set gives: the folder `catalogue` beside the migrations.
///
/// A file a version, which says what the migration changes; see `docs/drift.md`. `convoy catalogue` writes them.
package struct ExpectedCatalogs: Sendable {
    /// The name of the folder in the directory of migrations.
    package static let folder = "catalogue"
    private static let suffix = ".facts"
    /// A file is not read if it is larger.
    private static let sizeLimit = 4 << 20

    private let catalogs: [MigrationVersion: Catalog]
    /// The schemas that any version has: the set's own.
    package let schemas: Set<String>

    /// The catalogue at a version; nil if the set does not describe it.
    package subscript(version: MigrationVersion) -> Catalog? { catalogs[version] }

    /// Every version that is described, ascending.
    package var versions: [MigrationVersion] { catalogs.keys.sorted() }

    /// The versions of which a directory of migrations has a file; none if it does not have the folder.
    package static func describedVersions(in directory: String) -> [MigrationVersion] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path(directory, folder))) ?? []
        return names.filter { $0.hasSuffix(suffix) }.compactMap { MigrationVersion($0.dropLast(suffix.count)) }
    }

    /// Reads the catalogue of each version of a set.
    ///
    /// - Parameters:
    ///   - versions: those of the migrations, ascending; one without a file is a problem, and so is a file of another one.
    ///   - directory: that of the migrations.
    ///   - displayedAs: how reports name the directory.
    /// - Throws: the problems: a folder or a file that is missing, that was edited or that cannot be read.
    package static func load(of versions: [MigrationVersion], directory: String, displayedAs: String) throws(Problems) -> ExpectedCatalogs {
        let folder = path(directory, Self.folder)
        let shown = path(displayedAs, Self.folder)
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw Problems([
                Problem(
                    file: shown,
                    "the migration set has no catalogue of its versions",
                    hint: "write it with `convoy catalogue`, which applies the set to a scratch database"
                )
            ])
        }
        let expected = Set(versions.map { $0.description + suffix })
        var problems = names.filter { $0.hasSuffix(suffix) && !expected.contains($0) }.sorted().map { name in
            Problem(file: path(shown, name), "the migration set has no migration of this version", hint: "remove the file")
        }
        var catalogs: [MigrationVersion: Catalog] = [:]
        var facts: Set<CatalogFact> = []
        var hashes: [CatalogFact: String] = [:]
        for version in versions {
            let name = version.description + suffix
            do throws(Problem) {
                let file = try CatalogFile(parsing: contents(path(folder, name), displayedAs: path(shown, name)), file: path(shown, name))
                catalogs[version] = try file.apply(to: &facts, &hashes, file: path(shown, name))
            } catch {
                // What follows builds on this file.
                problems.append(error)
                break
            }
        }
        guard problems.isEmpty else { throw Problems(problems) }
        return ExpectedCatalogs(catalogs)
    }

    package init(_ catalogs: [MigrationVersion: Catalog]) {
        self.catalogs = catalogs
        schemas = catalogs.values.reduce(into: []) { $0.formUnion($1.schemas) }
    }

    /// The files that describe these catalogues: names and texts, in the order of the versions.
    package var files: [(name: String, text: String)] {
        var earlier: Catalog?
        return versions.map { version in
            defer { earlier = catalogs[version] }
            return (version.description + Self.suffix, catalogs[version].map { CatalogFile(from: earlier, to: $0).text } ?? "")
        }
    }

    /// Replaces what the folder of a migration set says by these catalogues.
    ///
    /// - Parameter directory: that of the migrations.
    /// - Throws: the first file that cannot be written.
    package func write(into directory: String) throws(Problem) {
        let folder = Self.path(directory, Self.folder)
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw Problem(file: folder, "the folder cannot be made", hint: "give this user permission to write there")
        }
        let files = files
        for (name, text) in files {
            do throws(FileWriteError) {
                try replaceFile(Self.path(folder, name), Array(text.utf8))
            } catch {
                throw Problem(file: Self.path(folder, name), "the file cannot be written: \(error)")
            }
        }
        let names = Set(files.map(\.name))
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where name.hasSuffix(Self.suffix) && !names.contains(name) {
            try? FileManager.default.removeItem(atPath: Self.path(folder, name))
        }
    }

    private static func contents(_ path: String, displayedAs shown: String) throws(Problem) -> String {
        do throws(FileReadError) {
            let bytes = try readFile(path, limit: sizeLimit)
            guard let text = String(validating: bytes, as: UTF8.self) else { throw FileReadError(.notUTF8) }
            return text
        } catch {
            throw Problem(file: shown, error.description, hint: CatalogFile.hint)
        }
    }

    private static func path(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
    }
}
