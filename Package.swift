// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Release builds that are tested let the tests see internal declarations; shipped ones do not.
let testing: [SwiftSetting] =
    Context.environment["MIDWATCH_TESTING"] == nil ? [] : [.unsafeFlags(["-enable-testing"])]

/// Flags of every Swift target of ours (ARCHITECTURE.md, "Rules the build enforces").
let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .strictMemorySafety(),
        .treatAllWarnings(as: .error),
    ] + testing

func target(
    _ name: String, _ own: [String] = [], _ external: [Target.Dependency] = []
) -> Target {
    .target(
        name: name, dependencies: own.map { .target(name: $0) } + external,
        swiftSettings: strict)
}

func program(
    _ name: String, _ own: [String] = [], _ external: [Target.Dependency] = []
) -> Target {
    .executableTarget(
        name: name, dependencies: own.map { .target(name: $0) } + external,
        swiftSettings: strict)
}

func tests(_ name: String, _ own: [String], _ external: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name, dependencies: own.map { .target(name: $0) } + external, path: "Tests/\(name)",
        exclude: testFixtures[name] ?? [], swiftSettings: strict)
}

/// Files beside test code that are read by path at run time.
///
/// SwiftPM resources are not used: the accessor they generate imports Foundation.
let testFixtures: [String: [String]] = [
    "IntegrationTests": ["Fixtures"], "AlertDeliveryTests": ["Golden"],
    "OperatorConsoleTests": ["Golden"],
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHandshake: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency =
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency =
    .product(name: "UnixSignals", package: "swift-service-lifecycle")
let http: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let arguments: Target.Dependency =
    .product(name: "ArgumentParser", package: "swift-argument-parser")

// The rings of the tree. Arrows point inward only; ArchitectureTests hold the imports to them.
var targets: [Target] = [
    // Model
    target("MidwatchModel"),
    // Core: pure, no I/O, no clock, no Foundation, no logging
    target("JSONText"),
    target("ReadingRing", ["MidwatchModel", "CLinux"]),
    target("TelemetryWire", ["MidwatchModel", "JSONText"]),
    target("AlarmEngine", ["MidwatchModel", "JSONText", "CLinux"]),
    target("OperatorViews", ["MidwatchModel", "JSONText"]),
    // Logs, and what knows hash functions as they do
    target("AccessControl", ["MidwatchModel"], [crypto, cryptoExtras]),
    target("Journal", ["MidwatchModel", "JSONText", "CLinux"], [crypto]),
    // Edges: one outside technology each
    target(
        "Ingest",
        [
            "MidwatchModel", "ReadingRing", "TelemetryWire", "AccessControl", "NamedThread",
            "CLinux",
        ],
        [nioCore, nioPosix, nioTLS, crypto, log]),
    target("Historian", ["MidwatchModel", "EmbeddedStore", "CLibpq"], [log]),
    target(
        "AlertDelivery", ["MidwatchModel", "JSONText", "EmbeddedStore", "NamedThread", "CLinux"],
        [crypto, http, nioCore, nioHTTP, nioPosix, nioTLS, nioHandshake, log]),
    target(
        "OperatorAPI", ["MidwatchModel", "JSONText", "OperatorViews"],
        [hummingbird, hummingbirdCore, httpTypes, lifecycle, nioCore, log]),
    target(
        "OperatorConsole", ["MidwatchModel", "JSONText", "OperatorViews", "NamedThread", "CLinux"]),
    target("Vitals", ["MidwatchModel", "CLinux"]),
    target(
        "MidwatchConfiguration",
        ["MidwatchModel", "JSONText", "AlarmEngine", "TelemetryWire", "CYAML"]),
    // Support
    target("EmbeddedStore", ["CSQLite"]),
    target(
        "StateFolder",
        [
            "MidwatchModel", "JSONText", "AlarmEngine", "Journal", "MidwatchConfiguration",
            "CLinux",
        ]),
    target("NamedThread", ["CLinux"]),
    target("FleetSimulation", ["MidwatchModel", "NamedThread", "CLinux"]),
    .target(name: "CLinux"),
    .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    // Programs: the only place where edges meet
    program(
        "midwatchd",
        [
            "MidwatchModel", "JSONText", "ReadingRing", "TelemetryWire", "AlarmEngine",
            "AccessControl", "OperatorViews", "Journal", "Ingest", "Historian", "AlertDelivery",
            "OperatorAPI",
            "Vitals", "MidwatchConfiguration", "StateFolder", "NamedThread", "CLinux",
        ], [log, lifecycle, signals, arguments]),
    program("midwatch-watchdog", ["MidwatchModel", "JSONText", "Vitals", "NamedThread", "CLinux"]),
    program(
        "midwatch",
        [
            "MidwatchModel", "JSONText", "TelemetryWire", "AlarmEngine", "OperatorViews",
            "Journal", "Historian", "OperatorConsole", "MidwatchConfiguration", "StateFolder",
            "FleetSimulation", "AccessControl", "AlertDelivery", "NamedThread", "CLinux",
        ], [arguments, crypto]),
    // Tests
    tests("MidwatchModelTests", ["MidwatchModel"]),
    tests("JSONTextTests", ["JSONText"]),
    tests("AccessControlTests", ["AccessControl", "MidwatchModel"]),
    tests("ReadingRingTests", ["ReadingRing", "MidwatchModel"]),
    tests("TelemetryWireTests", ["TelemetryWire", "MidwatchModel", "JSONText"]),
    tests("AlarmEngineTests", ["AlarmEngine", "MidwatchModel", "JSONText"]),
    tests("OperatorViewsTests", ["OperatorViews", "MidwatchModel", "JSONText"]),
    tests("JournalTests", ["Journal", "MidwatchModel", "JSONText", "CLinux"], [crypto]),
    tests(
        "IngestTests",
        ["Ingest", "ReadingRing", "TelemetryWire", "MidwatchModel", "AccessControl", "CLinux"],
        [nioCore, nioPosix, nioEmbedded, nioTLS, log]),
    tests("HistorianTests", ["Historian", "EmbeddedStore", "MidwatchModel"], [log]),
    tests(
        "AlertDeliveryTests",
        ["AlertDelivery", "EmbeddedStore", "JSONText", "MidwatchModel", "CLinux"],
        [crypto, http, nioCore, nioPosix, nioTLS, log]),
    tests(
        "OperatorAPITests",
        ["OperatorAPI", "OperatorConsole", "OperatorViews", "JSONText", "MidwatchModel"],
        [lifecycle, log]),
    tests(
        "OperatorConsoleTests",
        ["OperatorConsole", "OperatorViews", "MidwatchModel", "JSONText", "CLinux"]),
    tests(
        "VitalsTests",
        ["Vitals", "midwatch-watchdog", "JSONText", "MidwatchModel", "CLinux"]),
    tests(
        "MidwatchConfigurationTests",
        ["MidwatchConfiguration", "JSONText", "MidwatchModel", "TelemetryWire"]),
    tests("EmbeddedStoreTests", ["EmbeddedStore"]),
    tests(
        "FleetSimulationTests",
        [
            "FleetSimulation", "MidwatchConfiguration", "MidwatchModel", "TelemetryWire", "CLinux",
        ]),
    tests(
        "StateFolderTests",
        ["StateFolder", "AlarmEngine", "Journal", "MidwatchConfiguration", "MidwatchModel"]),
    tests(
        "MidwatchdTests",
        [
            "midwatchd", "AlarmEngine", "AlertDelivery", "Ingest", "Journal", "JSONText",
            "MidwatchConfiguration", "MidwatchModel", "OperatorAPI", "OperatorViews", "ReadingRing",
            "StateFolder", "Vitals", "CLinux",
        ], [log]),
    tests(
        "MidwatchTests",
        [
            "midwatch", "AlertDelivery", "Historian", "Journal", "JSONText",
            "MidwatchConfiguration", "MidwatchModel", "OperatorConsole", "OperatorViews",
            "StateFolder",
        ], [arguments]),
    tests("ArchitectureTests", []),
    tests(
        "IntegrationTests",
        [
            "FleetSimulation", "OperatorConsole", "OperatorViews", "EmbeddedStore", "JSONText",
            "MidwatchModel", "CLinux",
        ]),
]

var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    .package(
        url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    .package(
        url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
]

// `MIDWATCH_TARGETS=AlarmEngineTests,JournalTests swift test` builds these targets and what they
// need, nothing else: seconds for the core instead of minutes for every edge.
if let wanted = Context.environment["MIDWATCH_TARGETS"], !wanted.isEmpty {
    var reached = Set(wanted.split(separator: ",").map(String.init))
    var packages: Set<String> = []
    var grows = true
    while grows {
        grows = false
        for target in targets where reached.contains(target.name) {
            for dependency in target.dependencies {
                switch dependency {
                case .targetItem(let name, _), .byNameItem(let name, _):
                    grows = reached.insert(name).inserted || grows
                case .productItem(_, let package, _, _):
                    if let package { packages.insert(package) }
                @unknown default: break
                }
            }
        }
    }
    targets = targets.filter { reached.contains($0.name) }
    dependencies = dependencies.filter { dependency in
        guard case .sourceControl(_, let location, _) = dependency.kind else { return true }
        return packages.contains { location.hasSuffix("/\($0)") }
    }
}

let package = Package(
    name: "midwatch",
    products: targets.filter { $0.type == .executable }.map {
        .executable(name: $0.name, targets: [$0.name])
    },
    dependencies: dependencies,
    targets: targets
)
