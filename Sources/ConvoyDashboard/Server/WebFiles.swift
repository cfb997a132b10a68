import ConvoyReporting
internal import HTTPTypes
internal import Hummingbird

/// Static files for browsers. All of them are in the program; nothing is read from the disk.
enum WebFiles {
    static let icon = WebAsset("icon.svg", PackageResources.icon_svg)
    static let styles = [WebAssets.style, WebAsset("dashboard.css", PackageResources.dashboard_css)]
    /// In the order in which they are loaded.
    static let scripts =
        WebAssets.scripts + [
            WebAsset("live.js", PackageResources.live_js),
            WebAsset("grid.js", PackageResources.grid_js),
            WebAsset("parts.js", PackageResources.parts_js),
            WebAsset("visit.js", PackageResources.visit_js),
            WebAsset("pages.js", PackageResources.pages_js),
        ]

    /// What the interface for programs is: an OpenAPI description.
    static let openAPI = String(decoding: PackageResources.openapi_json, as: UTF8.self)

    static var routes: [Route] {
        (styles + scripts + [icon]).map { asset in
            let body = ByteBuffer(bytes: asset.bytes)
            return Route(.get, "/assets/\(asset.versionedName)", .open) { _, _ in
                // The name changes with the contents.
                let headers: HTTPFields = [.contentType: asset.mediaType, .cacheControl: "public, max-age=31536000, immutable"]
                return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
            }
        } + [Route(.get, "/api/v1/openapi.json") { _, _ in .text(openAPI, type: "application/json") }]
    }
}
