import ConvoyJournal
import ConvoyRollout
import ConvoyRun
import Foundation
import HTTPTypes
import TestSupport
import Testing

@testable import ConvoyDashboard

/// The description of the interface, checked by a validator of OpenAPI, and real answers checked against it.
@Suite(.timeLimit(.minutes(2)))
struct OpenAPITests {
    private static let readerFolder = "\(repositoryRoot)/.servers/openapi"
    /// Whether Scripts/install has fetched the validator; with CI in the environment it must be there.
    private static let canRead =
        FileManager.default.fileExists(atPath: readerFolder + "/openapi_spec_validator") || ProcessInfo.processInfo.environment["CI"] != nil

    /// Reads `{"description", "answers": [{"path", "method", "status", "type", "body"}]}`, and prints what is wrong, a line each.
    private static let script = """
        import json, sys
        from jsonschema import Draft202012Validator, FormatChecker
        from openapi_spec_validator import validate
        given = json.load(sys.stdin)
        description = given["description"]
        validate(description)
        left = {(path, method) for path, item in description["paths"].items() for method in item}
        for answer in given["answers"]:
            where = answer["method"], answer["path"], answer["status"], answer["type"]
            operation = description["paths"].get(answer["path"], {}).get(answer["method"])
            response = (operation or {}).get("responses", {}).get(str(answer["status"]))
            if response and "$ref" in response:
                response = description["components"]["responses"][response["$ref"].split("/")[-1]]
            content = (response or {}).get("content", {}).get(answer["type"])
            if content is None:
                print(*where, "is not described")
                continue
            left.discard((answer["path"], answer["method"]))
            value = json.loads(answer["body"]) if "json" in answer["type"] else answer["body"]
            schema = {**content["schema"], "components": description["components"]}
            for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(value):
                print(*where, error.json_path, error.message)
        for path, method in sorted(left):
            print(method, path, "was not asked for")
        """

    @Test(.enabled(if: canRead, "run Scripts/install --servers"))
    func theInterfaceIsWhatItsDescriptionSays() async throws {
        let status = InstanceStatus(
            name: "bob",
            server: "eu-1",
            database: "tm",
            labels: ["ring": "canary"],
            outcome: .pending,
            pending: [newest],
            serverVersion: "17.2",
            lastMigratedAt: moment(-1000)
        )
        let findings = ProbeFindings(statuses: [status], cohorts: ["bob": "none"], problems: ["server eu-2 does not answer"])
        let input = try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true, findings: findings) { dashboard in
            var answers: [[String: any Sendable]] = []
            func note(_ answer: HTTPAnswer, _ path: String, _ method: String) {
                answers.append([
                    "path": path, "method": method.lowercased(), "status": answer.status, "type": answer.header("Content-Type") ?? "",
                    "body": answer.body,
                ])
            }
            func ask(_ route: Route, _ query: String = "", _ headers: [String: String] = [:]) async throws {
                let path = TestDashboard.path(of: route)
                let all = TestDashboard.bearer.merging(headers) { $1 }
                note(try await dashboard.ask(path + query, method: route.method.rawValue, headers: all), route.path, route.method.rawValue)
            }
            let described = dashboard.routes.filter { $0.audience == .programs && !$0.path.hasPrefix("/assets/") }
            // Without a journal, with a run that goes on, and after a look at the instances.
            for route in described where route.method == .get { try await ask(route) }
            let journal = try await dashboard.begin()
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            try await journal.append(migrating("alice") + failing(TestDashboard.hostile), to: TestDashboard.run)
            for route in described {
                try await ask(route, route.path.hasSuffix("/events") ? "?follow=false" : "")
                if route.path.hasSuffix("/events") { try await ask(route, "", ["Accept": "application/json"]) }
                if route.path.hasSuffix("/instances") { try await ask(route, "?as=columns") }
                if route.path.hasSuffix("/instances") { try await ask(route, "?as=nothing") }
                if route.path.hasSuffix("{instance}") {
                    let path = TestDashboard.path(of: route, instance: TestDashboard.hostile.percentEncoded)
                    note(try await dashboard.ask(path, headers: TestDashboard.bearer), route.path, "GET")
                }
            }
            try await eventually("the comparison is over") {
                try await dashboard.ask("/api/v1/drift/state", headers: TestDashboard.bearer).body.contains(#""state":"done""#)
            }
            try await eventually("the look is over") {
                try await dashboard.ask("/api/v1/probe", headers: TestDashboard.bearer).body.contains(#""state":"done""#)
            }
            try await journal.append([Event(at: moment(9), .runFinished(status: .failed))], to: TestDashboard.run)
            lock.release()
            for route in described where route.method == .get && !route.path.hasSuffix("/events") { try await ask(route) }
            for route in described where route.method == .post && !["/api/v1/probe", "/api/v1/drift"].contains(route.path) {
                try await ask(route)
            }
            for route in described where route.access != .open {
                note(try await dashboard.ask(route.path, method: route.method.rawValue), route.path, route.method.rawValue)
            }
            let description = try JSONSerialization.jsonObject(with: Data(WebFiles.openAPI.utf8))
            return try JSONSerialization.data(withJSONObject: ["description": description, "answers": answers])
        }
        let problems = try await withTemporaryFolder { folder in
            try writeFile("\(folder)/input.json", String(decoding: input, as: UTF8.self))
            let process = try ChildProcess(
                "/bin/sh",
                ["-c", #"exec python3 -c "$0" <"$1""#, Self.script, "\(folder)/input.json"],
                environment: ["PYTHONPATH": Self.readerFolder, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"],
                timeLimit: .seconds(60)
            )
            let end = await process.wait()
            try #require(end.status == .exited(0), "\(end.standardError)")
            return end.standardOutput
        }
        #expect(problems == "", "\(problems)")
    }
}
