import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import FoundationEssentials
import Testing

@Suite("Reading a fleet file from disk")
struct FleetFileTests {
    private let directory: String

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "convoy-fleet-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    /// What loading tells, with the directory's own name left out.
    private func told(_ name: String) -> String {
        do {
            return try FleetFile.load(path: "\(directory)/\(name)", environment: [:]).warnings.map(\.description).joined(separator: "\n")
        } catch {
            return error.description.replacing("\(directory)/", with: "")
        }
    }

    /// What only this user can read, as secrets must be.
    private func write(_ name: String, _ content: Data) throws {
        let path = "\(directory)/\(name)"
        try content.write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    @Test func `a missing file says how to name one`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        #expect(
            told("fleet.yaml") == "fleet.yaml: error: the file does not exist\n    hint: set the fleet file with --fleet or CONVOY_FLEET"
        )
    }

    @Test func `a directory is no fleet file`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: "\(directory)/fleet.yaml", withIntermediateDirectories: false)
        #expect(told("fleet.yaml") == "fleet.yaml: error: the file is a directory\n    hint: name the file in it")
    }

    @Test func `a file over 8 MiB is refused, one of 8 MiB is read`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let start = Data("version: 1\ninstances: [{name: a}]\n".utf8)
        let filling = Data(repeating: UInt8(ascii: "#"), count: FleetFile.sizeLimit - start.count)
        try write("full.yaml", start + filling)
        try write("over.yaml", start + filling + Data("#".utf8))
        #expect(told("full.yaml") == "")
        #expect(told("over.yaml") == "over.yaml: error: the file is larger than 8 MiB")
    }

    @Test func `a device without end is refused`() {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        #expect(throws: Problems.self) { try FleetFile.load(path: "/dev/zero", environment: [:]) }
    }

    @Test func `secrets come from files beside the fleet file, without their last line end`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try write("lf", Data("hunter2\n".utf8))
        try write("crlf", Data("hunter2\r\n".utf8))
        try write("two", Data("hunter2\n\n".utf8))
        try write(
            "fleet.yaml",
            Data(
                """
                version: 1
                migrations: ../Migrations
                instances:
                  - name: a
                    password: ${file:lf}
                    sslrootcert: certs/root.pem
                    secrets: {crlf: "${file:crlf}", two: {exact: "${file:two}"}, both: "<${file:lf}>"}
                """.utf8
            )
        )
        let fleet = try FleetFile.load(path: "\(directory)/fleet.yaml", environment: [:])
        let instance = try #require(fleet.instances.first)
        #expect(instance.connection["password"] == "hunter2")
        #expect(instance.connection["sslrootcert"] == "\(directory)/certs/root.pem")
        #expect(instance.secrets.mapValues { $0.reveal() } == ["crlf": "hunter2", "two": "hunter2\n", "both": "<hunter2>"])
        #expect(fleet.migrations == "\(directory)/../Migrations")
        #expect(fleet.warnings.isEmpty)
    }

    @Test func `a secret's file that is no text, or too large, is told by its name`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try write("binary", Data([0xff, 0x00]))
        try write("large", Data(repeating: 65, count: 1 << 17))
        try write("fleet.yaml", Data("version: 1\ninstances:\n  - {name: a, password: \"${file:binary}\", user: \"${file:large}\"}\n".utf8))
        #expect(
            told("fleet.yaml") == """
                fleet.yaml:3:25: error: the file “binary” is not UTF-8 text
                    hint: relative paths start at the directory of the fleet file
                fleet.yaml:3:49: error: the file “large” is larger than 64 KiB
                    ${file:large}
                    hint: relative paths start at the directory of the fleet file
                """
        )
    }
}
