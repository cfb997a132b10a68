import ArgumentParser
import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// Where the words come from that a shell offers for a command line: the fleet file, its journal and its migration set.
///
/// A shell asks while a person types: no database is connected to, nothing is written, and a mistake in a file only means fewer words.
struct CompletionSource {
    /// The most runs that are offered.
    private static let runLimit = 50

    private let line: CompletionLine
    private let environment: [String: String]

    /// - Parameter words: the command line, as the shell has it.
    init(words: [String], environment: [String: String] = ProcessInfo.processInfo.environment) {
        line = CompletionLine(words: words)
        self.environment = environment
    }

    /// Only what is needed is read of a file that may have thousands of instances.
    private func names(_ parts: FleetNames.Parts) -> FleetNames? {
        let path = line.value(of: "--fleet", short: "-f") ?? environment[FleetFileOption.variable].flatMap { $0.isEmpty ? nil : $0 }
        let file = inHome(path ?? FleetFileOption.standard)
        return FleetNames.load(path: file, environment: environment, parts: parts)
    }

    private func inHome(_ path: String) -> String {
        guard path.hasPrefix("~/"), let home = environment["HOME"] else { return path }
        return home + path.dropFirst()
    }

    private func catalog() -> RunCatalog? {
        if let journal = line.value(of: "--journal") {
            // No database is connected to while a person types.
            return JournalPlace.isURL(journal) ? nil : RunCatalog(journal: .file(inHome(journal))) { _ in }
        }
        return names([]).flatMap(catalog(of:))
    }

    private func catalog(of names: FleetNames) -> RunCatalog? {
        names.journal.map { RunCatalog(Fleet(name: names.fleet, migrations: names.migrations, instances: [], journal: $0)) { _ in } }
    }

    /// The names of the fleet's instances, those that it once discovered included.
    func instances() async -> [String] {
        guard let names = names(.names) else { return [] }
        return await instances(of: names)
    }

    private func instances(of fleet: FleetNames) async -> [String] {
        var names = fleet.instances.map(\.name)
        if !fleet.discovered.isEmpty, let journal = try? await catalog(of: fleet)?.openForReading() {
            names += ((try? await journal.instanceNames(fleet: fleet.fleet)) ?? []).subtracting(names).sorted()
        }
        return names
    }

    func waves() -> [String] { names(.waves)?.waves ?? [] }

    func servers() -> [String] {
        guard let names = names(.places) else { return [] }
        return Set(names.instances.map(\.server) + names.discovered).sorted()
    }

    /// Selectors that begin with a text.
    func selectors(_ beginning: String) async -> [String] {
        guard let fleet = names([.names, .places, .labels]) else { return [] }
        let names = await instances(of: fleet)
        return SelectorCompletion(fleet.instances, names: names).candidates(beginning)
    }

    /// The newest runs first, then the words that stand for runs.
    func runs(_ words: [String]) async -> [String] {
        guard let catalog = catalog(), let journal = try? await catalog.openForReading() else { return words }
        let runs = (try? await journal.runs(limit: Self.runLimit, fleet: catalog.fleet)) ?? []
        return runs.map(\.id.description) + words
    }

    /// The releases, then the versions, the newest first.
    func versions() -> [String] {
        let directory = names([])?.migrations
        guard let directory, let set = try? MigrationSet.load(directory: directory, displayedAs: directory) else { return [] }
        return set.releases.releases.reversed().map(\.name) + set.migrations.reversed().map(\.version.description)
    }
}

extension CompletionKind {
    /// Names of instances.
    static let instance = CompletionKind.custom { words, _, _ async in await CompletionSource(words: words).instances().printable }
    /// Names of waves.
    static let wave = CompletionKind.custom { words, _, _ in CompletionSource(words: words).waves().printable }
    /// Names of servers.
    static let server = CompletionKind.custom { words, _, _ in CompletionSource(words: words).servers().printable }
    /// A selector, term by term.
    static let selector = CompletionKind.custom { words, _, beginning async in
        await CompletionSource(words: words).selectors(CompletionLine.value(beginning)).printable
    }
    /// Releases and versions.
    static let version = CompletionKind.custom { words, _, _ in CompletionSource(words: words).versions() }
    /// Ids of runs.
    static let run = CompletionKind.run(or: [])
    /// Files of a fleet.
    static let fleetFile = CompletionKind.file(extensions: ["yaml", "yml"])

    /// Ids of runs, and words that stand for runs.
    static func run(or words: [String]) -> CompletionKind {
        .custom { line, _, _ async in await CompletionSource(words: line).runs(words) }
    }

    /// Words of a list with commas, of which none stands there already.
    static func list(ofWords words: [String]) -> CompletionKind {
        .custom { _, _, beginning in
            let parts = CompletionLine.value(beginning).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            let head = parts.dropLast().map { $0 + "," }.joined()
            return words.filter { !parts.dropLast().contains($0) }.map { head + $0 }
        }
    }
}

extension [String] {
    /// Without the words that a terminal does not show as they are: a shell prints them, and a line feed would make two of one.
    ///
    /// zsh takes what follows a colon for a description.
    fileprivate var printable: [String] {
        // Nearly all words have nothing but letters and digits, and there may be thousands.
        let words = filter { $0.utf8.allSatisfy { (0x20..<0x7F).contains($0) } || $0.visible == $0 }
        guard ProcessInfo.processInfo.environment["SAP_SHELL"] == "zsh" else { return words }
        return words.map { word in
            guard word.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: ":") }) else { return word }
            return word.replacing("\\", with: "\\\\").replacing(":", with: "\\:")
        }
    }
}
