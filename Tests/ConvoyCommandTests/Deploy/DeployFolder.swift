import Foundation
import TestSupport

/// The files of `Deploy`, and the validators that `Scripts/install --servers` fetches for them.
enum DeployFolder {
    static let path = "\(repositoryRoot)/Deploy"
    private static let validators = "\(repositoryRoot)/.servers/manifests"

    /// Whether the validators are there; with CI in the environment they must be.
    static let canCheck =
        FileManager.default.fileExists(atPath: "\(validators)/kubernetes_validate") || ProcessInfo.processInfo.environment["CI"] != nil

    /// Every file, relative to `Deploy`.
    static let files: [String] = {
        let all = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        return all.filter { file in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(path)/\(file)", isDirectory: &isFolder) && !isFolder.boolValue
        }.sorted()
    }()

    static func text(_ file: String) throws -> String { try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8) }

    /// The YAML documents of a text.
    static func documents(inText text: String) async throws -> [ManifestValue] {
        let script = "import json, sys, yaml; json.dump([d for d in yaml.safe_load_all(sys.stdin) if d], sys.stdout)"
        let end = try await python(["-c", script], input: text)
        guard end.status == .exited(0) else { throw TestSupportError(end.standardError) }
        return try JSONDecoder().decode([ManifestValue].self, from: Data(end.standardOutput.utf8))
    }

    static func documents(_ file: String) async throws -> [ManifestValue] { try await documents(inText: try text(file)) }

    /// The resources of Kubernetes of all files, with the file of each.
    static func resources() async throws -> [(file: String, resource: ManifestValue)] {
        var found: [(String, ManifestValue)] = []
        for file in files where FileKind(file) == .kubernetes {
            found += try await documents(file).map { (file, $0) }
        }
        return found
    }

    /// Runs Python with the validators' packages.
    static func python(_ arguments: [String], input: String = "") async throws -> ChildProcess.Snapshot {
        let environment = [
            "PYTHONPATH": validators, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": "/nowhere",
        ]
        let process = try ChildProcess("/usr/bin/env", ["python3"] + arguments, environment: environment, timeLimit: .seconds(60))
        if !input.isEmpty { try process.write(input) }
        process.closeInput()
        return await process.wait()
    }
}

/// What a file of `Deploy` is, and so which validator it belongs to.
enum FileKind: Sendable, Hashable {
    case kubernetes, kustomization, compose, action, pipeline, unit
    /// A fleet file: `convoy validate`.
    case fleet
    /// Text for people, or a format of a line or two.
    case other

    init(_ file: String) {
        let folder = String(file.prefix { $0 != "/" })
        let name = file.split(separator: "/").last.map(String.init) ?? file
        self =
            switch (folder, name) {
            case (_, "fleet.yaml"): .fleet
            case (_, "kustomization.yaml"): .kustomization
            case ("kubernetes", _) where name.hasSuffix(".yaml"): .kubernetes
            case ("compose", _) where name.hasSuffix(".yml"): .compose
            case (_, "action.yml"): .action
            case ("gitlab", _) where name.hasSuffix(".yml"): .pipeline
            case ("systemd", _) where [".service", ".socket", ".timer"].contains(where: name.hasSuffix): .unit
            default: .other
            }
    }

    /// What its validator says against a file; empty if it is right.
    func problems(_ path: String) async throws -> String {
        let end: ChildProcess.Snapshot
        switch self {
        case .kubernetes:
            // A resource without a schema is a warning there.
            let script = """
                import sys
                from kubernetes_validate import utils
                for version in utils.all_versions():
                    utils.validate_file(sys.argv[1], version, strict=True, quiet=True, no_warn=False)
                """
            end = try await DeployFolder.python(["-c", script, path])
            return end.standardOutput + end.standardError
        case .compose: end = try await DeployFolder.python(["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path])
        case .action: end = try await DeployFolder.python(["-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", path])
        case .pipeline: end = try await DeployFolder.python(["-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", path])
        case .unit:
            // It warns of a word that it does not know, and ends well.
            let process = try ChildProcess("/usr/bin/systemd-analyze", ["verify", path], environment: [:], timeLimit: .seconds(60))
            let end = await process.wait()
            let said = end.standardOutput + end.standardError
            return end.status == .exited(0) || !said.isEmpty ? said : "it failed"
        case .kustomization, .fleet, .other: return ""
        }
        return end.status == .exited(0) ? "" : end.standardOutput + end.standardError + "it failed"
    }
}
