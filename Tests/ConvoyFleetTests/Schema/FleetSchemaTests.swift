import ConvoyIO
import ConvoyPostgres
import ConvoyText
import Foundation
import TestSupport
import Testing

@testable import ConvoyFleet

/// The JSON Schema of the fleet file against the reader of the fleet file: what an editor marks is wrong, and what it offers exists.
struct FleetSchemaTests {
    private let schema: JSONSchema
    private let keys: [FleetFileKey]

    init() throws {
        schema = try JSONSchema(named: "fleet")
        let file = try Data(contentsOf: URL(fileURLWithPath: "\(repositoryRoot)/docs/schemas/fleet-1.json"))
        keys = FleetFileKey.all(inSchema: Array(file))
    }

    /// What an editor sees of a file; nil if it is not YAML at all, which every editor marks without a schema.
    private static func value(of file: [UInt8]) -> Any? {
        let node: YAMLNode? = file.withUnsafeBufferPointer { bytes in
            let result = Result { () throws(Problem) in try YAMLReader.read(bytes, file: "fleet.yaml") }
            return try? result.get().node
        }
        return node.map(value)
    }

    /// By the core schema of YAML 1.2.
    private static func value(_ node: YAMLNode) -> Any {
        switch node.content {
        case .refused: return NSNull()
        case .sequence(let items): return items.map(value)
        case .mapping(let pairs):
            var members: [String: Any] = [:]
            for pair in pairs {
                if case .scalar(let key) = pair.key.content {
                    members[key.text] = value(pair.value)
                } else {
                    members["?"] = value(pair.value)
                }
            }
            return members
        case .scalar(let scalar):
            guard scalar.isPlain else { return scalar.text }
            if scalar.isNull { return NSNull() }
            switch scalar.text {
            case "true", "True", "TRUE": return NSNumber(value: true)
            case "false", "False", "FALSE": return NSNumber(value: false)
            case let text where text.wholeMatch(of: /[-+]?[0-9]+/) != nil: return Int(text).map { NSNumber(value: $0) } ?? text as Any
            case let text where text.wholeMatch(of: /[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?/) != nil:
                return Double(text).map { NSNumber(value: $0) } ?? text as Any
            default: return scalar.text
            }
        }
    }

    private func problems(_ file: [UInt8]) -> [String]? { Self.value(of: file).map { schema.problems(in: $0) } }

    private static let cases =
        ProblemCase.syntax + ProblemCase.bytes + ProblemCase.instances + ProblemCase.servers + ProblemCase.provision + ProblemCase.secrets
        + ProblemCase.secretCommands
        + ProblemCase.rollout + ProblemCase.gates + ProblemCase.notifications

    @Test func mostWrongFilesAreMarkedInAnEditor() {
        let wrong = Self.cases.filter { $0.told.contains(": error: ") }
        let marked = wrong.filter { problems($0.file).map { !$0.isEmpty } ?? true }
        #expect(wrong.count > 70)
        #expect(marked.count * 100 >= wrong.count * 80, "\(marked.count) of \(wrong.count)")
        // Without those that are not YAML: what the schema itself finds.
        let readable = wrong.filter { problems($0.file) != nil }
        let found = readable.filter { problems($0.file)?.isEmpty == false }
        #expect(readable.count > 55)
        #expect(
            found.count * 100 >= readable.count * 80,
            "\(found.count) of \(readable.count); not \(readable.filter { problems($0.file)?.isEmpty == true }.map(\.name))"
        )
    }

    @Test(arguments: cases.filter { !$0.told.contains(": error: ") })
    func noUsableFileIsMarked(_ file: ProblemCase) {
        #expect(problems(file.file) == [])
    }

    @Test func theFilesOfTheRepositoryAreNotMarked() throws {
        let fleet = try String(contentsOfFile: "\(repositoryRoot)/fleet.yaml", encoding: .utf8)
        let page = try String(contentsOfFile: "\(repositoryRoot)/docs/fleet-file.md", encoding: .utf8)
        let example = try #require(page.components(separatedBy: "```yaml\n").dropFirst().first?.components(separatedBy: "```").first)
        #expect(example.hasPrefix("version: 1\n"))
        let first = "version: 1\nservers: {a: {host: h, admin: {user: p}, provision: {database: \"{name}\"}}}"
        for text in [
            first, fleet, example, "version: \"1\"\ninstances: [{name: 7, port: \"5432\", strict: \"true\", host: \"${env:H:-h}\"}]",
        ] {
            #expect(problems(Array(text.utf8)) == [])
        }
    }

    /// The keys directly below a path.
    private func names(below path: String) -> Set<String> {
        Set(
            keys.map(\.path).filter { $0.hasPrefix(path) && !$0.dropFirst(path.count).contains(".") }.map {
                String($0.dropFirst(path.count))
            }
        )
    }

    @Test func theKeysAreThoseOfTheReader() {
        #expect(names(below: "") == FleetReader.topKeys)
        #expect(names(below: "secret_commands.NAME.") == FleetReader.secretCommandKeys)
        #expect(names(below: "limits.") == ["total", "per_server"])
        #expect(names(below: "workers.") == FleetReader.workerKeys)
        #expect(names(below: "servers.NAME.") == ["max_connections", "maintenance_database", "provision"])
        #expect(names(below: "servers.NAME.provision.") == FleetReader.provisionKeys)
        #expect(names(below: "instances[].") == ["name", "server", "skip"])
        #expect(names(below: "discover[].") == ["server", "databases", "exclude", "name", "maintenance_database"])
        #expect(names(below: "rollout.") == FleetReader.rolloutKeys)
        #expect(names(below: "rollout.waves[].") == FleetReader.waveKeys)
        #expect(names(below: "rollout.waves[].stop.") == FleetReader.stopKeys)
        #expect(names(below: "rollout.waves[].gate.") == FleetReader.gateKeys)
        #expect(names(below: "rollout.checks[].") == ["name", "sql", "expect"])
        #expect(names(below: "rollout.hooks.") == Set(HookPoint.allCases.map(\.rawValue)).union(["timeout", "environment"]))
        #expect(names(below: "rollout.window.") == FleetReader.windowKeys)
        #expect(names(below: "notifications[].") == FleetReader.webhookKeys)
        let settings = names(below: "defaults.")
        #expect(FleetReader.levelKeys.subtracting(settings) == ConnectionKeywords.ownKeywords)
        // A libpq that is newer than this one knows more.
        let newer = settings.subtracting(FleetReader.levelKeys)
        #expect(
            newer.allSatisfy { ["ssl", "scram", "oauth", "min_", "max_", "require_auth", "load_", "gss"].contains(where: $0.hasPrefix) }
        )
    }

    @Test(arguments: [
        ("rollout.waves[].on_failure", OnFailure.allCases.map(\.rawValue)),
        ("rollout.window.days", MaintenanceWindow.Day.allCases.map(\.rawValue)),
        ("defaults.out_of_order", OutOfOrderPolicy.allCases.map(\.rawValue)),
        ("defaults.audit", AuditPolicy.allCases.map(\.rawValue)),
        ("notifications[].format", Webhook.Format.allCases.map(\.rawValue)),
        ("notifications[].on", Webhook.Occasion.allCases.map(\.rawValue)),
    ])
    func theWordsAreThoseOfTheReader(_ path: String, _ words: [String]) throws {
        let key = try #require(keys.first { $0.path == path })
        // Of a list, the description of the type names no words: each is tried.
        func value(_ word: String) -> Any { key.type.contains(", ") ? word : [word] }
        for word in words { #expect(try problems(of: path, value(word)) == [], "\(word)") }
        #expect(try problems(of: path, value("nonsense")) != [])
    }

    /// What the schema says about a value of one key, in a file that is right otherwise.
    private func problems(of path: String, _ value: Any) throws -> [String] {
        let parts = path.split(separator: ".").map(String.init)
        var value = value
        for part in parts.reversed() {
            let isList = part.hasSuffix("[]")
            var members: [String: Any] = isList && part == "notifications[]" ? ["url": "https://h/x"] : [:]
            // What stands beside the value, so that only the value can be wrong.
            if let known = value as? [String: Any], part == "waves[]" { value = known.merging(["name": "w"]) { $1 } }
            if let known = value as? [String: Any], part == "window" {
                value = known.merging(["from": "01:00", "to": "02:00", "timezone": "UTC"]) { $1 }
            }
            if let known = value as? [String: Any] { members.merge(known) { $1 } }
            if isList { value = [members.isEmpty ? value : members] }
            value = [isList ? String(part.dropLast(2)) : part: value]
        }
        var file = try #require(value as? [String: Any])
        file["version"] = NSNumber(value: 1)
        file["instances"] = [["name": "a"]]
        return schema.problems(in: file)
    }

    @Test func theDefaultsAreThoseOfTheReader() throws {
        func text(_ path: String) throws -> String { try #require(keys.first { $0.path == path }?.defaultValue) }
        func duration(_ path: String) throws -> Duration { try #require(Duration(text: try text(path))) }
        let settings = InstanceSettings()
        #expect(try duration("defaults.connect_timeout") == settings.connectTimeout)
        #expect(try duration("defaults.lock_wait") == settings.lockWait)
        #expect(try duration("defaults.lock_timeout") == settings.lockTimeout)
        #expect(try duration("defaults.autovacuum_wait") == settings.autovacuumWait)
        #expect(try duration("defaults.statement_timeout") == settings.statementTimeout)
        #expect(try duration("defaults.commit_wait") == settings.commitWait)
        #expect(try text("defaults.out_of_order") == settings.outOfOrder.rawValue)
        #expect(try text("defaults.audit") == settings.audit.rawValue)
        #expect(try duration("rollout.waves[].gate.soak") == Gate().soak)
        #expect(try duration("rollout.waves[].gate.every") == Gate().every)
        #expect(try duration("rollout.hooks.timeout") == Hooks().timeout)
        #expect(try text("limits.total") == String(Limits().total))
        #expect(try text("limits.per_server") == String(Limits().perServer))
        #expect(try text("workers.total") == String(WorkerDefaults.standardTotal))
        #expect(try duration("workers.lease") == WorkerDefaults.standardLease)
        #expect(try text("journal") == Fleet.defaultJournal)
        #expect(try text("servers.NAME.provision.password") == Provisioning.defaultPassword)
        let webhook = Webhook(url: Secret(""))
        #expect(try duration("notifications[].timeout") == webhook.timeout)
        #expect(try text("notifications[].retries") == String(webhook.retries))
        #expect(try text("notifications[].format") == webhook.format.rawValue)
    }

    @Test(arguments: [
        ("soak", ["rollout.waves[].gate.soak"]), ("rollout.waves.gate.soak", ["rollout.waves[].gate.soak"]),
        ("gate.soak", ["rollout.waves[].gate.soak"]), ("lock_wait", ["defaults.lock_wait"]),
        ("servers.eu-1.lock_wait", ["defaults.lock_wait"]),
        ("instances[].lock_wait", ["defaults.lock_wait"]), ("checks", ["rollout.waves[].gate.checks", "rollout.checks"]), ("nonsense", []),
        ("timeout", ["secret_commands.NAME.timeout", "rollout.hooks.timeout", "notifications[].timeout"]), ("", []), (".", []),
    ])
    func aKeyIsFoundByItsPathOrTheEndOfIt(_ word: String, _ paths: [String]) {
        #expect(keys.filter { $0.isMeant(by: word) }.map(\.path) == paths)
    }

    @Test func everyKeyHasAMeaningOfOneLine() {
        #expect(keys.count > 120)
        #expect(Set(keys.map(\.path)).count == keys.count)
        for key in keys {
            #expect(!key.meaning.contains("\n") && !key.meaning.hasSuffix(".") && key.meaning.count > 5, "\(key.path)")
        }
    }
}
