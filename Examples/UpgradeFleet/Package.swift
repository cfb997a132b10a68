// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "UpgradeFleet",
    dependencies: [.package(name: "Convoy", path: "../..")],
    targets: [
        .executableTarget(
            name: "UpgradeFleet",
            dependencies: [
                .product(name: "ConvoyKit", package: "Convoy"),
                .product(name: "ConvoyTeslaMate", package: "Convoy"),
            ]
        )
    ]
)
