internal import ConvoyReporting
internal import Crypto
internal import FoundationEssentials
internal import Hummingbird

/// A file that browsers get as it is. All of them are in the program; nothing is looked for on the disk.
struct WebFile: Sendable {
    var name: String
    var type: String
    var contents: String

    static let all: [WebFile] = [
        WebFile(name: "dashboard.css", type: "text/css; charset=utf-8", contents: text(PackageResources.dashboard_css)),
        WebFile(name: "live.js", type: javaScript, contents: text(PackageResources.live_js)),
        WebFile(name: "grid.js", type: javaScript, contents: text(PackageResources.grid_js)),
        WebFile(name: "parts.js", type: javaScript, contents: text(PackageResources.parts_js)),
        WebFile(name: "pages.js", type: javaScript, contents: text(PackageResources.pages_js)),
        WebFile(name: "icon.svg", type: "image/svg+xml", contents: text(PackageResources.icon_svg)),
    ]

    private static let javaScript = "text/javascript; charset=utf-8"

    /// What the interface for programs is.
    static var openAPI: String { text(PackageResources.openapi_json) }

    static func template(_ name: String) -> String {
        switch name {
        case "layout": text(PackageResources.layout_mustache)
        case "fleet": text(PackageResources.fleet_mustache)
        case "instance": text(PackageResources.instance_mustache)
        case "failures": text(PackageResources.failures_mustache)
        case "runs": text(PackageResources.runs_mustache)
        case "run": text(PackageResources.run_mustache)
        case "login": text(PackageResources.login_mustache)
        default: text(PackageResources.error_mustache)
        }
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    static var routes: [Route] {
        all.map { file in
            let tag = "\"" + SHA256.hash(data: Data(file.contents.utf8)).prefix(12).map { String($0, radix: 16) }.joined() + "\""
            return Route(.get, "/assets/\(file.name)", .open) { request, _ in
                var response = Response.text(file.contents, type: file.type)
                if request.headers[.ifNoneMatch] == tag { response = Response(status: .notModified) }
                response.headers[.eTag] = tag
                // Kept, and asked about each time: another version of the program has other files.
                response.headers[.cacheControl] = "no-cache"
                return response
            }
        } + [Route(.get, "/api/v1/openapi.json") { _, _ in .text(openAPI, type: "application/json") }]
    }
}
