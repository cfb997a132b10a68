internal import ConvoyText
import Crypto

/// The contents of `SHA256SUMS` in a set that a package installs, as `sha256sum` writes them: the files of the set and their checksums.
struct ChecksumFile {
    static let name = "SHA256SUMS"

    private let path: String
    /// In the order of the file.
    private let entries: [(file: String, checksum: String)]

    private static let hint =
        "install the set again, for example with apt-get install --reinstall convoy; "
        + "a set to edit is a copy without \(name), named by `migrations`"

    /// - Parameter path: as reports name the file.
    /// - Throws: every line that `sha256sum` does not write.
    init(path: String, contents: [UInt8]) throws(Problems) {
        self.path = path
        var entries: [(file: String, checksum: String)] = []
        var problems: [Problem] = []
        let lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            let text = String(decoding: line, as: UTF8.self)
            let (checksum, file) = (String(text.prefix(64)), String(text.dropFirst(66)))
            let isChecksum = checksum.isHexadecimal(digits: 64)
            let isPath = !file.isEmpty && !file.hasPrefix("/") && !file.split(separator: "/").contains("..")
            let gap = text.dropFirst(64).prefix(2)
            guard isChecksum, isPath, gap == "  " || gap == " *" else {
                problems.append(
                    Problem(file: path, line: index + 1, "the line is not a SHA-256 checksum, two blanks and a file", hint: Self.hint)
                )
                continue
            }
            entries.append((file.hasPrefix("./") ? String(file.dropFirst(2)) : file, checksum))
        }
        guard problems.isEmpty else { throw Problems(problems) }
        self.entries = entries
    }

    /// What differs from the list.
    ///
    /// - Parameters:
    ///   - directory: as reports name it.
    ///   - contents: those of a file; nil if it is missing or cannot be read.
    func problems(in directory: String, _ contents: (_ file: String) -> [UInt8]?) -> [Problem] {
        entries.compactMap { file, checksum in
            let shown = MigrationSet.join(directory, file.visible)
            guard let bytes = contents(file) else {
                return Problem(file: shown, "the file is missing or cannot be read; \(path) lists it", hint: Self.hint)
            }
            guard SHA256.hash(data: bytes).hexadecimal == checksum else {
                return Problem(file: shown, "the file is not the one that \(path) lists: its checksum differs", hint: Self.hint)
            }
            return nil
        }
    }

    /// A problem for each file that is not in the list: a migration that another release left behind would run.
    func unlisted(_ files: [String], in directory: String) -> [Problem] {
        let listed = Set(entries.map(\.file))
        return files.filter { !listed.contains($0) }.map { file in
            Problem(file: MigrationSet.join(directory, file), "the file is not in \(path)", hint: Self.hint)
        }
    }
}
