package import ConvoyFleet
import ConvoyIO
package import ConvoyText
import Glibc

/// The programs that a fleet file names for secrets, hooks and gates. A missing program is reported before a run, not in the middle of it.
package struct HookPrograms {
    private let fleet: Fleet
    private let path: String

    package init(_ fleet: Fleet, environment: [String: String]) {
        self.fleet = fleet
        path = environment["PATH"] ?? "/usr/bin:/bin"
    }

    /// - Throws: a problem for each program that does not exist or is not executable.
    package func check() throws(Problems) {
        var problems: [Problem] = []
        let hooks = fleet.rollout.hooks.commands.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key.rawValue, $0.value) }
        let gates = fleet.rollout.waves.compactMap { wave in wave.gate.map { ("the gate of wave \(wave.name)", $0.command) } }
        let secrets = fleet.secretCommandList.map { ("secret command \($0.name)", [$0.program]) }
        for (place, command) in secrets + hooks + gates {
            guard let program = command.first, !program.contains("{"), !isThere(program) else { continue }
            problems.append(
                Problem(
                    file: fleet.file,
                    "\(place): program \(program) does not exist or is not executable by this user",
                    hint: program.contains("/")
                        ? "correct the path, or make the file executable" : "install it, or use its full path: it is not in PATH"
                )
            )
        }
        if !problems.isEmpty { throw Problems(problems) }
    }

    private func isThere(_ program: String) -> Bool {
        if program.contains("/") { return Self.isProgram(program) }
        return path.split(separator: ":").contains { Self.isProgram("\($0)/\(program)") }
    }

    private static func isProgram(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}
