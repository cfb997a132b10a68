import Foundation
import TestSupport
import Testing

/// The scripts of the GitHub action and of the GitLab template, run by a shell as the two run them.
@Suite(.enabled(if: DeployFolder.canCheck, "run Scripts/install --servers"), .timeLimit(.minutes(5)))
struct DeployedPipelineTests {
    /// Stands for a program that talks to GitHub or GitLab: keeps its arguments, its input, and the file that it sends.
    private static let stub = """
        #!/bin/sh
        printf '%s\\n' "$@" >>"$CALLS"
        case "$*" in
          *PATCH*|*POST*) ;;
          *--jq*) printf '%s' "$FOUND" ;;
          *--header*) cat >>"$CALLS.input" ;;
        esac

        """

    private func withPipeline(_ databases: [TestDatabase], _ body: (_ folder: String) async throws -> Void) async throws {
        try await withFleet(databases) { folder in
            for name in ["gh", "curl"] { try writeFile("\(folder)/bin/\(name)", Self.stub, mode: 0o755) }
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/bin/convoy", withDestinationPath: try convoyPath())
            try await body(folder)
        }
    }

    private func run(_ shell: [String], _ script: String, _ environment: [String: String], in folder: String) async throws -> (
        code: Int32?, said: String
    ) {
        var all = environment
        all["PATH"] = "\(folder)/bin:\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"
        all["HOME"] = folder
        all["CALLS"] = "\(folder)/calls"
        let process = try ChildProcess(
            shell[0],
            Array(shell.dropFirst()) + ["-c", script],
            environment: all,
            in: folder,
            timeLimit: .seconds(60)
        )
        process.closeInput()
        let end = await process.wait()
        guard case .exited(let code) = end.status else { return (nil, end.standardError) }
        return (code, end.standardOutput + end.standardError)
    }

    private func text(_ file: String, _ folder: String) -> String {
        (try? String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)) ?? ""
    }

    // MARK: GitHub

    /// Runs the step with this name; its variables are filled in as GitHub does.
    private func step(_ name: String, _ inputs: [String: String] = [:], found: String = "", in folder: String) async throws -> (
        code: Int32?, said: String
    ) {
        let action = try #require(try await DeployFolder.documents("github-action/action.yml").first)
        let step = try #require(action["runs"]["steps"].items.first { $0["name"].text?.hasPrefix(name) == true }, "\(name)")
        var values = ["github.event.pull_request.number": "7"]
        for (input, value) in action["inputs"].members { values["inputs.\(input)"] = inputs[input] ?? value["default"].text ?? "" }
        var environment = [
            "GITHUB_OUTPUT": "\(folder)/output", "GITHUB_STEP_SUMMARY": "\(folder)/summary", "GITHUB_REPOSITORY": "ann/fleet",
            "FOUND": found,
        ]
        for (key, value) in step["env"].members {
            let expression = try #require(value.text?.wholeMatch(of: #/\$\{\{ (.+) \}\}/#)?.1, "\(name): \(key)")
            let filled: String = try #require(values[String(expression)], "\(name): \(expression)")
            environment[key] = filled
        }
        let script = try #require(step["run"].text)
        // Only variables get into a script: an expression in it would be code that an input can write.
        #expect(!script.contains("${{"), "\(name)")
        return try await run(["/bin/bash", "--noprofile", "--norc", "-e", "-o", "pipefail"], script, environment, in: folder)
    }

    @Test func theActionValidatesPlansReportsAndComments() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withPipeline(databases) { folder in
                let validated = try await step("Validate", in: folder)
                #expect(validated.code == 0, "\(validated.said)")

                let planned = try await step("Plan", in: folder)
                #expect(planned.code == 0, "\(planned.said)")
                #expect(text("output", folder) == "pending=true\n")
                #expect(text("convoy-report/plan.txt", folder).contains("apply 4 migrations"))

                let reported = try await step("Report", ["select": "ring=r1"], in: folder)
                #expect(reported.code == 0, "\(reported.said)")
                #expect(text("convoy-report/status.xml", folder).hasPrefix("<?xml"))
                #expect(text("convoy-report/status.xml", folder).contains("tests=\"1\""))
                #expect(text("summary", folder).hasPrefix("# test\n") && text("summary", folder).contains("bob"))

                let commented = try await step("Comment", in: folder)
                #expect(commented.code == 0, "\(commented.said)")
                #expect(text("calls", folder).contains("POST\nrepos/ann/fleet/issues/7/comments\n"))
                #expect(text("calls", folder).contains("body=@convoy-report/comment.md\n"))
                let comment = text("convoy-report/comment.md", folder)
                #expect(comment.hasPrefix("<!-- convoy plan: fleet.yaml -->\n### Convoy\n\n```text\nWAVE"), "\(comment)")

                // The next one replaces it.
                #expect(try await step("Comment", found: "42\n", in: folder).code == 0)
                #expect(text("calls", folder).contains("PATCH\nrepos/ann/fleet/issues/comments/42\n"))

                // What it wrote is a plan, and afterwards nothing is pending.
                let migrated = try await runConvoy(["migrate", "--plan", "convoy-report/plan.json", "--yes"], in: folder)
                #expect(migrated.exitCode == 0, "\(migrated.standardError)")
                #expect(try await step("Plan", in: folder).code == 0)
                #expect(text("output", folder) == "pending=true\npending=false\n")
            }
        }
    }

    @Test func theActionFailsWithTheExitCodeOfConvoy() async throws {
        let port = try RefusedPort()
        let fleet = "version: 1\nfleet: test\ninstances: [{name: alice, host: 127.0.0.1, port: \(port.port), user: u, database: a}]\n"
        try await withPipeline([]) { folder in
            try writeFile("\(folder)/fleet.yaml", fleet)
            #expect(try await step("Plan", in: folder).code == 69)
            let reported = try await step("Report", in: folder)
            #expect(reported.code == 69, "\(reported.said)")
            #expect(text("convoy-report/status.xml", folder).contains("<failure type=\"unreachable\""))
            #expect(text("summary", folder).contains("unreachable"))
            try writeFile("\(folder)/fleet.yaml", fleet + "nonsense: 1\n")
            let refused = try await step("Validate", in: folder)
            #expect(refused.code == 78)
            #expect(refused.said.contains("nonsense"))
        }
    }

    /// What a server says cannot leave its block, and a name of a file cannot leave its comment.
    @Test func aCommentHoldsItsText() async throws {
        try await withPipeline([]) { folder in
            try writeFile("\(folder)/convoy-report/plan.txt", "one\n```\n@everyone\n" + String(repeating: "x", count: 70000))
            #expect(try await step("Comment", ["fleet": "a --> \"b\".yaml"], in: folder).code == 0)
            let comment = text("convoy-report/comment.md", folder)
            #expect(comment.hasPrefix("<!-- convoy plan: a--b.yaml -->\n"))
            #expect(comment.components(separatedBy: "```").count == 3)
            #expect(comment.utf8.count < 65_000)
        }
    }

    // MARK: GitLab

    private func job(_ name: String, _ variables: [String: String] = [:], in folder: String) async throws -> (code: Int32?, said: String) {
        let template = try #require(try await DeployFolder.documents("gitlab/convoy.gitlab-ci.yml").first)
        var environment = variables
        for (name, value) in template["variables"].members where environment[name] == nil { environment[name] = value.text }
        let lines = template[name]["script"].texts
        try #require(!lines.isEmpty, "\(name)")
        // Its runner writes all lines into one script; the shell of a small image is not bash.
        return try await run(["/bin/sh", "-e"], lines.joined(separator: "\n"), environment, in: folder)
    }

    @Test func theTemplateValidatesPlansReportsAndComments() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withPipeline(databases) { folder in
                let validated = try await job("convoy:validate", in: folder)
                #expect(validated.code == 0, "\(validated.said)")
                let planned = try await job("convoy:plan", ["CONVOY_SELECT": "ring=r1"], in: folder)
                // The template shows 3 as a warning.
                #expect(planned.code == 3, "\(planned.said)")
                #expect(planned.said.contains("apply 2 migrations"))
                #expect(text("calls", folder) == "")

                let variables = [
                    "CONVOY_GITLAB_TOKEN": "s3cret-of-gitlab", "CI_MERGE_REQUEST_IID": "5", "CI_PROJECT_ID": "9",
                    "CI_API_V4_URL": "https://gitlab/api/v4",
                ]
                #expect(try await job("convoy:plan", variables, in: folder).code == 3)
                #expect(text("calls", folder).contains("https://gitlab/api/v4/projects/9/merge_requests/5/notes\n"))
                #expect(text("note.md", folder).hasPrefix("### Convoy\n\n```text\nWAVE"))
                // Other processes can read the arguments of a program.
                #expect(!text("calls", folder).contains("s3cret"))
                #expect(text("calls.input", folder) == "PRIVATE-TOKEN: s3cret-of-gitlab\n")

                let reported = try await job("convoy:status", in: folder)
                #expect(reported.code == 0, "\(reported.said)")
                #expect(text("status.xml", folder).hasPrefix("<?xml"))
                #expect(text("status.md", folder).hasPrefix("# test\n"))
                #expect(try await runConvoy(["migrate", "--plan", "plan.json", "--yes"], in: folder).exitCode == 0)
                #expect(try await job("convoy:plan", in: folder).code == 0)
            }
        }
    }
}
