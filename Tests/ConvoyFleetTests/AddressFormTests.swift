import ConvoyFleet
import ConvoyPostgres
import Testing

@Suite("Sockets and IPv6 in URLs and keys")
struct AddressFormTests {
    @Test(arguments: [
        ("url: \"postgres://u@[::1]:${env:PORT}/n\"", "::1"),
        ("host: ::1\n    port: ${env:PORT}\n    user: u\n    database: n", "::1"),
        ("url: \"postgres://u@${env:ENCODED}:${env:PORT}/n\"", "/run/pg sql"),
        ("host: ${env:FOLDER}\n    port: ${env:PORT}\n    user: u\n    database: n", "/run/pg sql"),
        ("url: \"postgres:///n?host=${env:ENCODED}&port=${env:PORT}&user=u\"", "/run/pg sql"),
    ])
    func meanTheSame(_ keys: String, _ host: String) throws {
        let file = "version: 1\ninstances:\n  - name: a\n    \(keys)\n"
        let environment = ["PORT": "6543", "FOLDER": "/run/pg sql", "ENCODED": "%2Frun%2Fpg%20sql"]
        let fleet = try FleetFile.read(Array(file.utf8), file: "f", environment: environment)
        #expect(fleet.instances.map(\.connection) == [ConnectionParameters(["host": host, "port": "6543", "user": "u", "dbname": "n"])])
        #expect(fleet.instances.map(\.database) == ["n"])
        #expect(fleet.instances.map(\.server) == [host.hasPrefix("/") ? "\(host):6543" : "[\(host)]:6543"])
        #expect(fleet.warnings.isEmpty)
    }
}
