import ArgumentParser
import ConvoyFleet
import ConvoyKit

/// Options of the commands that work on runs and connect to no database.
struct JournalOptions: ParsableArguments {
    @OptionGroup var file: FleetFileOption

    @Option(
        help: ArgumentHelp(
            "Journal file (default: the one that the fleet file names). With this option the fleet file is not read.",
            valueName: "file"
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
            self.init(journal: journal) { StandardStreams.error.write($0.line) }
        } else {
            self.init(try FleetOutline.load(Settings(options.file)))
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
