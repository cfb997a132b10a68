/// OpenMetrics text in the making: one family after the other.
///
/// A text of gauges alone is also one of the older format of Prometheus, which files for a node's exporter have to be in; counters and histograms are
/// written differently there.
package struct OpenMetricsText: Sendable {
    package typealias Label = (name: String, value: String)
    package typealias Sample = (labels: [Label], value: String)

    private var families = ""

    package init(families: String = "") {
        self.families = families
    }

    /// The whole text; nothing may follow it.
    package var text: String { families + "# EOF\n" }

    /// Adds a family of gauges, unless it has no sample.
    ///
    /// - Parameter name: with its unit as its end where it has one.
    package mutating func add(_ name: String, _ help: String, unit: String? = nil, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        begin(name, "gauge", help, unit: unit)
        for sample in samples { add(name, sample) }
    }

    /// Adds a family of counters.
    ///
    /// - Parameter name: without `_total`, with which each sample ends.
    package mutating func addCounters(_ name: String, _ help: String, _ samples: [Sample]) {
        begin(name, "counter", help, unit: nil)
        for sample in samples { add("\(name)_total", sample) }
    }

    /// A histogram: how many values are at most as large as each bound, how many there are, and their sum.
    package typealias Histogram = (labels: [Label], buckets: [(bound: Double, count: Int)], count: Int, sum: String)

    /// Adds a family of histograms.
    package mutating func addHistograms(_ name: String, _ help: String, unit: String, _ histograms: [Histogram]) {
        begin(name, "histogram", help, unit: unit)
        for histogram in histograms {
            for bucket in histogram.buckets {
                add("\(name)_bucket", (histogram.labels + [("le", String(bucket.bound))], String(bucket.count)))
            }
            add("\(name)_bucket", (histogram.labels + [("le", "+Inf")], String(histogram.count)))
            add("\(name)_count", (histogram.labels, String(histogram.count)))
            add("\(name)_sum", (histogram.labels, histogram.sum))
        }
    }

    private mutating func begin(_ name: String, _ type: String, _ help: String, unit: String?) {
        families += "# TYPE \(name) \(type)\n"
        if let unit { families += "# UNIT \(name) \(unit)\n" }
        families += "# HELP \(name) \(help)\n"
    }

    private mutating func add(_ name: String, _ sample: Sample) {
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
