import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import Testing

@Suite("What an instance gets")
struct FleetMergingTests {
    private func fleet(_ file: String, _ environment: [String: String] = [:]) throws -> Fleet {
        try FleetFile.read(Array(file.utf8), file: "conf/fleet.yaml", environment: environment)
    }

    @Test func `defaults give way to the server, the server to the instance`() throws {
        let fleet = try fleet(
            """
            version: 1
            fleet: test
            defaults:
              user: teslamate
              sslmode: verify-full
              port: 6432
              lock_wait: 1m
              labels: {tier: free, region: eu}
              secrets: {a: "${env:A}", b: "${env:A}"}
              admin: {user: postgres}
            servers:
              eu-1:
                host: db1
                port: 5432
                lock_wait: 2m
                lock_timeout: 1s
                max_connections: 7
                labels: {region: us}
                admin: {password: "${env:A}"}
            instances:
              - name: alice
                server: eu-1
                database: d1
                user: me
                lock_wait: 3m
                labels: {ring: canary}
                secrets: {b: "${env:B}"}
              - name: bob
                dbname: d2
                host: DB2
            """,
            ["A": "s1", "B": "s2"]
        )
        let alice = try #require(fleet.instances.first)
        #expect(alice.server == "eu-1")
        #expect(alice.database == "d1")
        #expect(alice.labels == ["tier": "free", "region": "us", "ring": "canary"])
        #expect(
            alice.connection
                == ConnectionParameters(["user": "me", "sslmode": "verify-full", "port": "5432", "host": "db1", "dbname": "d1"])
        )
        #expect(
            alice.admin
                == ConnectionParameters([
                    "user": "postgres", "password": "s1", "sslmode": "verify-full", "port": "5432", "host": "db1", "dbname": "d1",
                ])
        )
        #expect(alice.secrets == ["a": Secret("s1"), "b": Secret("s2")])
        #expect(alice.settings.lockWait == .seconds(180))
        #expect(alice.settings.lockTimeout == .seconds(1))
        #expect(alice.settings.statementTimeout == .seconds(1800))
        let bob = try #require(fleet.instances.last)
        #expect(bob.server == "db2:6432")
        #expect(bob.settings.lockWait == .seconds(60))
        #expect(bob.admin?["password"] == nil)
        #expect(fleet.servers == [Server(name: "eu-1", maxConnections: 7)])
        #expect(fleet.migrations == "conf/Migrations")
        #expect(fleet.rollout == Rollout())
        #expect(fleet.journal == "conf/.convoy/journal.sqlite")
        #expect(fleet.warnings.isEmpty)
    }

    @Test func `every setting has its key`() throws {
        let fleet = try fleet(
            """
            version: 1
            instances:
              - name: a
                connect_timeout: 1500ms
                lock_wait: 0s
                lock_timeout: 2s
                statement_timeout: 0s
                commit_wait: 2m
                autovacuum_wait: 3s
                ledger_schema: Tesla Mate
                out_of_order: refuse
                strict: true
                audit: journal-only
                checkpoint: false
                pooler: session
                allow_superuser: true
                trust_owner: true
                allow_read_only_default: true
                accept_drops: [near_home, "public.metres_from_home(double precision)"]
                show_row_details: true
            """
        )
        var expected = InstanceSettings()
        expected.connectTimeout = .milliseconds(1500)
        expected.lockWait = .zero
        expected.lockTimeout = .seconds(2)
        expected.statementTimeout = .zero
        expected.commitWait = .seconds(120)
        expected.autovacuumWait = .seconds(3)
        expected.ledgerSchema = "Tesla Mate"
        expected.outOfOrder = .refuse
        expected.strict = true
        expected.audit = .journalOnly
        expected.startsFromCheckpoint = false
        expected.poolerIsInSessionMode = true
        expected.allowsForeignSuperuser = true
        expected.trustsOwner = true
        expected.allowsReadOnlyDefault = true
        expected.acceptedDrops = ["near_home", "public.metres_from_home(double precision)"]
        expected.showsRowDetails = true
        #expect(fleet.instances.first?.settings == expected)
        #expect(fleet.instances.first?.connection == ConnectionParameters())
    }

    @Test func `a URL is taken apart, and a key beside it wins`() throws {
        let fleet = try fleet(
            """
            version: 1
            defaults: {user: teslamate, sslmode: require}
            instances:
              - name: uri
                url: ${env:URI}
                dbname: other
              - name: pairs
                url: host=h2 dbname='my db' connect_timeout=9
            """,
            ["URI": "postgresql://u:p%40ss@h1:5433/db?sslmode=disable&application_name=x"]
        )
        #expect(
            fleet.instances.map(\.connection) == [
                ConnectionParameters([
                    "user": "u", "password": "p@ss", "host": "h1", "port": "5433", "dbname": "other", "sslmode": "disable",
                    "application_name": "x",
                ]),
                ConnectionParameters(["user": "teslamate", "sslmode": "require", "host": "h2", "dbname": "my db"]),
            ]
        )
        #expect(fleet.instances.map(\.settings.connectTimeout) == [.seconds(5), .seconds(9)])
        #expect(fleet.instances.map(\.database) == ["other", "my db"])
    }

    @Test func `a host does not keep another host's address, a password file no password`() throws {
        let fleet = try fleet(
            """
            version: 1
            defaults: {host: h1, hostaddr: 192.0.2.1, password: "${env:PW}"}
            instances: [{name: a, host: h2, passfile: pgpass}]
            """,
            ["PW": "x"]
        )
        #expect(fleet.instances.first?.connection == ConnectionParameters(["host": "h2", "passfile": "conf/pgpass"]))
    }

    @Test func `the way past a pooler keeps the login but not the pooler's port`() throws {
        let fleet = try fleet(
            """
            version: 1
            defaults: {host: pooler, port: 6432, user: u, dbname: alias, admin: {user: postgres}}
            instances:
              - {name: a, direct: {host: db, dbname: real}}
              - {name: b, direct: {port: 5432}}
              - {name: c, dbname: c, direct: "postgresql:///x?host=/run/pg"}
            """
        )
        #expect(
            fleet.instances.map(\.direct) == [
                ConnectionParameters(["host": "db", "user": "u", "dbname": "real"]),
                ConnectionParameters(["host": "pooler", "port": "5432", "user": "u", "dbname": "alias"]),
                ConnectionParameters(["host": "/run/pg", "user": "u", "dbname": "x"]),
            ]
        )
        #expect(fleet.instances.map { $0.admin?["host"] } == ["db", "pooler", "/run/pg"])
        #expect(fleet.instances.map { $0.admin?["user"] } == ["postgres", "postgres", "postgres"])
    }

    @Test(
        arguments: [
            ("{name: a}", [:], "localhost:5432"), ("{name: a}", ["PGHOST": "db", "PGPORT": "99"], "db:99"),
            ("{name: a, host: DB}", [:], "db:5432"),
            ("{name: a, host: /run/PG, port: 1}", [:], "/run/PG:1"), ("{name: a, host: \"::1\"}", [:], "[::1]:5432"),
            ("{name: a, hostaddr: 192.0.2.1}", [:], "192.0.2.1:5432"), ("{name: a, service: s}", [:], "service:s"),
            ("{name: a, host: listed}", [:], "eu-1"),
        ] as [(String, [String: String], String)]
    )
    func `an instance without a server is known by its address`(_ instance: String, _ environment: [String: String], _ server: String)
        throws
    {
        let fleet = try fleet("version: 1\nservers: {eu-1: {host: listed}}\ninstances: [\(instance)]\n", environment)
        #expect(fleet.instances.first?.server == server)
    }

    @Test(
        arguments: [
            ("{name: a}", [:], "default"), ("{name: a, user: u}", [:], "u"), ("{name: a}", ["PGDATABASE": "d", "PGUSER": "u"], "d"),
            ("{name: a, service: s}", [:], "service:s"), ("{name: a, dbname: x, service: s}", [:], "x"),
        ] as [(String, [String: String], String)]
    )
    func `a database that is not given is shown as libpq would choose it`(
        _ instance: String,
        _ environment: [String: String],
        _ database: String
    ) throws {
        #expect(try fleet("version: 1\ninstances: [\(instance)]\n", environment).instances.first?.database == database)
    }

    @Test func `waves are read in order with their limits`() throws {
        let fleet = try fleet(
            """
            version: 1
            limits: {total: 10, per_server: 3}
            instances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}, {name: d, dbname: d}]
            rollout:
              waves:
                - {name: canary, select: ring=canary, max_parallel: 1}
                - {name: one, names: [b]}
                - {name: some, percent: 25%, stop: {failures: 2}}
                - {name: more, count: 1}
                - {name: rest, rest: true}
            """
        )
        #expect(fleet.limits == Limits(total: 10, perServer: 3))
        #expect(
            fleet.rollout.waves == [
                Wave(name: "canary", selection: .selector(try Selector(parsing: "ring=canary")), maxParallel: 1),
                Wave(name: "one", selection: .names(["b"])),
                Wave(name: "some", selection: .percent(25), stop: StopRules(failures: 2)),
                Wave(name: "more", selection: .count(1)),
                Wave(name: "rest", selection: .rest),
            ]
        )
    }

    @Test func `nothing that is printed shows a secret`() throws {
        let fleet = try fleet(
            """
            version: 1
            instances:
              - name: a
                url: postgresql://u:hunter2@h/d
                admin: {user: p, password: hunter2}
                direct: {host: h, password: hunter2}
                secrets: {k: hunter2}
            """
        )
        var dumped = ""
        dump(fleet, to: &dumped)
        #expect(!dumped.contains("hunter2"))
        #expect(!"\(fleet)".contains("hunter2"))
        #expect(!String(reflecting: fleet).contains("hunter2"))
    }

    @Test func `thousands of instances load`() throws {
        var file = "version: 1\nservers: {s: {host: h}}\ninstances:\n"
        for number in 0..<3000 { file += "  - {name: t\(number), server: s, database: d\(number), labels: {ring: r\(number % 7)}}\n" }
        file += "rollout: {waves: [{name: a, select: ring=r1}, {name: b, percent: 10}, {name: c}]}\n"
        let fleet = try fleet(file)
        #expect(fleet.instances.count == 3000)
        #expect(fleet.warnings.isEmpty)
    }
}
