import ConvoyFleet
import ConvoyPostgres
import Testing

@Suite("Variables")
struct TemplateTests {
    @Test(arguments: [
        ("plain", "plain"), ("${env:A}", "one"), ("x${env:A}y", "xoney"), ("${env:A}${env:B}", "onetwo"), ("${env:A:-z}", "one"),
        ("${env:NONE:-z}", "z"), ("${env:NONE:-}", ""), ("${env:EMPTY:-z}", "z"), ("${env:EMPTY}", ""), ("${env:NONE:-a:-b}", "a:-b"),
        ("$$", "$"), ("$${env:A}", "${env:A}"), ("$$$$", "$$"), ("a$$b", "a$b"), ("a$b", "a$b"), ("a$", "a$"), ("$${", "${"),
        ("${env:DOLLAR}", "$$${env:A}"), ("ü${env:UMLAUT}", "üö"),
    ])
    func `are filled in once`(_ text: String, _ expected: String) throws {
        let environment = ["A": "one", "B": "two", "EMPTY": "", "DOLLAR": "$$${env:A}", "UMLAUT": "ö"]
        let file = "version: 1\ninstances: [{name: a, application_name: '\(text)'}]\n"
        let fleet = try FleetFile.read(Array(file.utf8), file: "fleet.yaml", environment: environment)
        #expect(fleet.instances.first?.connection["application_name"] == expected)
    }

    @Test func `work in numbers, switches, lists and names too`() throws {
        let file = """
            version: ${env:ONE}
            fleet: ${env:WORD}
            defaults: {strict: "${env:YES}", lock_wait: "${env:ONE}s"}
            limits: {total: "${env:ONE}"}
            instances: [{name: "${env:WORD}"}]
            rollout: {waves: [{name: w, names: ["${env:WORD}"], max_parallel: "${env:ONE}"}]}
            """
        let fleet = try FleetFile.read(Array(file.utf8), file: "fleet.yaml", environment: ["ONE": "1", "WORD": "eu", "YES": "true"])
        #expect(fleet.name == "eu")
        #expect(fleet.limits.total == 1)
        #expect(fleet.rollout == Rollout(waves: [Wave(name: "w", selection: .names(["eu"]), maxParallel: 1)]))
        let instance = try #require(fleet.instances.first)
        #expect(instance.name == "eu")
        #expect(instance.settings.strict)
        #expect(instance.settings.lockWait == .seconds(1))
    }
}
