/// Elements of XML 1.0 in the making, indented by two spaces.
package struct XMLText: Sendable {
    package var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    private var open: [String] = []

    package init(text: String = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", open: [String] = []) {
        self.text = text
        self.open = open
    }

    package typealias Attributes = KeyValuePairs<String, String?>

    /// Opens an element. Attributes that are nil are left out.
    package mutating func begin(_ name: String, _ attributes: Attributes = [:]) {
        write(name, attributes)
        text += ">\n"
        open.append(name)
    }

    /// Closes the element that was opened last.
    package mutating func end() {
        guard let name = open.popLast() else { return }
        text += indent + "</\(name)>\n"
    }

    /// An element with nothing in it but text.
    package mutating func add(_ name: String, _ attributes: Attributes = [:], content: String = "") {
        write(name, attributes)
        text += content.isEmpty ? "/>\n" : ">\(Self.escaped(content, .content))</\(name)>\n"
    }

    private enum Place {
        case attribute, content
    }

    private var indent: String { String(repeating: "  ", count: open.count) }

    private mutating func write(_ name: String, _ attributes: Attributes) {
        text += indent + "<" + name
        for (key, value) in attributes {
            guard let value else { continue }
            text += " \(key)=\"\(Self.escaped(value, .attribute))\""
        }
    }

    /// The text without anything that a parser would take for markup, or that XML 1.0 has no way to write: that is written out.
    private static func escaped(_ text: String, _ place: Place) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            // As they are, an attribute's would be read as blanks, and a carriage return as a line feed.
            case "\t", "\n":
                if place == .content { result.unicodeScalars.append(scalar) } else { result += "&#\(scalar.value);" }
            case "\r": result += "&#\(scalar.value);"
            case "\u{FFFE}", "\u{FFFF}": result += scalar.writtenOut
            case _ where scalar.isObeyedByTerminals: result += scalar.writtenOut
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
