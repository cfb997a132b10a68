import Foundation
import TestSupport
import Testing

@testable import convoy

/// The manifests fit together, and give a pod no more than it needs.
@Suite(.enabled(if: DeployFolder.canCheck, "run Scripts/install --servers"), .timeLimit(.minutes(3)))
struct KubernetesManifestTests {
    /// The template of the pods that a resource makes.
    private static func template(of resource: ManifestValue) -> ManifestValue? {
        switch resource["kind"].text {
        case "Deployment", "Job": resource["spec"]["template"]
        case "CronJob": resource["spec"]["jobTemplate"]["spec"]["template"]
        default: nil
        }
    }

    private static func job(of resource: ManifestValue) -> ManifestValue? {
        switch resource["kind"].text {
        case "Job": resource["spec"]
        case "CronJob": resource["spec"]["jobTemplate"]["spec"]
        default: nil
        }
    }

    // MARK: Rights

    /// What a pod has beyond what Convoy needs.
    private static func weaknesses(_ pod: ManifestValue) -> [String] {
        var found: [String] = []
        func expect(_ holds: Bool, _ weakness: String) { if !holds { found.append(weakness) } }
        let user = pod["securityContext"]
        expect(user["runAsNonRoot"] == .bool(true) && (user["runAsUser"].number ?? 0) > 0, "root")
        expect(user["fsGroup"] == user["runAsGroup"] && user["fsGroup"].number != nil, "group of the volumes")
        expect(user["seccompProfile"]["type"] == .text("RuntimeDefault"), "system calls")
        expect(pod["automountServiceAccountToken"] == .bool(false), "token of Kubernetes")
        for key in ["hostNetwork", "hostPID", "hostIPC"] { expect(pod[key] == .missing, key) }
        let containers = pod["containers"].items + pod["initContainers"].items
        expect(containers.count == 1, "containers")
        for container in containers {
            let rights = container["securityContext"]
            expect(rights["allowPrivilegeEscalation"] == .bool(false), "escalation")
            expect(rights["readOnlyRootFilesystem"] == .bool(true), "writable root")
            expect(rights["capabilities"] == .map(["drop": .list([.text("ALL")])]), "capabilities")
            expect(rights["privileged"] == .missing && rights["runAsUser"] == .missing && rights["runAsNonRoot"] == .missing, "privileges")
            expect(container["resources"]["limits"]["memory"].text != nil, "memory")
        }
        for volume in pod["volumes"].items {
            expect(volume["hostPath"] == .missing, "folder of the node")
            // 0440: with fsGroup, what Kubernetes gives to the group is Convoy's alone.
            if volume["secret"] != .missing { expect(volume["secret"]["defaultMode"].number == 0o440, "mode of a secret") }
        }
        return found
    }

    @Test func noPodHasMoreRightsThanItNeeds() async throws {
        let pods = try await DeployFolder.resources().compactMap { file, resource in Self.template(of: resource).map { (file, $0["spec"]) }
        }
        #expect(pods.count == 7)
        for (file, pod) in pods { #expect(Self.weaknesses(pod) == [], "\(file)") }
    }

    @Test(arguments: [
        ("runAsNonRoot: true", "runAsNonRoot: false", "root"), ("fsGroup: 10001", "fsGroup: 1", "group of the volumes"),
        ("RuntimeDefault", "Unconfined", "system calls"),
        ("automountServiceAccountToken: false", "hostNetwork: true", "token of Kubernetes"),
        ("allowPrivilegeEscalation: false", "privileged: true", "escalation"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "writable root"), ("drop: [ALL]", "add: [ALL]", "capabilities"),
        ("defaultMode: 0440", "defaultMode: 0444", "mode of a secret"), ("memory: 512Mi", "cpu: 2", "memory"),
    ])
    func whatIsTakenAwayIsMissed(_ old: String, _ new: String, _ weakness: String) async throws {
        let text = try DeployFolder.text("kubernetes/run/job.yaml")
        try #require(text.contains(old))
        let resource = try #require(try await DeployFolder.documents(inText: text.replacing(old, with: new)).first)
        #expect(Self.weaknesses(try #require(Self.template(of: resource))["spec"]).contains(weakness))
    }

    /// Whether the pod has the journal's volume. The others have runs in a control database, whose address is a secret.
    private static func usesJournal(_ pod: ManifestValue) -> Bool {
        let environment = pod["containers"].items.flatMap { $0["env"].items }
        return !environment.contains {
            $0["name"].text == "CONVOY_CONTROL_URL" && $0["valueFrom"]["secretKeyRef"]["name"].text == "convoy-control"
        }
    }

    // MARK: What a run needs

    @Test func aRunIsStartedOnceAndHasTimeToStop() async throws {
        let codes = CommandExit.allCases.map { Int($0.rawValue) }.filter { $0 != 0 }
        let jobs = try await DeployFolder.resources().compactMap { file, resource in Self.job(of: resource).map { (file, $0) } }
        #expect(jobs.count == 5)
        for (file, job) in jobs {
            let pod = job["template"]["spec"]
            #expect(job["backoffLimit"].number == 0, "\(file)")
            #expect(pod["restartPolicy"].text == "Never", "\(file)")
            #expect(job["activeDeadlineSeconds"] == .missing, "\(file)")
            // A code that is missing would look like a process that was killed.
            let rules = job["podFailurePolicy"]["rules"].items
            #expect(rules.count == 1 && rules.first?["action"].text == "FailJob", "\(file)")
            #expect(rules.first?["onExitCodes"]["values"].items.compactMap(\.number) == codes, "\(file)")
            let words = pod["containers"].items.first?["args"].texts ?? []
            // What only submits a run has nothing to finish.
            let changes = ["migrate", "resume"].contains(words.first) && !words.contains("--detach")
            #expect(pod["terminationGracePeriodSeconds"].number == (changes ? 3600 : 30), "\(file)")
        }
    }

    /// A drained node must not stop what the workers do.
    @Test func theJobForWorkersFollowsNothing() async throws {
        let job = try #require(try await DeployFolder.documents("kubernetes/submit/job.yaml").first)
        let pod = job["spec"]["template"]
        let words = try #require(pod["spec"]["containers"].items.first)["args"].texts
        #expect(words.first == "migrate" && words.contains("--detach"))
        #expect(pod["metadata"]["annotations"] == .missing)
        let page = try String(contentsOfFile: "\(repositoryRoot)/docs/deploy.md", encoding: .utf8)
        #expect(page.contains("exec deploy/convoy-workers -- convoy wait latest"))
    }

    /// SQLite's write-ahead log is memory that the processes share.
    @Test func allPodsUseTheJournalOnOneNode() async throws {
        for (file, resource) in try await DeployFolder.resources() {
            guard let template = Self.template(of: resource), Self.usesJournal(template["spec"]) else { continue }
            let terms = template["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"].items
            #expect(terms.count == 1 && terms.first?["topologyKey"].text == "kubernetes.io/hostname", "\(file)")
            let labels = terms.first?["labelSelector"]["matchLabels"].members ?? [:]
            // The first of them must be able to start.
            #expect(!labels.isEmpty && labels.allSatisfy { template["metadata"]["labels"][$0.key] == $0.value }, "\(file)")
        }
    }

    @Test func theWindowOfTheCronJobIsThatOfTheFleetFile() async throws {
        let fleet = try #require(try await DeployFolder.documents("kubernetes/base/fleet.yaml").first)
        let window = fleet["rollout"]["window"]
        let cron = try #require(try await DeployFolder.documents("kubernetes/base/window.yaml").first)["spec"]
        let fields = try #require(cron["schedule"].text).split(separator: " ")
        let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        #expect(Set(fields[4].split(separator: ",").compactMap { Int($0).map { days[$0] } }) == Set(window["days"].texts))
        #expect(window["from"].text == "0\(fields[1]):0\(fields[0])")
        #expect(cron["timeZone"] == window["timezone"] && cron["timeZone"].text != nil)
        #expect(cron["concurrencyPolicy"].text == "Forbid")
        #expect(cron["suspend"] == .bool(true))
    }

    @Test func theDashboardIsProbedAndFound() async throws {
        let documents = try await DeployFolder.documents("kubernetes/base/dashboard.yaml")
        let (deployment, service) = (try #require(documents.first), try #require(documents.last))
        let template = deployment["spec"]["template"]
        let container = try #require(template["spec"]["containers"].items.first)
        for probe in ["startupProbe", "readinessProbe"] {
            #expect(container[probe]["httpGet"] == .map(["path": .text("/healthz"), "port": .text("http")]), "\(probe)")
        }
        #expect(container["livenessProbe"]["tcpSocket"]["port"].text == "http")
        let port = try #require(container["ports"].items.first)
        #expect(port["name"].text == "http")
        #expect(container["args"].texts.contains("0.0.0.0:\(port["containerPort"].number ?? 0)"))
        #expect(service["spec"]["ports"].items.first?["targetPort"].text == "http")
        for labels in [service["spec"]["selector"], deployment["spec"]["selector"]["matchLabels"]] {
            #expect(!labels.members.isEmpty && labels.members.allSatisfy { template["metadata"]["labels"][$0.key] == $0.value })
        }
    }

    @Test func workersAreProbedAndScaled() async throws {
        let deployment = try #require(try await DeployFolder.documents("kubernetes/workers/deployment.yaml").first)
        let container = try #require(deployment["spec"]["template"]["spec"]["containers"].items.first)
        #expect(container["readinessProbe"]["httpGet"]["path"].text == "/readyz")
        for probe in ["startupProbe", "livenessProbe"] { #expect(container[probe]["httpGet"]["path"].text == "/livez") }
        let port = try #require(container["ports"].items.first)
        #expect(container["args"].texts.contains("0.0.0.0:\(port["containerPort"].number ?? 0)"))
        // What drains may take as long as a run that stops.
        #expect(deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].number == 3600)
        #expect(deployment["spec"]["replicas"] == .missing)
        let autoscaler = try #require(try await DeployFolder.documents("kubernetes/workers/autoscaler.yaml").first)["spec"]
        #expect(autoscaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"])
        let page = try String(contentsOfFile: "\(repositoryRoot)/docs/deploy.md", encoding: .utf8)
        #expect(page.contains("create secret generic convoy-control"))
    }

    // MARK: Names and paths

    private static func kustomizations() async throws -> [(folder: String, value: ManifestValue)] {
        var found: [(String, ManifestValue)] = []
        for file in DeployFolder.files where FileKind(file) == .kustomization {
            found.append((String(file.dropLast("/kustomization.yaml".count)), try #require(try await DeployFolder.documents(file).first)))
        }
        return found
    }

    @Test func everyFileIsInAKustomization() async throws {
        var listed: Set<String> = []
        for (folder, value) in try await Self.kustomizations() {
            let generated = value["configMapGenerator"].items.flatMap { $0["files"].texts }
            for file in value["resources"].texts + generated {
                // The operator puts it there.
                guard file != "plan.json" else { continue }
                #expect(DeployFolder.files.contains("\(folder)/\(file)"), "\(folder): \(file)")
                listed.insert("\(folder)/\(file)")
            }
            if value["kind"].text == "Component" { continue }
            #expect(value["components"].texts == ["../image"], "\(folder)")
            #expect(value["namespace"].text == "convoy", "\(folder)")
        }
        let manifests = DeployFolder.files.filter { $0.hasPrefix("kubernetes/") && [.kubernetes, .fleet].contains(FileKind($0)) }
        #expect(listed.sorted() == manifests)
    }

    @Test func everyNameLeadsToSomething() async throws {
        let resources = try await DeployFolder.resources()
        func names(_ kind: String) -> Set<String> {
            Set(resources.filter { $0.resource["kind"].text == kind }.compactMap { $0.resource["metadata"]["name"].text })
        }
        var maps: Set<String> = []
        for (folder, value) in try await Self.kustomizations() {
            for generator in value["configMapGenerator"].items {
                maps.insert(generator["name"].text ?? "")
                // Only what another kustomization names keeps its name.
                let keeps = generator["options"]["disableNameSuffixHash"] == .bool(true)
                #expect(keeps == (folder == "kubernetes/base"), "\(folder)")
            }
        }
        for (file, resource) in resources {
            guard let pod = Self.template(of: resource)?["spec"] else { continue }
            #expect(names("ServiceAccount").contains(pod["serviceAccountName"].text ?? ""), "\(file)")
            for volume in pod["volumes"].items {
                if let name = volume["configMap"]["name"].text { #expect(maps.contains(name), "\(file)") }
                if let name = volume["persistentVolumeClaim"]["claimName"].text {
                    #expect(names("PersistentVolumeClaim").contains(name), "\(file)")
                }
                if let name = volume["secret"]["secretName"].text {
                    // The page says how to make it.
                    let page = try String(contentsOfFile: "\(repositoryRoot)/docs/deploy.md", encoding: .utf8)
                    #expect(page.contains("create secret generic \(name)"), "\(file)")
                }
            }
        }
    }

    /// Every path that a command, the environment or the fleet file names is on a volume, and every volume is used.
    @Test func everyPathIsOnAVolume() async throws {
        let fleet = try DeployFolder.text("kubernetes/base/fleet.yaml")
        let journal = try #require(try await DeployFolder.documents("kubernetes/base/fleet.yaml").first)["journal"].text ?? ""
        for (file, resource) in try await DeployFolder.resources() {
            guard let pod = Self.template(of: resource)?["spec"] else { continue }
            let container = try #require(pod["containers"].items.first)
            let mounts = container["volumeMounts"].items
            #expect(mounts.compactMap { $0["name"].text } == pod["volumes"].items.compactMap { $0["name"].text }, "\(file)")
            func mount(of path: String) -> ManifestValue? { mounts.first { path.hasPrefix(($0["mountPath"].text ?? "?") + "/") } }
            let values = container["env"].items.compactMap { $0["value"].text }
            for path in (container["args"].texts + values).filter({ $0.hasPrefix("/") }) {
                #expect(mount(of: path) != nil, "\(file): \(path)")
            }
            if Self.usesJournal(pod) {
                let record = try #require(mount(of: journal), "\(file)")
                #expect(record["readOnly"] == .missing, "\(file)")
            } else {
                #expect(mount(of: journal) == nil, "\(file)")
            }
            let reads = container["args"].texts.first != "serve"
            for match in fleet.matches(of: /\/run\/secrets\/convoy\/[a-z.-]+/) {
                #expect((mount(of: String(match.0)) != nil) == reads, "\(file): \(match.0)")
            }
        }
    }

    // MARK: Image

    @Test func theImageHasTheVersionOfThisProgram() async throws {
        let version = try await runConvoy(["--version"]).standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        let image = try #require(try await DeployFolder.documents("kubernetes/image/kustomization.yaml").first)["images"].items
        #expect(image.count == 1 && image.first?["name"].text == "convoy")
        #expect(image.first?["newTag"].text == version)
        for (file, resource) in try await DeployFolder.resources() {
            guard let pod = Self.template(of: resource)?["spec"] else { continue }
            #expect(pod["containers"].items.map { $0["image"].text } == ["convoy"], "\(file)")
        }
        #expect(try DeployFolder.text("compose/convoy.yml").contains("convoy:\(version)}"))
        #expect(try DeployFolder.text("gitlab/convoy.gitlab-ci.yml").contains("/convoy-shell:\(version)\n"))
    }

    /// What the manifests and the Compose file say of a container is what `Scripts/image` makes.
    @Test func theImageFitsTheManifests() async throws {
        let script = try String(contentsOfFile: "\(repositoryRoot)/Scripts/image", encoding: .utf8)
        let user = try #require(script.firstMatch(of: /(?m)^USER = ([0-9]+)$/).flatMap { Int($0.1) })
        let state = try #require(script.firstMatch(of: /(?m)^STATE = "(.+)"$/).map { String($0.1) })
        let fleet = try #require(script.firstMatch(of: /"CONVOY_FLEET=(.+)"/).map { String($0.1) })
        for (file, resource) in try await DeployFolder.resources() {
            guard let pod = Self.template(of: resource)?["spec"] else { continue }
            for key in ["runAsUser", "runAsGroup", "fsGroup"] { #expect(pod["securityContext"][key].number == user, "\(file)") }
            let container = try #require(pod["containers"].items.first)
            #expect(container["volumeMounts"].items.contains { $0["mountPath"].text == state } == Self.usesJournal(pod), "\(file)")
            #expect(container["env"].items.contains { $0["name"].text == "CONVOY_FLEET" && $0["value"].text == fleet }, "\(file)")
        }
        let compose = try DeployFolder.text("compose/convoy.yml")
        for line in ["user: \"\(user):\(user)\"", "convoy-journal:\(state)", "CONVOY_FLEET: \(fleet)"] {
            #expect(compose.contains(line), "\(line)")
        }
    }

    private static let kubectl = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/kubectl" }.first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Where kubectl is there: what it would apply.
    @Test(.enabled(if: kubectl != nil, "there is no kubectl"), arguments: ["base", "plan", "run", "resume", "submit", "workers"])
    func whatKustomizeMakesIsValid(_ name: String) async throws {
        let kubectl = try #require(Self.kubectl)
        try await withTemporaryFolder { folder in
            try FileManager.default.copyItem(atPath: "\(DeployFolder.path)/kubernetes", toPath: "\(folder)/kubernetes")
            try writeFile("\(folder)/kubernetes/run/plan.json", "{}\n")
            let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "HOME": folder]
            let process = try ChildProcess(
                kubectl,
                ["kustomize", "\(folder)/kubernetes/\(name)"],
                environment: environment,
                timeLimit: .seconds(60)
            )
            let end = await process.wait()
            try #require(end.status == .exited(0), "\(end.standardError)")
            try writeFile("\(folder)/all.yaml", end.standardOutput)
            #expect(try await FileKind.kubernetes.problems("\(folder)/all.yaml") == "")
            for resource in try await DeployFolder.documents(inText: end.standardOutput) {
                guard let pod = Self.template(of: resource)?["spec"] else { continue }
                #expect(pod["containers"].items.first?["image"].text?.hasPrefix("registry.example.org/convoy:") == true)
                #expect(resource["metadata"]["namespace"].text == "convoy")
                #expect(Self.weaknesses(pod) == [])
            }
        }
    }
}
