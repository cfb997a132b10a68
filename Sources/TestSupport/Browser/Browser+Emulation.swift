import ConvoyText
public import Foundation

extension Browser {
    /// What a page's media queries see.
    public enum Scheme: String, Sendable, CaseIterable {
        case light, dark
    }

    /// Gives the page that many CSS pixels; Chromium's own windows cannot be as narrow as a telephone.
    public func resize(width: Int, height: Int) async throws {
        try await command(
            "Emulation.setDeviceMetricsOverride",
            ["width": .integer(width), "height": .integer(height), "deviceScaleFactor": .integer(1), "mobile": .bool(false)]
        )
    }

    /// Lets the page believe that the user prefers a scheme, and that it is shown on a screen or on paper.
    public func emulate(_ scheme: Scheme, print: Bool = false) async throws {
        try await command(
            "Emulation.setEmulatedMedia",
            [
                "media": print ? "print" : "screen",
                "features": .array([["name": "prefers-color-scheme", "value": .string(scheme.rawValue)]]),
            ]
        )
    }

    /// A PNG of the whole page, also of what is below the window.
    public func screenshot() async throws -> Data {
        let shot: Encoded = try await commandValue("Page.captureScreenshot", ["format": "png", "captureBeyondViewport": .bool(true)])
        return try shot.decoded()
    }

    /// The page as it would be printed, as a PDF.
    public func pdf() async throws -> Data {
        let printed: Encoded = try await commandValue(
            "Page.printToPDF",
            ["printBackground": .bool(true), "preferCSSPageSize": .bool(true)]
        )
        return try printed.decoded()
    }

    /// Keeps a screenshot for people to look at, where the environment's `CONVOY_TEST_ARTIFACTS` names a folder; else does nothing.
    public func keepScreenshot(_ name: String) async throws {
        try await Self.keep("\(name).png") { try await screenshot() }
    }

    /// Keeps a file for people to look at, where the environment's `CONVOY_TEST_ARTIFACTS` names a folder; else does nothing.
    public static func keep(_ name: String, _ contents: () async throws -> Data) async throws {
        guard let folder = ProcessInfo.processInfo.environment["CONVOY_TEST_ARTIFACTS"], !folder.isEmpty else { return }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try await contents().write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    private struct Encoded: Decodable, Sendable {
        var data: String

        func decoded() throws -> Data {
            guard let bytes = Data(base64Encoded: data) else { throw TestSupportError("Chromium sent no base64") }
            return bytes
        }
    }
}
