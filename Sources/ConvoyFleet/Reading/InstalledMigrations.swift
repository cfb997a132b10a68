import FoundationEssentials

/// The migration set that a package installs beside the program: `share/convoy/Migrations` of the directory in whose `bin` the program is.
package enum InstalledMigrations {
    /// The directory; nil if nothing is installed there.
    package static var directory: String? { directory(besideProgram: "/proc/self/exe") }

    /// - Parameter link: a symbolic link to the program.
    static func directory(besideProgram link: String) -> String? {
        guard let program = try? FileManager.default.destinationOfSymbolicLink(atPath: link), program.hasPrefix("/") else { return nil }
        // `/usr/bin/convoy`, `/opt/convoy/bin/convoy`
        let parts = program.split(separator: "/").dropLast(2)
        guard program.split(separator: "/").dropLast().last == "bin" else { return nil }
        let directory = (parts + ["share", "convoy", "Migrations"]).map { "/\($0)" }.joined()
        return isDirectory(directory) ? directory : nil
    }

    /// The directory of a fleet file that names none: the one beside the file, else the installed one.
    package static func standard(beside local: String) -> String {
        isDirectory(local) ? local : directory ?? local
    }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory
    }
}
