import ConvoyIO
public import ConvoyText
import FoundationEssentials

extension MigrationSet {
    /// Reads every migration of a directory, the checks in its folder `checks`, the checkpoints in its folder `checkpoints`, and its list of releases,
    /// `releases.csv`.
    ///
    /// Migrations are the files named `<version>_<name>.sql`: digits, an underscore, then letters, digits, underscores and hyphens. Any other
    /// `.sql` file there is refused. Files of other kinds, hidden ones and other sub-folders are left alone. Checks are the files
    /// `checks/<version>.sql`; see ``MigrationCheck``. A directory with a file `SHA256SUMS` holds exactly what that file lists: an installed
    /// set that lost a file would otherwise look like a shorter one.
    ///
    /// - Parameters:
    ///   - directory: where to read.
    ///   - displayedAs: how reports name the directory, for example as the fleet file does.
    /// - Throws: every problem of every file together, ordered by file and line.
    public static func load(directory: String, displayedAs: String) throws(Problems) -> MigrationSet {
        let names = try fileNames(directory: directory, displayedAs: displayedAs)
        try compareWithChecksums(directory, displayedAs: displayedAs, names)
        var problems: [Problem] = []
        var migrations: [Migration] = []
        var files: [MigrationVersion: String] = [:]
        for name in names {
            let path = join(displayedAs, name)
            guard let identity = identity(ofFile: name, path: path, &problems) else { continue }
            if let first = files[identity.version] {
                problems.append(duplicate(identity.version, file: path, first: first))
            } else {
                files[identity.version] = path
            }
            do throws(Problems) {
                let contents = try contents(of: join(directory, name), displayedAs: path)
                let file = MigrationFile(version: identity.version, name: identity.name, path: path, contents: contents)
                migrations.append(try file.migration())
            } catch {
                problems += error.problems
            }
        }
        let checks = readChecks(join(directory, "checks"), displayedAs: join(displayedAs, "checks"), files.keys.sorted(), &problems)
        let releases = readReleases(directory, displayedAs: displayedAs, files.keys, &problems)
        guard problems.isEmpty else { throw Problems(problems) }
        guard !migrations.isEmpty else {
            throw Problems([
                Problem(
                    file: displayedAs,
                    "the directory holds no migration",
                    hint: "migrations are files named like 20260101120000_create_cars.sql; is `migrations` in the fleet file correct?"
                )
            ])
        }
        return try MigrationSet(migrations, checks: checks, releases: releases)
            .readingCheckpoints(join(directory, Checkpoint.folder), displayedAs: join(displayedAs, Checkpoint.folder))
    }

    /// - Parameter versions: those of the migrations.
    /// - Returns: no releases if the file is missing.
    private static func readReleases(
        _ directory: String,
        displayedAs: String,
        _ versions: some Sequence<MigrationVersion>,
        _ problems: inout [Problem]
    ) -> ReleaseList {
        let path = join(directory, ReleaseFile.name)
        guard FileManager.default.fileExists(atPath: path) else { return ReleaseList() }
        let shown = join(displayedAs, ReleaseFile.name)
        do throws(Problems) {
            return try ReleaseFile(path: shown, contents: try contents(of: path, displayedAs: shown), versions: versions).releases()
        } catch {
            problems += error.problems
            return ReleaseList()
        }
    }

    /// - Parameter versions: those of the migrations, ascending.
    private static func readChecks(
        _ directory: String,
        displayedAs: String,
        _ versions: [MigrationVersion],
        _ problems: inout [Problem]
    ) -> [MigrationCheck] {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory) else { return [] }
        guard isDirectory else {
            problems.append(Problem(file: displayedAs, "this is a file, not the directory of checks", hint: "rename or remove it"))
            return []
        }
        var checks: [MigrationCheck] = []
        do throws(Problems) {
            for name in try fileNames(directory: directory, displayedAs: displayedAs) {
                let path = join(displayedAs, name)
                guard name.hasSuffix(".sql"), let version = MigrationVersion(name.dropLast(4)) else {
                    problems.append(
                        Problem(
                            file: path,
                            "the file's name is not <version>.sql",
                            hint: "name it after the version of its migration, or move it to another directory"
                        )
                    )
                    continue
                }
                guard versions.contains(version) else {
                    problems.append(unknownVersion(version, file: path, among: versions))
                    continue
                }
                do throws(Problems) {
                    let contents = try contents(of: join(directory, name), displayedAs: path)
                    checks.append(try MigrationCheckFile(version: version, path: path, contents: contents, versions: versions).check())
                } catch {
                    problems += error.problems
                }
            }
        } catch {
            problems += error.problems
        }
        return checks
    }

    static func join(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
    }

    /// The names of the directory's `.sql` files, in the order of their numbers.
    static func fileNames(directory: String, displayedAs: String) throws(Problems) -> [String] {
        var isDirectory = false
        let exists = FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory)
        guard exists else {
            throw Problems([
                Problem(
                    file: displayedAs,
                    "the directory of migrations does not exist or cannot be reached",
                    hint: "`--directory` is relative to the working directory, and `migrations` in the fleet file to that file"
                )
            ])
        }
        guard isDirectory else {
            throw Problems([
                Problem(file: displayedAs, "this is a file, not the directory of migrations", hint: "name the directory that contains it")
            ])
        }
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory)
                .filter { $0.lowercased().hasSuffix(".sql") && !$0.hasPrefix(".") }
                .sorted { numericPrefix($0) < numericPrefix($1) }
        } catch {
            throw Problems([
                Problem(file: displayedAs, "the directory cannot be read", hint: "give this user permission to list it")
            ])
        }
    }

    /// Orders names by their number, so that `9_a.sql` comes before `10_b.sql`; equal or bad ones by name.
    private static func numericPrefix(_ name: String) -> (Int64, String) {
        (MigrationVersion(name.prefix { $0.isASCII && $0.isNumber })?.value ?? .max, name)
    }

    private static func identity(ofFile file: String, path: String, _ problems: inout [Problem]) -> MigrationFileName? {
        do throws(MigrationFileName.Flaw) {
            return try MigrationFileName(file)
        } catch {
            switch error {
            case .form:
                problems.append(
                    Problem(
                        file: path,
                        "the file's name is not <version>_<name>.sql",
                        hint: "name it like 20260101120000_create_cars.sql (letters, digits, _ and - in the name), "
                            + "or move it to another directory"
                    )
                )
            case .version(let digits):
                problems.append(
                    Problem(
                        file: path,
                        "\(digits) cannot be a version",
                        hint: "a version is a number from 1 to \(Int64.max), for example the time as 20260101120000"
                    )
                )
            }
            return nil
        }
    }

    static func contents(of path: String, displayedAs: String) throws(Problems) -> [UInt8] {
        do throws(FileReadError) {
            return try readFile(path, limit: MigrationFile.sizeLimit)
        } catch {
            let hint =
                switch error.cause {
                case .directory, .notRegular: "only files and symbolic links to files can be migrations; rename or remove it"
                case .tooLarge: "a migration is a list of statements; load data of that size with another tool"
                case .missing, .notPermitted, .notUTF8, .failed: "make it readable for this user, or repair the link"
                }
            throw Problems([Problem(file: displayedAs, error.description, hint: hint)])
        }
    }

    /// Compares the directory with its `SHA256SUMS`, if it has one.
    ///
    /// - Parameter names: of the migrations.
    private static func compareWithChecksums(_ directory: String, displayedAs: String, _ names: [String]) throws(Problems) {
        let path = join(directory, ChecksumFile.name)
        guard FileManager.default.fileExists(atPath: path) else { return }
        let shown = join(displayedAs, ChecksumFile.name)
        let list = try ChecksumFile(path: shown, contents: try contents(of: path, displayedAs: shown))
        var problems = list.problems(in: displayedAs) { file in
            let path = join(directory, file)
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            return try? readFile(path, limit: MigrationFile.sizeLimit)
        }
        let found = ["checks", Checkpoint.folder].flatMap { folder in
            let files = try? FileManager.default.contentsOfDirectory(atPath: join(directory, folder))
            return (files ?? []).filter { $0.hasSuffix(".sql") && !$0.hasPrefix(".") }.sorted().map { "\(folder)/\($0)" }
        }
        problems += list.unlisted(names + found, in: displayedAs)
        guard problems.isEmpty else { throw Problems(problems) }
    }
}
