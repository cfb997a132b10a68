import ConvoyIO
import ConvoyRun
import FoundationEssentials
import Testing

@testable import ConvoyReporting

/// What the environment says of tracing, in the words of OpenTelemetry.
struct TraceSettingsTests {
    private static let standard = "OTEL_EXPORTER_OTLP_ENDPOINT"

    @Test(
        arguments: [
            ([standard: "http://c:4318"], "http://c:4318/v1/traces"), ([standard: "https://c/otlp/"], "https://c/otlp/v1/traces"),
            (["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/as/it/is", standard: "http://d"], "http://c/as/it/is"),
            (["CONVOY_OTLP_ENDPOINT": "http://own", standard: "http://d"], "http://own/v1/traces"),
            (["CONVOY_OTLP_ENDPOINT": "http://own/v1/traces"], "http://own/v1/traces"),
            (["CONVOY_OTLP_ENDPOINT": " ", standard: " http://d "], "http://d/v1/traces"),
            ([:], nil), ([standard: ""], nil), ([standard: "http://c", "OTEL_SDK_DISABLED": "True"], nil),
            ([standard: "http://c", "OTEL_SDK_DISABLED": "no"], "http://c/v1/traces"),
            ([standard: "http://c", "OTEL_TRACES_EXPORTER": "none"], nil),
            (["OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"], nil),
        ] as [([String: String], String?)]
    ) func theEndpointIsFound(_ environment: [String: String], _ url: String?) {
        let (settings, warnings) = TraceSettings.read(environment)
        #expect(settings?.endpoint.absoluteString == url)
        #expect(warnings == [])
    }

    @Test(
        arguments: [
            ([standard: "c:4318"], false, "OTEL_EXPORTER_OTLP_ENDPOINT: this is not an http or https URL"),
            ([standard: "grpc://c:4317"], false, "this is not an http or https URL"),
            ([standard: "http://"], false, "this is not an http or https URL"),
            (
                ["CONVOY_OTLP_ENDPOINT": "http://u:secret-token@127.0.0.1:99999"], false,
                "CONVOY_OTLP_ENDPOINT: its port is not a number from 1 to 65535, so the run is not traced"
            ),
            ([standard: "http://c:0"], false, "OTEL_EXPORTER_OTLP_ENDPOINT: its port is not a number from 1 to 65535"),
            (
                [standard: "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"], false,
                "OTEL_EXPORTER_OTLP_PROTOCOL: Convoy cannot send traces over grpc"
            ),
            ([standard: "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"], true, "Convoy sends traces as http/json"),
            ([standard: "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"], true, "this is not a number of milliseconds above 0"),
            ([standard: "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "0"], true, "this is not a number of milliseconds above 0"),
            (
                [standard: "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "secret-token"], true,
                "OTEL_EXPORTER_OTLP_HEADERS: this is not a list of key=value"
            ),
            ([standard: "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a=secret-token%0d%0ax"], true, "no header of it is sent"),
            ([standard: "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a b=secret-token"], true, "no header of it is sent"),
            (
                [standard: "http://c", "OTEL_RESOURCE_ATTRIBUTES": "secret-token"], true,
                "OTEL_RESOURCE_ATTRIBUTES: this is not a list of key=value"
            ),
            ([standard: "http://c", "OTEL_TRACES_SAMPLER": "xray"], true, "OTEL_TRACES_SAMPLER: Convoy does not know this sampler"),
            (
                [standard: "http://c", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"], true,
                "OTEL_TRACES_SAMPLER_ARG: this is not a number from 0 to 1"
            ),
        ] as [([String: String], Bool, String)]
    ) func whatCannotBeFollowedIsReported(_ environment: [String: String], _ isTraced: Bool, _ warning: String) throws {
        let (settings, warnings) = TraceSettings.read(environment)
        #expect((settings != nil) == isTraced)
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains(warning) == true, "\(warnings)")
        #expect(warnings.first?.contains("secret-token") == false)
        #expect(settings?.headers.isEmpty ?? true)
    }

    @Test func convoysOwnCollectorTakesJSON() {
        let (settings, warnings) = TraceSettings.read(["CONVOY_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"])
        #expect(settings != nil && warnings == [])
    }

    @Test func headersAndTimeoutAreRead() throws {
        let settings = try #require(
            TraceSettings.read([
                Self.standard: "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc%2C1 , x-tenant = a=b,,",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
            ]).settings
        )
        #expect(settings.headers.map(\.name) == ["Authorization", "x-tenant"])
        #expect(settings.headers.map { $0.value.reveal() } == ["Bearer abc,1", "a=b"])
        #expect(settings.timeout == .milliseconds(2500))
        #expect(
            TraceSettings.read([Self.standard: "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "999999999999"]).settings?.timeout == .seconds(60)
        )
        let own = TraceSettings.read([
            Self.standard: "http://c", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_HEADERS": "b=2",
        ])
        #expect(own.settings?.headers.map(\.name) == ["a"])
    }

    @Test func theResourceNamesTheService() throws {
        func resource(_ environment: [String: String]) -> [String: TraceSpan.Value] {
            let settings = TraceSettings.read(environment.merging([Self.standard: "http://c"]) { $1 }).settings
            return Dictionary((settings?.resource ?? []).map { ($0.key, $0.value) }) { first, second in
                Issue.record("\(first) and \(second) have one key")
                return first
            }
        }
        #expect(resource([:])["service.name"] == .string("convoy"))
        #expect(resource([:])["service.version"] == .string(Convoy.version))
        let named = resource(["OTEL_RESOURCE_ATTRIBUTES": "service.name=eu,deployment.environment.name=pro%20d,a=1,a=2"])
        #expect(named["service.name"] == .string("eu"))
        #expect(named["deployment.environment.name"] == .string("pro d"))
        #expect(named["a"] == .string("2"))
        #expect(
            resource(["OTEL_RESOURCE_ATTRIBUTES": "service.name=eu", "OTEL_SERVICE_NAME": "us"])["service.name"] == .string("us")
        )
        #expect(resource(["OTEL_RESOURCE_ATTRIBUTES": "service.version=7"])["service.version"] == .string("7"))
    }

    @Test func theResourceHoldsNoSecret() throws {
        let long = String(repeating: "x", count: 290)
        let environment = [
            Self.standard: "http://c", "OTEL_SERVICE_NAME": "eu-hunter2-secret",
            "OTEL_RESOURCE_ATTRIBUTES": "db.url=postgres://u:hunter2%2Dsecret@h,hunter2-secret=1,long=\(long)hunter2-secret",
        ]
        let settings = try #require(TraceSettings.read(environment, masking: SecretMask(["hunter2-secret"])).settings)
        let resource = Dictionary(settings.resource.map { ($0.key, $0.value) }) { first, _ in first }
        #expect(resource["service.name"] == .string("eu-•••"))
        #expect(resource["db.url"] == .string("postgres://u:•••@h"))
        #expect(resource["•••"] == .string("1"))
        #expect(!"\(settings.resource)".contains("hunter2"))
    }

    @Test(
        arguments: [
            ("always_on", nil, [true, true, true]), ("always_off", nil, [false, false, false]),
            ("parentbased_always_on", nil, [true, true, false]), ("parentbased_always_off", nil, [false, true, false]),
            ("traceidratio", "0", [false, false, false]), ("traceidratio", "1.0", [true, true, true]),
            ("parentbased_traceidratio", "0.0", [false, true, false]), (nil, nil, [true, true, false]),
        ] as [(String?, String?, [Bool])]
    ) func samplersDecide(_ name: String?, _ argument: String?, _ decisions: [Bool]) throws {
        var environment = [Self.standard: "http://c"]
        environment["OTEL_TRACES_SAMPLER"] = name
        environment["OTEL_TRACES_SAMPLER_ARG"] = argument
        let sampler = try #require(TraceSettings.read(environment).settings?.sampler)
        let sampled = try #require(TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        let unsampled = try #require(TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"))
        #expect([nil, sampled, unsampled].map { sampler.records($0, sampled.trace) } == decisions)
    }

    @Test func aShareOfTheTracesIsRecorded() {
        let sampler = TraceSampler(followsParent: false, share: 0.25)
        let recorded = (0..<2000).count { sampler.records(nil, RunTrace(run: "run-\($0)").id) }
        #expect((400...600).contains(recorded))
    }
}
