internal import ConvoyText

/// The contents of `releases.csv` beside the migrations, before they are read.
///
///     release,date,newest_version
///     v4.0.1,2026-06-14,20260411070212
///     v4.1.0,2026-08-14,20260808090000
///
/// The first line names the columns; further columns are left alone. The releases stand in the order of their versions.
struct ReleaseFile {
    static let name = "releases.csv"

    private let path: String
    private let lines: [Substring]
    /// The versions of the set.
    private let versions: Set<MigrationVersion>

    /// - Parameters:
    ///   - path: as reports name the file.
    ///   - versions: those of the set; a release can bring no other.
    init(path: String, contents: [UInt8], versions: some Sequence<MigrationVersion>) {
        self.path = path
        self.versions = Set(versions)
        var text = String(decoding: contents, as: UTF8.self)
        if text.hasPrefix("\u{FEFF}") { text.removeFirst() }
        lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    }

    /// Reads the file.
    ///
    /// - Throws: every problem of the file, in the order of its lines.
    func releases() throws(Problems) -> ReleaseList {
        let columns = fields(lines.first ?? "")
        guard let name = columns.firstIndex(of: "release"), let date = columns.firstIndex(of: "date"),
            let version = columns.firstIndex(of: "newest_version")
        else {
            throw Problems([
                Problem(
                    file: path,
                    line: 1,
                    "the first line does not name the columns release, date and newest_version",
                    hint: "write release,date,newest_version there"
                )
            ])
        }
        var releases: [ReleaseList.Release] = []
        var linesOfNames: [String: Int] = [:]
        var problems: [Problem] = []
        for (index, line) in lines.enumerated().dropFirst() where !line.allSatisfy(\.isWhitespace) {
            let number = index + 1
            func refuse(_ message: String, hint: String) {
                problems.append(Problem(file: path, line: number, message, hint: hint))
            }
            let values = fields(line)
            guard values.count == columns.count else {
                refuse(
                    "the line has \(values.count) fields, and the first line names \(columns.count)",
                    hint: "write one field for each column"
                )
                continue
            }
            guard Self.isName(values[name]) else {
                refuse("“\(values[name].visible)” is not the name of a release", hint: "write it like v4.1.0")
                continue
            }
            guard Self.isDate(values[date]) else {
                refuse("“\(values[date].visible)” is not a date", hint: "write it like 2026-08-14")
                continue
            }
            guard let newest = MigrationVersion(values[version]), versions.contains(newest) else {
                refuse(
                    "no migration has the version “\(values[version].visible)”",
                    hint: "name the version of the newest migration that the release has"
                )
                continue
            }
            if let first = linesOfNames.updateValue(number, forKey: values[name]) {
                refuse("release \(values[name]) stands in line \(first) too", hint: "remove one of them")
                continue
            }
            if let last = releases.last, last.version > newest {
                refuse(
                    "release \(values[name]) brings an older version than \(last.name) above it",
                    hint: "order the lines by newest_version"
                )
                continue
            }
            releases.append(ReleaseList.Release(name: values[name], date: values[date], version: newest))
        }
        guard problems.isEmpty else { throw Problems(problems) }
        return ReleaseList(releases)
    }

    private func fields(_ line: Substring) -> [String] {
        line.split(separator: ",", omittingEmptySubsequences: false).map { field in
            var field = field.drop { $0 == " " || $0 == "\t" }
            while let last = field.last, last == " " || last == "\t" || last == "\r" { field.removeLast() }
            if field.count >= 2, field.first == "\"", field.last == "\"" { field = field.dropFirst().dropLast() }
            return String(field)
        }
    }

    /// Letters, digits, points and hyphens, so that a name can stand in a table, a metric's label and a command.
    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, (1...40).contains(text.utf8.count), first != UInt8(ascii: "-") else { return false }
        // A number alone is a version.
        return MigrationVersion(text) == nil
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "." || $0 == "-")
            }
    }

    private static func isDate(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], parts.allSatisfy({ $0.utf8.allSatisfy { byte in (48...57).contains(byte) } })
        else { return false }
        return ("01"..."12").contains(parts[1]) && ("01"..."31").contains(parts[2])
    }
}
