import ConvoyText
import Testing

@testable import ConvoyFleet

/// `provision` of a server, and the names that it makes.
struct ProvisioningTests {
    private func server(_ provision: String, admin: String = "admin: {user: postgres}") throws -> Server {
        let text = """
            version: 1
            secret_commands: {vault: {run: [vault, "{key}"]}}
            servers:
              eu-1:
                host: h
                \(admin)
                maintenance_database: maintenance
                provision: \(provision)

            """
        let fleet = try FleetFile.read(Array(text.utf8), file: "conf/fleet.yaml", environment: [:])
        #expect(fleet.warnings.isEmpty && fleet.instances.isEmpty)
        return try #require(fleet.servers.first)
    }

    @Test func theDefaults() throws {
        let shared = try server("{database: \"tm_{name}\"}").provisioning
        #expect(
            shared
                == Provisioning(
                    database: "tm_{name}",
                    password: "${file:passwords/{name}}",
                    passwordFile: nil,
                    maintenanceDatabase: "maintenance"
                )
        )
        let own = try server("{database: \"{name}\", role: \"r-{name}\", locale: C.UTF-8, connection_limit: 20}").provisioning
        #expect(
            own
                == Provisioning(
                    database: "{name}",
                    role: "r-{name}",
                    password: "${file:passwords/{name}}",
                    passwordFile: "conf/passwords/{name}",
                    locale: "C.UTF-8",
                    connectionLimit: 20,
                    maintenanceDatabase: "maintenance"
                )
        )
    }

    @Test(
        arguments: [
            ("${file:/run/secrets/{name}.txt}", "/run/secrets/{name}.txt"), ("${file:{name}}", "conf/{name}"),
            ("${file:../{name}/pw}", "conf/../{name}/pw"), ("${command:vault:teslamate/{name}}", nil), ("${env:PW_{name}}", nil),
        ] as [(String, String?)]
    )
    func whereThePasswordComesFrom(_ password: String, _ file: String?) throws {
        let provisioning = try server("{database: \"{name}\", role: \"{name}\", password: \"\(password)\"}").provisioning
        #expect(provisioning?.password == password)
        #expect(provisioning?.passwordFile == file)
    }

    @Test func aServerWithoutTheKeyAllowsNothing() throws {
        let fleet = try FleetFile.read(
            Array("version: 1\nservers: {a: {host: h}}\ninstances: [{name: x, server: a}]\n".utf8),
            file: "fleet.yaml",
            environment: [:]
        )
        #expect(fleet.servers.first?.provisioning == nil)
    }

    @Test(
        arguments: [
            ("teslamate_alice", false, nil), ("a.b-c", true, nil), (String(repeating: "x", count: 63), true, nil),
            (String(repeating: "x", count: 64), false, "has 64 bytes, and PostgreSQL cuts names behind 63"),
            (String(repeating: "ü", count: 32), true, "has 64 bytes, and PostgreSQL cuts names behind 63"),
            ("pg_alice", true, "is reserved by PostgreSQL"), ("pg_alice", false, nil), ("public", true, "is reserved by PostgreSQL"),
            ("none", true, "is reserved by PostgreSQL"),
        ] as [(String, Bool, String?)]
    )
    func namesOfRolesAndDatabases(_ name: String, _ isRole: Bool, _ complaint: String?) {
        #expect(Provisioning.complaint(name, isRole: isRole) == complaint)
    }

    @Test(arguments: [
        ("alice", true), ("a.b-c_9", true), ("1", true), ("", false), ("-x", false), ("_x", false), ("a b", false), ("a/b", false),
        ("{name}", false), ("a\u{301}", false), ("a\n", false), ("../x", false), (String(repeating: "a", count: 129), false),
        ("a\"b", false),
        ("a'b", false), ("a;b", false),
    ])
    func namesOfInstances(_ name: String, _ isGood: Bool) {
        #expect((Provisioning.complaint(instance: name) == nil) == isGood)
    }

    @Test(arguments: [
        ("ring", "stable", true), ("a/b.c-d", "x:y@z[1]", true), ("name", "x", false), ("server", "x", false), ("", "x", false),
        ("a b", "x", false), ("a", "", false), ("a", "b c", false), ("a", "b\u{200B}", false), ("a", "b,c", false),
    ])
    func labels(_ key: String, _ value: String, _ isGood: Bool) {
        #expect((Provisioning.complaint(label: key, value) == nil) == isGood)
    }
}
