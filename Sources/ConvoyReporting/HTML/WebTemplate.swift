internal import Mustache

/// A page's Mustache template. `{{name}}` is escaped for HTML, in text and in quoted attributes.
package struct WebTemplate: Sendable {
    private let template: Result<MustacheTemplate, any Error>

    /// - Parameter bytes: the template's text. It is part of the program: where it cannot be parsed the page says so, and a test fails.
    package init(_ bytes: [UInt8]) {
        MarkupContent.register()
        template = Result {
            try MustacheTemplate(string: "{{% CONTENT_TYPE: \(MarkupContent.name)}}" + String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Whether the text is a template.
    package var isValid: Bool { (try? template.get()) != nil }

    /// The page for these values: structs, arrays, strings and numbers, found by the names of their properties.
    package func render(_ values: Any) -> String {
        switch template {
        case .success(let template): template.render(values)
        case .failure(let error): "this page's template cannot be read: \(error)".escapedForHTML
        }
    }
}

/// Escapes scalar by scalar. The library's own content type goes by characters, and a quotation mark with a combining mark behind it is another
/// character than a quotation mark: it would end an attribute.
private struct MarkupContent: MustacheContentType {
    static let name = "MARKUP"

    static func register() { MustacheContentTypes.register(MarkupContent(), named: name) }

    func escapeText(_ text: String) -> String { text.escapedForHTML }
}

extension String {
    /// The text as it stands in HTML, in text and in quoted attributes.
    package var escapedForHTML: String {
        var result = ""
        result.reserveCapacity(utf8.count)
        for scalar in unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// JSON as it may stand in a `<script>` element: nothing in it can end the element.
    var escapedForScript: String {
        var result: [UInt8] = []
        result.reserveCapacity(utf8.count)
        for byte in utf8 {
            if byte == UInt8(ascii: "<") { result += Array("\\u003c".utf8) } else { result.append(byte) }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
