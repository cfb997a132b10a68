import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRollout
@testable import ConvoyRun

/// What the programs of a fleet file get of our environment, and what is hidden in what they write.
@Suite(.timeLimit(.minutes(3))) struct HookSecretsTests {
    private let occasion = HookOccasion(run: "run-1", direction: .up)

    private func output(
        _ text: String,
        secrets: KnownSecrets = KnownSecrets(),
        environment: [String: String],
        passing: Set<String> = []
    ) async throws -> String {
        let runner = hookRunner([.beforeRun: script(text)], secrets: secrets, environment: environment, passing: passing)
        let result = try #require(await runner.run(.beforeRun, for: occasion))
        #expect(result.problem == nil)
        return result.output
    }

    private static let environment = [
        "PATH": "/usr/bin:/bin", "HOME": "/home/x", "LANG": "C.UTF-8", "LC_TIME": "C", "TZ": "UTC",
        "DOCKER_HOST": "unix:///run/docker.sock",
        "CONVOY_TOKEN": "0123456789abcdef", "CONVOY_FLEET": "fleet.yaml", "PGPASSWORD": "hunter2", "EU1_PASSWORD": "hunter3",
        "AWS_SECRET_ACCESS_KEY": "x",
        "LD_PRELOAD": "/nowhere.so", "XDG_RUNTIME_DIR": "/run/user/0", "LC_SECRET": "hunter4", "NOTIFY": "ops",
    ]

    private func fleet(_ text: String, _ environment: [String: String] = environment) throws -> Fleet {
        try FleetFile.read(Array(text.utf8), file: "fleet.yaml", environment: environment)
    }

    @Test func programsGetWhatTheyNeedAndNoMore() async throws {
        let fleet = try fleet(
            "version: 1\ninstances: [{name: a, database: a, password: \"${env:EU1_PASSWORD}\", secrets: {k: \"${env:LC_SECRET}\"}}]"
        )
        let secrets = KnownSecrets(fleet, environment: Self.environment)
        // What the shell sets itself is no matter.
        let names = "env | cut -d= -f1 | grep -v -x -e PWD -e SHLVL -e _ -e OLDPWD | sort | tr '\\n' ' '"
        let base = "CONVOY_DIRECTION CONVOY_FLEET_NAME CONVOY_HOOK CONVOY_RUN DOCKER_HOST HOME LANG LC_TIME "
        #expect(try await output(names, secrets: secrets, environment: Self.environment) == base + "PATH TZ XDG_RUNTIME_DIR ")
        #expect(
            try await output(names, secrets: secrets, environment: Self.environment, passing: ["NOTIFY", "NO_SUCH"])
                == base + "NOTIFY PATH TZ XDG_RUNTIME_DIR "
        )
        // Handed on by name, and hidden all the same.
        let passed = try await output(
            "echo \"$EU1_PASSWORD $NOTIFY\"",
            secrets: secrets,
            environment: Self.environment,
            passing: ["EU1_PASSWORD", "NOTIFY"]
        )
        #expect(passed == "••• ops\n")
    }

    @Test func variablesAreNamedInTheFleetFile() throws {
        let start = "version: 1\ninstances: [{name: a, database: a}]\nrollout: {hooks: {before_run: [x], environment: "
        #expect(try fleet(start + "[NOTIFY, SLACK_TOKEN]}}").rollout.hooks.environment == ["NOTIFY", "SLACK_TOKEN"])
        let problems = #expect(throws: (any Error).self) { try fleet(start + "[\"A=hunter2\"]}}") }
        let told = "\(try #require(problems))"
        #expect(told.contains("`environment` must list the names of variables") && !told.contains("hunter2"))
    }

    /// Of every source, whole, as a URL and JSON write it, and line by line.
    @Test func everySecretIsHidden() async throws {
        let environment = Self.environment.merging(["KEY": "line-one\nline-two\n", "SYMBOLS": "a\"b/c d"]) { $1 }
        let fleet = try fleet(
            """
            version: 1
            notifications: [{url: "https://hooks.internal/services/XXXXXXXXXXXXXXXXXXXX", headers: {Authorization: "Bearer token-1"}}]
            rollout: {waves: [{name: w, gate: {http: "https://u:gate-1@gate.internal/"}}]}
            instances:
              - {name: a, url: "postgres://u:${env:EU1_PASSWORD}@h/d", secrets: {k: {exact: "${env:KEY}"}}, admin: {password: "${env:SYMBOLS}"}}
            """,
            environment
        )
        let secrets = KnownSecrets(fleet, environment: environment)
        let lines = [
            "https://hooks.internal/services/XXXXXXXXXXXXXXXXXXXX", "path /services/XXXXXXXXXXXXXXXXXXXX", "token-1", "Bearer token-1",
            "gate-1", "hunter3",
            "hunter2", "0123456789abcdef", "line-one", "line-two", "line-one\\nline-two", "a\"b/c d", "a%22b%2Fc%20d", "a%22b%2fc%20d",
            "a%22b%2Fc+d",
            "a\\\"b/c d", "a\\\"b\\/c d",
        ]
        for line in lines {
            let masked = secrets.mask.masked("<\(line)>")
            #expect(masked.contains("•••"), "\(line)")
            for word in ["XXXX", "token", "gate-1", "hunter", "01234", "line-", "a%22", "a\"b", "a\\\"b"] {
                #expect(!masked.contains(word), "\(masked)")
            }
        }
        #expect(secrets.mask.masked("nothing of it") == "nothing of it")
        let output = try await output("echo gate-1; echo token-1 >&2", secrets: secrets, environment: environment)
        #expect(output == "•••\n•••\n")
    }

    /// What a health check says is the server's too, unlike what a program says.
    @Test func whatACheckFoundIsMaskedLikeTheServersWords() async throws {
        let fleet = try fleet(
            """
            version: 1
            instances: [{name: a, host: h, database: a, user: teslamate, password: teslamate, secrets: {k: a-real-password}}]
            """
        )
        let fake = FakeInstances()
        fake.finish("a")
        let guarded = GuardedMigrator(
            fake,
            inspector: fake,
            hooks: hookRunner([:], secrets: KnownSecrets(fleet, environment: [:]), environment: [:]),
            checks: [Check(name: "c", sql: "SELECT true")],
            waves: [:]
        ) { _, _ in Failure(.checkFailed, "permission denied for role teslamate: a-real-password") }
        let result = await guarded.migrate(InstanceJob(instance("a"), .up(to: nil), run: "run-1")) { _ in }
        #expect(result.failure?.message.contains("permission denied for role teslamate: •••") == true)
    }

    /// A server may repeat a secret, but a password that is a word of the fleet hides nothing: that would tell it.
    @Test func whatAServerSaysIsMaskedToo() throws {
        let fleet = try fleet(
            """
            version: 1
            instances:
              - {name: a, host: h, database: teslamate, user: teslamate, password: teslamate}
              - {name: b, host: h, database: b, user: b, password: a-real-password, secrets: {k: abc}}
            """
        )
        let mask = KnownSecrets(fleet, environment: [:]).wordMask
        let failure = Failure(
            .failed,
            "no right for role teslamate; a-real-password abc",
            statement: "SELECT 'a-real-password'",
            position: 8,
            detail: "a-real-password",
            hint: "a-real-password",
            serverHint: "a-real-password",
            lockedBy: LockHolder(pid: 1, application: "a-real-password", address: nil, since: nil)
        ).masked(mask)
        #expect(failure.message == "no right for role teslamate; ••• abc")
        #expect(failure.statement == "SELECT '•••'" && failure.position == nil)
        #expect([failure.detail, failure.hint, failure.serverHint, failure.lockedBy?.application] == Array(repeating: "•••", count: 4))
        guard case .instanceWarned(_, let message) = Event.Kind.instanceWarned(instance: "b", message: "a-real-password").masked(mask)
        else {
            Issue.record("another event")
            return
        }
        #expect(message == "•••")
    }

    /// On a real server: a tenant's function, who knows his password, says it in an error of a migration.
    @Test func aPasswordInAnErrorOfTheServer() async throws {
        try await withDatabase { database in
            let raise = "DO $$ BEGIN RAISE 'a-real-password' USING HINT = 'a-real-password', DETAIL = 'a-real-password'; END $$;"
            let set = try migrationSet([(1, migrationText(raise))])
            let instance = database.instance()
            let known = try fleet("version: 1\ninstances: [{name: b, database: b, password: a-real-password}]")
            let runner = InstanceRunner(set: set, steps: [], secrets: KnownSecrets(known, environment: [:]))
            let result = await runner.migrate(InstanceJob(instance, .up(to: nil), run: "run-1"), report: { _ in })
            let failure = try #require(result.failure)
            #expect(failure.message.contains("•••"))
            #expect(failure.serverHint == "•••" && failure.hint == nil)
            #expect(!"\(result)".contains("a-real-password"))
        }
    }
}
