// swift-tools-version: 6.2
import PackageDescription

/// The strict settings of every target, in one place.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "Convoy",
    products: [
        .executable(name: "convoy", targets: ["convoy"]),
        .library(name: "ConvoyKit", targets: ["ConvoyKit"]),
        .library(name: "ConvoyTeslaMate", targets: ["TeslaMate"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CReadLimit"),
        .target(name: "CWaiting"),
        // From the bottom to the top: a module imports only those that it names here, and CI holds it to that.
        .target(name: "ConvoyText", swiftSettings: strict),
        .target(
            name: "ConvoyIO",
            dependencies: [
                "ConvoyText", "CWaiting",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyPostgres",
            dependencies: ["CLibPQ", "CReadLimit", "ConvoyIO", "ConvoyText"],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyMigrations",
            dependencies: ["ConvoyIO", "ConvoyText", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyFleet",
            dependencies: ["CLibYAML", "ConvoyIO", "ConvoyMigrations", "ConvoyPostgres", "ConvoyText"],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyRun",
            dependencies: ["ConvoyFleet", "ConvoyIO", "ConvoyMigrations", "ConvoyText"],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyInstance",
            dependencies: ["ConvoyFleet", "ConvoyIO", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRun", "ConvoyText"],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyCatalog",
            dependencies: [
                "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRun", "ConvoyText",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyJournal",
            dependencies: [
                "ConvoyFleet", "ConvoyIO", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRun", "ConvoyText",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            resources: [.embedInCode("Control/Schema")],
            swiftSettings: strict
        ),
        // The rules, the plan and the coordinator: neither SQLite nor libpq.
        .target(
            name: "ConvoyRollout",
            dependencies: [
                "ConvoyFleet", "ConvoyIO", "ConvoyMigrations", "ConvoyRun", "ConvoyText",
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyReporting",
            dependencies: [
                "ConvoyFleet", "ConvoyIO", "ConvoyMigrations", "ConvoyRollout", "ConvoyRun", "ConvoyText",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            resources: [.embedInCode("HTML/Web")],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyKit",
            dependencies: [
                "ConvoyCatalog", "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyJournal", "ConvoyMigrations", "ConvoyPostgres",
                "ConvoyReporting",
                "ConvoyRollout", "ConvoyRun", "ConvoyText",
            ],
            // A link to docs/schemas, so that the documentation and the program have the same files.
            resources: [.embedInCode("Schemas")],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyDashboard",
            dependencies: [
                "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyJournal", "ConvoyKit", "ConvoyMigrations", "ConvoyReporting",
                "ConvoyRollout",
                "ConvoyRun", "ConvoyText",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Web")],
            swiftSettings: strict
        ),
        .target(
            name: "TeslaMate",
            dependencies: [
                "ConvoyIO", "ConvoyInstance", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRun", "ConvoyText",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "convoy",
            dependencies: [
                "ConvoyDashboard", "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyJournal", "ConvoyKit", "ConvoyMigrations",
                "ConvoyPostgres", "ConvoyReporting", "ConvoyRollout", "ConvoyRun", "ConvoyText", "TeslaMate",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        // A benchmark: what decisions cost, and fleets that are too large for this machine.
        .executableTarget(
            name: "DecisionSimulation",
            dependencies: [
                "ConvoyFleet", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRollout", "ConvoyRun", "ConvoyText",
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            path: "Benchmarks/Simulation",
            swiftSettings: strict
        ),
        // A benchmark: workers on a real control database, with a stand-in for what they would do to the instances.
        .executableTarget(
            name: "WorkerDecisions",
            dependencies: ["ConvoyFleet", "ConvoyJournal", "ConvoyKit", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRun"],
            path: "Benchmarks/Decisions",
            swiftSettings: strict
        ),
        .target(
            name: "TestSupport",
            dependencies: ["ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRun", "ConvoyText"],
            swiftSettings: strict
        ),
        .testTarget(name: "TestSupportTests", dependencies: ["ConvoyPostgres", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "ConvoyTextTests", dependencies: ["ConvoyText", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "ConvoyIOTests",
            dependencies: [
                "ConvoyFleet", "ConvoyIO", "ConvoyRollout", "ConvoyRun", "ConvoyText", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "ConvoyPostgresTests", dependencies: ["ConvoyIO", "ConvoyPostgres", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "ConvoyMigrationsTests",
            dependencies: ["ConvoyIO", "ConvoyMigrations", "ConvoyText", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyFleetTests",
            dependencies: ["ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyMigrations", "ConvoyPostgres", "ConvoyText", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyRunTests",
            dependencies: ["ConvoyFleet", "ConvoyMigrations", "ConvoyRun", "ConvoyText", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyInstanceTests",
            dependencies: [
                "ConvoyCatalog", "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRun",
                "ConvoyText", "TeslaMate",
                "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyCatalogTests",
            dependencies: [
                "ConvoyCatalog", "ConvoyFleet", "ConvoyInstance", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRun", "ConvoyText",
                "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyJournalTests",
            dependencies: [
                "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyKit", "ConvoyPostgres", "ConvoyJournal", "ConvoyMigrations",
                "ConvoyRollout",
                "ConvoyRun", "ConvoyText", "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyRolloutTests",
            dependencies: [
                "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRollout", "ConvoyRun",
                "ConvoyText",
                "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyReportingTests",
            dependencies: [
                "ConvoyFleet", "ConvoyIO", "ConvoyJournal", "ConvoyMigrations", "ConvoyPostgres", "ConvoyReporting", "ConvoyRollout",
                "ConvoyRun",
                "ConvoyText", "TestSupport",
            ],
            exclude: ["Golden"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyKitTests",
            dependencies: [
                "ConvoyCatalog", "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyJournal", "ConvoyKit", "ConvoyMigrations",
                "ConvoyPostgres", "ConvoyReporting", "ConvoyRollout", "ConvoyRun", "ConvoyText", "TestSupport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyDashboardTests",
            dependencies: [
                "ConvoyDashboard", "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyJournal", "ConvoyKit", "ConvoyMigrations",
                "ConvoyPostgres", "ConvoyReporting", "ConvoyRollout", "ConvoyRun", "ConvoyText", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "TeslaMateTests",
            dependencies: [
                "ConvoyCatalog", "ConvoyFleet", "ConvoyIO", "ConvoyInstance", "ConvoyKit", "ConvoyMigrations", "ConvoyPostgres",
                "ConvoyRun",
                "ConvoyText", "TeslaMate",
                "TestSupport",
            ],
            exclude: ["Facts"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyCommandTests",
            dependencies: [
                "convoy", "ConvoyFleet", "ConvoyInstance", "ConvoyJournal", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRollout",
                "ConvoyRun",
                "ConvoyText", "TestSupport",
            ],
            exclude: ["Help", "Recorded"],
            swiftSettings: strict
        ),
    ]
)
