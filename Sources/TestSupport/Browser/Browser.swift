import ConvoyText
internal import Foundation
internal import Glibc

/// A page in a headless Chromium of its own, for one test.
///
///     try await Browser.with { browser in
///         try await browser.open("file:///tmp/report.html")
///         try await browser.wait(for: "document.documentElement.dataset.ready")
///         #expect(try await browser.text("h1") == "teslamate-eu")
///     }
///
/// A test that needs it and does not find it fails and says what to install.
public struct Browser: Sendable {
    private let tools: DevTools
    private let session: String
    /// Whether scripts of the page run.
    let runsScripts: Bool

    /// Starts a browser with an empty profile, and ends it with all its processes when the body does.
    ///
    /// - Parameters:
    ///   - width: of the page in CSS pixels, as narrow as that of a telephone if need be.
    ///   - javaScript: whether scripts of the page run.
    /// - Throws: ``TestSupportError`` if it is not installed or does not start; what the body throws.
    public static func with<Value>(
        width: Int = 1280,
        height: Int = 900,
        javaScript: Bool = true,
        _ body: (Browser) async throws -> Value
    ) async throws -> Value {
        try await withTemporaryFolder { folder in
            let tools = try DevTools(arguments: arguments(profile: "\(folder)/profile"), folder: folder)
            let result: Result<Value, any Error>
            do {
                let browser = try await Browser(tools, runsScripts: javaScript)
                try await browser.resize(width: width, height: height)
                if !javaScript { try await browser.command("Emulation.setScriptExecutionDisabled", ["value": .bool(true)]) }
                result = .success(try await body(browser))
            } catch {
                result = .failure(error)
            }
            await tools.stop()
            return try result.get()
        }
    }

    private init(_ tools: DevTools, runsScripts: Bool) async throws {
        (self.tools, self.runsScripts) = (tools, runsScripts)
        let target: Target = try await tools.send("Target.createTarget", ["url": "about:blank"], session: nil)
        let attached: Attached = try await tools.send(
            "Target.attachToTarget",
            ["targetId": .string(target.targetId), "flatten": .bool(true)],
            session: nil
        )
        session = attached.sessionId
        for domain in ["Page", "Runtime", "Log", "Network"] { try await command("\(domain).enable") }
    }

    private static func arguments(profile: String) -> [String] {
        let always = [
            "--headless=new", "--no-startup-window", "--user-data-dir=\(profile)", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-background-networking", "--no-first-run", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en",
        ]
        // Its sandbox refuses to work for root.
        return geteuid() == 0 ? always + ["--no-sandbox"] : always
    }

    /// Opens a URL and waits until the page has loaded.
    public func open(_ url: String) async throws {
        let navigation: Navigation = try await commandValue("Page.navigate", ["url": .string(url)])
        if let problem = navigation.errorText { throw TestSupportError("cannot open \(url): \(problem)") }
        try await wait(for: "document.readyState === 'complete'")
    }

    /// The value of a JavaScript expression; that of a promise is waited for.
    public func value<Value: Decodable & Sendable>(_ expression: String) async throws -> Value {
        let evaluation: Evaluation<Value> = try await evaluate(expression)
        guard let value = evaluation.result.value else { throw TestSupportError("JavaScript: \(expression) has no value") }
        return value
    }

    /// Runs JavaScript statements for what they do.
    public func run(_ script: String) async throws {
        let _: Evaluation<DevTools.Nothing> = try await evaluate("(async () => { \(script)\n })()")
    }

    private func evaluate<Value: Decodable & Sendable>(_ expression: String) async throws -> Evaluation<Value> {
        let evaluation: Evaluation<Value> = try await commandValue(
            "Runtime.evaluate",
            ["expression": .string(expression), "returnByValue": .bool(true), "awaitPromise": .bool(true)]
        )
        if let exception = evaluation.exceptionDetails {
            throw TestSupportError("JavaScript: \(exception.exception?.description ?? exception.text) in \(expression)")
        }
        return evaluation
    }

    /// Waits until a JavaScript expression is true.
    public func wait(
        for expression: String,
        within limit: Duration = .seconds(20),
        fileID: String = #fileID,
        line: Int = #line
    ) async throws {
        try await eventually(expression, within: limit, fileID: fileID, line: line) { try await value("Boolean(\(expression))") }
    }

    /// Waits until a page with this path has loaded, after a click that leads there: its address is there before its content.
    public func waitForPage(_ path: String, fileID: String = #fileID, line: Int = #line) async throws {
        let quoted = JSONValue.string(path).line
        try await wait(for: "location.pathname === \(quoted) && document.readyState === 'complete'", fileID: fileID, line: line)
    }

    /// The text of the first element that a CSS selector finds, as it is rendered.
    public func text(_ selector: String) async throws -> String {
        try await value("\(Self.element(selector)).innerText")
    }

    /// Runs a command of the DevTools protocol.
    func command(_ name: String, _ parameters: JSONValue = [:]) async throws {
        let _: DevTools.Nothing = try await commandValue(name, parameters)
    }

    func commandValue<Value: Decodable & Sendable>(_ name: String, _ parameters: JSONValue) async throws -> Value {
        try await tools.send(name, parameters, session: session)
    }

    /// The events of these names since the last call, in order.
    func takeEvents(_ methods: Set<String>) async throws -> [Data] {
        // Whatever came before the answer has been read with it.
        let _: Int = try await value("0")
        return await tools.takeEvents(methods)
    }

    /// A JavaScript expression for the first element that a CSS selector finds; it throws if the selector finds none.
    static func element(_ selector: String) -> String {
        let quoted = JSONValue.string(selector).line
        return "((found) => { if (!found) throw new Error('no element ' + \(quoted)); return found; })(document.querySelector(\(quoted)))"
    }

    private struct Target: Decodable, Sendable {
        var targetId: String
    }

    private struct Attached: Decodable, Sendable {
        var sessionId: String
    }

    private struct Navigation: Decodable, Sendable {
        var errorText: String?
    }

    private struct Evaluation<Value: Decodable & Sendable>: Decodable, Sendable {
        struct Result: Decodable, Sendable {
            var value: Value?
        }

        struct Exception: Decodable, Sendable {
            struct Thrown: Decodable, Sendable {
                var description: String?
            }

            var text: String
            var exception: Thrown?
        }

        var result: Result
        var exceptionDetails: Exception?
    }
}
