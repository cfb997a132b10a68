package import ConvoyIO
import ConvoyRun
import ConvoyText
package import Foundation

/// Where the trace of a run goes, and how: what the environment says, in the words of OpenTelemetry's specification.
package struct TraceSettings: Sendable {
    /// Where spans are sent. It may have a password in it, and is never shown.
    package var endpoint: URL
    /// The variable that named it, which is shown instead.
    package var variable: String
    /// Sent with each request; the values may be secrets.
    package var headers: [(name: String, value: Secret)]
    /// For one request.
    package var timeout: Duration
    /// What describes the sender.
    package var resource: [TraceSpan.Attribute]
    package var sampler: TraceSampler

    /// The variable that counts before those of the specification, so that Convoy can have a collector of its own.
    package static let ownVariable = "CONVOY_OTLP_ENDPOINT"
    private static let standardTimeout = Duration.seconds(10)
    private static let longestTimeout = Duration.seconds(60)
    /// Headers and attributes beyond it are left out.
    private static let listLimit = 64

    /// Reads the environment.
    ///
    /// - Parameter mask: hides secrets in what describes the sender; made only if something is sent.
    /// - Returns: nil if runs are not traced; and one line for each variable that cannot be followed. No line repeats a value that may be secret.
    package static func read(
        _ environment: [String: String],
        masking mask: @autoclosure @escaping () -> SecretMask = SecretMask([])
    ) -> (settings: TraceSettings?, warnings: [String]) {
        var reader = Reader(environment: environment, mask: mask)
        let settings = reader.settings()
        return (settings, reader.warnings)
    }

    private struct Reader {
        let environment: [String: String]
        let mask: () -> SecretMask
        var warnings: [String] = []

        /// An empty variable is like one that is not set.
        func value(_ name: String) -> String? {
            environment[name].map { $0.trimmingCharacters(in: .whitespaces) }.flatMap { $0.isEmpty ? nil : $0 }
        }

        /// The first of these variables that is set.
        func first(_ names: String...) -> (name: String, value: String)? {
            for name in names { if let value = value(name) { return (name, value) } }
            return nil
        }

        mutating func settings() -> TraceSettings? {
            guard let place = first(ownVariable, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") else { return nil }
            if value("OTEL_SDK_DISABLED")?.lowercased() == "true" { return nil }
            if value("OTEL_TRACES_EXPORTER")?.lowercased() == "none" { return nil }
            // What Convoy's own variable names takes JSON, whatever the endpoint of other programs takes.
            if place.name != ownVariable, !checkProtocol() { return nil }
            guard let endpoint = endpoint(place) else { return nil }
            return TraceSettings(
                endpoint: endpoint,
                variable: place.name,
                headers: headers(),
                timeout: timeout(),
                resource: resource(),
                sampler: sampler()
            )
        }

        /// - Returns: whether something can be sent.
        private mutating func checkProtocol() -> Bool {
            guard let (name, value) = first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL") else { return true }
            switch value.lowercased() {
            case "http/json": return true
            case "grpc":
                let hint = "set it to http/json, and the endpoint to the collector's HTTP port (4318)"
                warnings.append("\(name): Convoy cannot send traces over grpc, and sends none; \(hint)")
                return false
            default:
                warnings.append("\(name): Convoy sends traces as http/json; a collector takes that at the same endpoint as http/protobuf")
                return true
            }
        }

        private mutating func endpoint(_ place: (name: String, value: String)) -> URL? {
            guard var parts = URLComponents(string: place.value), let scheme = parts.scheme?.lowercased(),
                HTTPRequest.schemes.contains(scheme), let host = parts.host, !host.isEmpty
            else {
                warnings.append("\(place.name): this is not an http or https URL, so the run is not traced")
                return nil
            }
            guard URLPort.isUsable(in: place.value) else {
                warnings.append("\(place.name): its \(URLPort.complaint), so the run is not traced")
                return nil
            }
            if !place.name.contains("TRACES"), !parts.path.hasSuffix("/v1/traces") {
                parts.path += (parts.path.hasSuffix("/") ? "" : "/") + "v1/traces"
            }
            return parts.url
        }

        private mutating func headers() -> [(name: String, value: Secret)] {
            guard let (name, value) = first("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS") else { return [] }
            guard let pairs = Self.pairs(value), pairs.allSatisfy({ Self.isHeader($0.key, $0.value) }) else {
                warnings.append("\(name): this is not a list of key=value, so no header of it is sent")
                return []
            }
            return pairs.map { ($0.key, Secret($0.value)) }
        }

        private static func isHeader(_ name: String, _ value: String) -> Bool {
            let marks = Array("!#$%&'*+-.^_`|~".utf8)
            let isName = name.utf8.allSatisfy { byte in
                marks.contains(byte) || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            }
            return isName && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        }

        private mutating func timeout() -> Duration {
            guard let (name, value) = first("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT") else {
                return standardTimeout
            }
            guard let milliseconds = Int(value), milliseconds > 0 else {
                warnings.append("\(name): this is not a number of milliseconds above 0, so a request has \(standardTimeout.human)")
                return standardTimeout
            }
            return min(.milliseconds(milliseconds), longestTimeout)
        }

        private mutating func resource() -> [TraceSpan.Attribute] {
            let mask = self.mask()
            var named: [(key: String, value: String)] = []
            if let text = value("OTEL_RESOURCE_ATTRIBUTES") {
                if let pairs = Self.pairs(text) {
                    // Before they are cut: of a part of a secret nothing is known.
                    named = pairs.map { (key: mask.masked($0.key), value: mask.masked($0.value)) }
                } else {
                    warnings.append("OTEL_RESOURCE_ATTRIBUTES: this is not a list of key=value, so none of it is sent")
                }
            }
            let service = value("OTEL_SERVICE_NAME").map { mask.masked($0) } ?? named.last { $0.key == "service.name" }?.value ?? "convoy"
            let own = [
                ("service.name", service), ("service.version", Convoy.version), ("telemetry.sdk.name", "convoy"),
                ("telemetry.sdk.language", "swift"), ("telemetry.sdk.version", Convoy.version),
            ]
            var attributes: [TraceSpan.Attribute] = []
            for (key, value) in own where key == "service.name" || !named.contains(where: { $0.key == key }) { attributes.add(key, value) }
            var seen: Set<String> = ["service.name"]
            // Of two with one key, the last counts.
            for pair in named.reversed() where seen.insert(pair.key).inserted { attributes.add(pair.key.fitForSpan, pair.value) }
            return attributes
        }

        private mutating func sampler() -> TraceSampler {
            guard let name = value("OTEL_TRACES_SAMPLER") else { return .standard }
            let share = value("OTEL_TRACES_SAMPLER_ARG").map { Double($0).flatMap { (0...1).contains($0) ? $0 : nil } }
            if case .some(nil) = share, name.hasSuffix("traceidratio") {
                warnings.append("OTEL_TRACES_SAMPLER_ARG: this is not a number from 0 to 1, so every trace is recorded")
            }
            if let sampler = TraceSampler(name.lowercased(), share: share ?? nil) { return sampler }
            warnings.append("OTEL_TRACES_SAMPLER: Convoy does not know this sampler, and records every trace")
            return .standard
        }

        /// Reads `key1=value1,key2=value2`, percent-encoded, with blanks around; nil if it is anything else.
        private static func pairs(_ text: String) -> [(key: String, value: String)]? {
            var pairs: [(key: String, value: String)] = []
            for member in text.split(separator: ",") where !member.allSatisfy(\.isWhitespace) {
                guard let mark = member.firstIndex(of: "=") else { return nil }
                let key = member[..<mark].trimmingCharacters(in: .whitespaces)
                let value = member[member.index(after: mark)...].trimmingCharacters(in: .whitespaces)
                guard !key.isEmpty, let key = key.removingPercentEncoding, let value = value.removingPercentEncoding else { return nil }
                pairs.append((key, value))
            }
            return Array(pairs.prefix(listLimit))
        }
    }
}
