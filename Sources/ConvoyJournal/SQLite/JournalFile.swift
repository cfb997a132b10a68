import ConvoyIO
import ConvoyRun
internal import Glibc

/// Where a journal is.
///
/// It is looked at by name only. A descriptor of a database that SQLite has open must never be opened and closed beside it: closing one
/// drops all of the process's locks on the file.
struct JournalFile: Sendable {
    /// As the user named it.
    let path: String
    /// The same with links in its folder resolved, so that every process puts the files beside it in the same place.
    let realPath: String

    private enum Kind {
        case missing, file
    }

    /// Finds an existing journal; nil if the file does not exist.
    static func existing(_ path: String) throws(JournalError) -> JournalFile? {
        try checkName(path)
        guard let file = try resolve(path), try file.kind() == .file else { return nil }
        try file.check(R_OK, file.realPath, "may not be read")
        return file
    }

    /// Finds a journal, or creates an empty file and the missing folders. Only this user can read what it creates.
    static func makeIfMissing(_ path: String) throws(JournalError) -> JournalFile {
        try checkName(path)
        try makeFolders(for: path)
        guard let file = try resolve(path) else { throw JournalError(path: path, message: "its folder does not exist") }
        if try file.kind() == .missing { try file.make() }
        try file.check(R_OK | W_OK, file.realPath, "may not be written")
        try file.check(W_OK, file.folder, "its folder may not be written")
        return file
    }

    /// In bytes; 0 for a file that is gone.
    var size: Int {
        var status = stat()
        return lstat(realPath, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Which file has the name now; nil if none does.
    var identity: FileStatus.Identity? { FileStatus(of: realPath, followsLinks: false)?.identity }

    private var folder: String { Self.folder(of: realPath) }

    private static func checkName(_ path: String) throws(JournalError) {
        guard !path.contains("://") else {
            // Not shown whole: it may hold a password.
            throw JournalError(
                path: "in a database",
                message: "this is a URL, and not the path of a file",
                hint: "name a control database with `control:` in the fleet file"
            )
        }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func name(of path: String) -> Substring {
        path.lastIndex(of: "/").map { path[path.index(after: $0)...] } ?? path[...]
    }

    /// Nil if the journal's folder does not exist.
    private static func resolve(_ path: String) throws(JournalError) -> JournalFile? {
        guard let resolved = realpath(folder(of: path), nil) else {
            if errno == ENOENT { return nil }
            throw JournalError(path: path, "its folder cannot be checked", code: errno)
        }
        defer { free(resolved) }
        let folder = String(cString: resolved)
        return JournalFile(path: path, realPath: (folder == "/" ? "" : folder) + "/" + name(of: path))
    }

    private func kind() throws(JournalError) -> Kind {
        var status = stat()
        guard lstat(realPath, &status) == 0 else {
            if errno == ENOENT { return .missing }
            throw JournalError(path: path, "cannot be checked", code: errno)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: throw JournalError(path: path, message: "is a folder, not a file", hint: "name a file in it")
        // The owner of the link would decide which file is written.
        case S_IFLNK: throw JournalError(path: path, message: "is a symbolic link", hint: "name the file that it points to")
        default: throw JournalError(path: path, message: "is not a regular file", hint: "set another path with `journal:`")
        }
    }

    private func make() throws(JournalError) {
        let descriptor = open(realPath, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            close(descriptor)
        } else if errno != EEXIST {
            throw JournalError(path: path, "cannot be created", code: errno)
        }
    }

    private func check(_ mode: Int32, _ name: String, _ words: String) throws(JournalError) {
        guard faccessat(AT_FDCWD, name, mode, AT_EACCESS) == 0 else { throw JournalError(path: path, words, code: errno) }
    }

    /// Makes the folders that are missing, and sees to it that their names survive a loss of power.
    private static func makeFolders(for path: String) throws(JournalError) {
        var missing: [String] = []
        var folder = folder(of: path)
        var status = stat()
        while stat(folder, &status) != 0, errno == ENOENT, folder != "/", folder != "." {
            missing.append(folder)
            folder = Self.folder(of: folder)
        }
        for name in missing.reversed() {
            guard mkdir(name, 0o700) == 0 || errno == EEXIST else {
                throw JournalError(path: path, "the folder \(name) cannot be created", code: errno)
            }
            let parent = open(Self.folder(of: name), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard parent >= 0 else { continue }
            fsync(parent)
            close(parent)
        }
    }
}
