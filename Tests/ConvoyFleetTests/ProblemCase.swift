import ConvoyFleet
import ConvoyMigrations
import ConvoyText
import Testing

/// A fleet file and everything that is told about it.
struct ProblemCase: Sendable, CustomTestStringConvertible {
    let name: String
    let file: [UInt8]
    let told: String

    /// - Parameter told: each problem as the user sees it, in the file's order.
    init(_ name: String, _ file: String, tells told: String) {
        self.init(name, Array("\(file)\n".utf8), tells: told)
    }

    init(_ name: String, _ file: [UInt8], tells told: String) {
        self.name = name
        self.file = file
        self.told = told
    }

    var testDescription: String { name }

    static let environment = ["PW": "hunter2", "EMPTY": ""]

    /// What the reader really tells: an error's problems or the warnings of a file that can be used.
    func actual(_ environment: [String: String] = Self.environment) -> String {
        do {
            let fleet = try FleetFile.read(file, file: "fleet.yaml", environment: environment)
            return fleet.warnings.map(\.description).joined(separator: "\n")
        } catch {
            return error.description
        }
    }
}
