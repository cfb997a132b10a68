import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyRun

/// Options of the commands that work on runs and connect to no database.
struct JournalOptions: ParsableArguments {
    @OptionGroup var file: FleetFileOption

    @Option(
        help: ArgumentHelp(
            "Journal file, or URL of a control database without a password (default: what the fleet file names). With this option the fleet file is not read.",
            valueName: "journal"
        ),
        completion: .file()
    )
    var journal: String?
}

extension RunCatalog {
    /// The runs of a fleet; warnings go to standard error.
    init(_ fleet: Fleet) {
        self.init(fleet) { StandardStreams.error.write($0.line) }
    }

    /// The runs that the options name; warnings go to standard error.
    init(_ options: JournalOptions) throws {
        if let journal = options.journal {
            self.init(journal: try JournalPlace.named(journal)) { StandardStreams.error.write($0.line) }
        } else {
            self.init(try FleetOutline.load(Settings(options.file)))
        }
    }
}

extension JournalPlace {
    /// The journal that an option names.
    static func named(_ text: String) throws(FleetError) -> JournalPlace {
        do throws(JournalError) {
            return try JournalPlace(argument: text)
        } catch {
            throw FleetError(error)
        }
    }
}

extension Notice {
    /// The line for standard error.
    var line: String {
        switch self {
        case .note(let text): "note: \(text)\n"
        case .warning(let text): "warning: \(text)\n"
        }
    }
}
