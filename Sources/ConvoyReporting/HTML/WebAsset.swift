internal import ConvoyText
internal import Crypto
internal import FoundationEssentials

/// A style sheet or script of the browser pages, as it stands in the repository.
package struct WebAsset: Sendable, Hashable {
    /// Its file name, for example `fleet-table.js`.
    package let name: String
    package let bytes: [UInt8]
    private let digest: [UInt8]

    package init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
        digest = Array(SHA256.hash(data: bytes))
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// What a server says it is.
    package var mediaType: String {
        if name.hasSuffix(".css") { return "text/css; charset=utf-8" }
        return name.hasSuffix(".svg") ? "image/svg+xml" : "text/javascript; charset=utf-8"
    }

    /// A name that changes with the contents, so that browsers may keep the file for good: `fleet-table.3f9a0c12d4e8.js`.
    package var versionedName: String {
        let hash = digest.prefix(6).hexadecimal
        guard let dot = name.lastIndex(of: ".") else { return "\(name).\(hash)" }
        return "\(name[..<dot]).\(hash)\(name[dot...])"
    }

    /// What lets a Content-Security-Policy pass this very text inline: `'sha256-…'`.
    package var policySource: String { "'sha256-\(Data(digest).base64EncodedString())'" }
}
