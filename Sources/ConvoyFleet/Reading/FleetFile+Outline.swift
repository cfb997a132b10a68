import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
package import ConvoyText

extension FleetFile {
    /// A fleet file as far as it can be read, for what needs only a part of it: where the journal is, what the instances are called.
    ///
    /// Emergency commands read it this way: they work without the secrets of the fleet, and while an operator is editing the file.
    package struct Outline: Sendable {
        /// What could be read. Instances that the file describes wrongly may be missing, connections may lack their passwords.
        package var fleet: Fleet
        /// What is wrong with the rest.
        package var problems: [Problem]
    }

    /// Reads as much of a file as can be read.
    ///
    /// - Throws: the problems if the file itself cannot be read, or does not say where the journal and the migrations are.
    package static func outline(path: String, environment: [String: String]) throws(Problems) -> Outline {
        let bytes: [UInt8]
        do throws(FileReadError) {
            bytes = try readFile(path, limit: sizeLimit)
        } catch {
            let hint = error.hint ?? (error.cause == .missing ? missingHint(path) : nil)
            throw Problems([Problem(file: path, error.description, hint: hint)])
        }
        return try outline(bytes, file: path, environment: environment)
    }

    /// The same for what stands in a file.
    package static func outline(_ bytes: [UInt8], file: String, environment: [String: String]) throws(Problems) -> Outline {
        let result: Result<(YAMLNode, [Problem]), Problem> = bytes.withUnsafeBufferPointer { bytes in
            Result { () throws(Problem) in try YAMLReader.read(bytes, file: file) }
        }
        switch result {
        case .success(let (top, problems)):
            let reader = FleetReader(file: file, environment: environment)
            problems.forEach { reader.note($0) }
            guard let fleet = reader.fleet(top), reader.placesAreKnown else { throw Problems(reader.problems) }
            return Outline(fleet: fleet, problems: reader.problems.filter { $0.severity == .error })
        case .failure(let problem):
            return Outline(fleet: try places(bytes, file: file, problem), problems: [problem])
        }
    }

    /// The outline of a file that is not valid YAML, from its lines without indentation.
    private static func places(_ bytes: [UInt8], file: String, _ problem: Problem) throws(Problems) -> Fleet {
        let reader = FleetReader(file: file, environment: [:])
        var values: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            for key in ["fleet", "journal", "control", "migrations"] where line.hasPrefix("\(key):") {
                // A key that is given twice, or filled in from elsewhere, cannot be decided here.
                guard values[key] == nil, let value = plainValue(line.dropFirst(key.count + 1)) else { throw Problems([problem]) }
                values[key] = value
            }
        }
        guard let name = values["fleet"] else { throw Problems([problem]) }
        let journal = values["control"] ?? values["journal"].flatMap { JournalPlace.isURL($0) ? $0 : nil }
        let control = journal.flatMap { try? ConnectionParameters(conninfo: $0) }
        if journal != nil, control == nil { throw Problems([problem]) }
        var fleet = Fleet(
            file: file,
            name: name,
            migrations: values["migrations"].map(reader.resolve) ?? InstalledMigrations.standard(beside: reader.resolve("Migrations")),
            instances: [],
            journal: control?.databasePlace ?? reader.resolve(values["journal"] ?? Fleet.defaultJournal)
        )
        fleet.control = control
        return fleet
    }

    /// A value that stands on its key's line, without a variable and without the marks of anything larger.
    private static func plainValue(_ text: Substring) -> String? {
        var value = text.drop { $0 == " " || $0 == "\t" }
        if let quote = value.first, quote == "\"" || quote == "'" {
            value = value.dropFirst()
            guard let end = value.firstIndex(of: quote) else { return nil }
            value = value[..<end]
        } else {
            if value.first == "#" { return nil }
            if let comment = value.range(of: " #") { value = value[..<comment.lowerBound] }
            while value.last == " " || value.last == "\t" { value.removeLast() }
        }
        let isPlain = !value.isEmpty && !value.contains { "$\\{}[]&*|>!".contains($0) }
        return isPlain ? String(value) : nil
    }
}

extension Substring {
    /// Where a text first stands.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
