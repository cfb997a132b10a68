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
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "convoy", targets: ["convoy"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
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
        .target(name: "ConvoyPostgres", dependencies: ["CLibPQ", "CReadLimit"], swiftSettings: strict),
        .target(
            name: "ConvoyMigrations",
            dependencies: [.product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict
        ),
        .target(name: "ConvoyFleet", dependencies: ["CLibYAML", "ConvoyMigrations", "ConvoyPostgres"], swiftSettings: strict),
        .target(
            name: "ConvoyRollout",
            dependencies: [
                "ConvoyFleet", "ConvoyMigrations", "ConvoyPostgres",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "GRDB", package: "GRDB.swift"),
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
            name: "ConvoyReporting",
            dependencies: [
                "ConvoyFleet", "ConvoyMigrations", "ConvoyRollout",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            resources: [.embedInCode("HTML/Web")],
            swiftSettings: strict
        ),
        .target(
            name: "ConvoyDashboard",
            dependencies: [
                "ConvoyFleet", "ConvoyMigrations", "ConvoyReporting", "ConvoyRollout",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Web")],
            swiftSettings: strict
        ),
        .target(
            name: "TeslaMate",
            dependencies: ["ConvoyMigrations", "ConvoyPostgres", "ConvoyRollout", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "convoy",
            dependencies: [
                "ConvoyDashboard", "ConvoyFleet", "ConvoyMigrations", "ConvoyPostgres", "ConvoyReporting", "ConvoyRollout", "TeslaMate",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            exclude: ["Schemas"],
            swiftSettings: strict
        ),
        .target(
            name: "TestSupport",
            dependencies: ["ConvoyFleet", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRollout"],
            swiftSettings: strict
        ),
        .testTarget(name: "TestSupportTests", dependencies: ["ConvoyPostgres", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "ConvoyPostgresTests", dependencies: ["ConvoyPostgres", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "ConvoyMigrationsTests",
            dependencies: ["ConvoyMigrations"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyFleetTests",
            dependencies: ["ConvoyFleet", "ConvoyMigrations", "ConvoyPostgres", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyRolloutTests",
            dependencies: [
                "ConvoyFleet", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRollout", "TeslaMate", "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyReportingTests",
            dependencies: ["ConvoyFleet", "ConvoyMigrations", "ConvoyReporting", "ConvoyRollout", "TestSupport"],
            exclude: ["Golden"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyDashboardTests",
            dependencies: [
                "ConvoyDashboard", "ConvoyFleet", "ConvoyMigrations", "ConvoyPostgres", "ConvoyReporting", "ConvoyRollout", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "TeslaMateTests",
            dependencies: ["ConvoyFleet", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRollout", "TeslaMate", "TestSupport"],
            exclude: ["Facts"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConvoyCommandTests",
            dependencies: ["convoy", "ConvoyMigrations", "ConvoyPostgres", "ConvoyRollout", "TestSupport"],
            exclude: ["Recorded"],
            swiftSettings: strict
        ),
    ]
)
