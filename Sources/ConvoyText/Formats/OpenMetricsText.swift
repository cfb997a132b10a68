/// OpenMetrics text in the making: gauges, one family after the other.
///
/// Only gauges: those are also what the older text format of Prometheus knows, which files for a node's exporter have to be in.
package struct OpenMetricsText: Sendable {
    package typealias Label = (name: String, value: String)
    package typealias Sample = (labels: [Label], value: String)

    private var families = ""

    package init(families: String = "") {
        self.families = families
    }

    /// The whole text; nothing may follow it.
    package var text: String { families + "# EOF\n" }

    /// Adds a family, unless it has no sample.
    ///
    /// - Parameter name: with its unit as its end where it has one.
    package mutating func add(_ name: String, _ help: String, unit: String? = nil, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        families += "# TYPE \(name) gauge\n"
        if let unit { families += "# UNIT \(name) \(unit)\n" }
        families += "# HELP \(name) \(help)\n"
        for sample in samples {
            families += name
            families += "{"
            for (index, label) in sample.labels.enumerated() {
                if index > 0 { families += "," }
                families += label.name
                families += "=\""
                families += Self.escaped(label.value)
                families += "\""
            }
            families += "} "
            families += sample.value
            families += "\n"
        }
    }

    /// A name that a label may have: what may not stand in it becomes an underscore.
    package static func labelName(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0)) ? Character($0) : "_" })
    }

    private static func escaped(_ value: String) -> String {
        if value.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) { return value }
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            // Legal, but the text may be shown in a terminal.
            case _ where scalar.isObeyedByTerminals: result += "\\" + scalar.writtenOut
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
