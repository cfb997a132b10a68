import ConvoyFleet
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import Testing

@Suite("Instances found among a server's databases")
struct DiscoveryTests {
    private func fleet() throws -> Fleet {
        let file = """
            version: 1
            defaults: {user: teslamate, dbname: ignored, labels: {tier: free}}
            servers:
              eu-1: {host: h1, maintenance_database: template_free, admin: {user: postgres}}
              eu-2: {host: h2, direct: {port: 5433}}
            instances:
              - {name: alice, server: eu-1, database: teslamate_alice, labels: {ring: canary}}
            discover:
              - server: eu-1
                databases: "teslamate_*"
                exclude: ["*_template", "*_old?"]
                labels: {ring: stable}
                lock_wait: 7s
              - {server: eu-2, databases: "*", name: "{server}.{database}", maintenance_database: maintenance}
              - {server: eu-2, databases: "*bob", exclude: x}
            """
        return try FleetFile.read(Array(file.utf8), file: "fleet.yaml", environment: [:])
    }

    @Test func `databases are chosen by globs and get what the file says`() throws {
        let fleet = try fleet()
        let found = fleet.discoveries[0].instances(
            among: [
                "postgres", "teslamate_alice", "teslamate_bob", "teslamate_old1", "teslamate_template", "teslamate_ü ber", "x_teslamate_",
            ]
        )
        #expect(found.map(\.name) == ["teslamate_alice", "teslamate_bob", "teslamate_ü ber"])
        let bob = found[1]
        #expect(bob.server == "eu-1")
        #expect(bob.database == "teslamate_bob")
        #expect(bob.labels == ["tier": "free", "ring": "stable"])
        #expect(bob.settings.lockWait == .seconds(7))
        #expect(bob.connection == ConnectionParameters(["host": "h1", "user": "teslamate", "dbname": "teslamate_bob"]))
        #expect(bob.admin == ConnectionParameters(["host": "h1", "user": "postgres", "dbname": "teslamate_bob"]))
        #expect(bob.direct == nil)
    }

    @Test func `each entry knows where to ask`() throws {
        let fleet = try fleet()
        #expect(fleet.discoveries.map(\.maintenanceDatabase) == ["template_free", "maintenance", "postgres"])
        let found = fleet.discoveries[1].instances(among: ["bob"])
        #expect(found.map(\.name) == ["eu-2.bob"])
        #expect(found.first?.direct == ConnectionParameters(["host": "h2", "port": "5433", "user": "teslamate", "dbname": "bob"]))
    }

    @Test func `a database that is listed, or found before, is not added again`() throws {
        let fleet = try fleet()
        let merged = try fleet.merging([
            (fleet.discoveries[0], fleet.discoveries[0].instances(among: ["teslamate_alice", "teslamate_bob"])),
            (fleet.discoveries[1], fleet.discoveries[1].instances(among: ["bob", "carol"])),
            (fleet.discoveries[2], fleet.discoveries[2].instances(among: ["bob"])),
        ])
        #expect(merged.map(\.name) == ["alice", "teslamate_bob", "eu-2.bob", "eu-2.carol"])
        #expect(merged.first?.labels == ["tier": "free", "ring": "canary"])
    }

    @Test func `one name for two databases is a problem of the entry`() throws {
        let fleet = try fleet()
        let problems = #expect(throws: Problems.self) {
            try fleet.merging([
                (fleet.discoveries[0], fleet.discoveries[0].instances(among: ["teslamate_bob"])),
                (fleet.discoveries[2], fleet.discoveries[2].instances(among: ["teslamate_bob"])),
            ])
        }
        #expect(
            problems?.description == """
                fleet.yaml:15: error: database “teslamate_bob” of server `eu-2` gets the name `teslamate_bob`, which “teslamate_bob” of `eu-1` already has
                    hint: give the entry a `name` such as "{server}-{database}", or exclude the database with `exclude`
                """
        )
    }

    @Test func `a fleet without discovery is its list`() async throws {
        var fleet = try fleet()
        fleet.discoveries = []
        let discovered = try await fleet.discover()
        #expect(discovered.instances.map(\.name) == ["alice"])
        #expect(discovered.failures.isEmpty)
    }
}
