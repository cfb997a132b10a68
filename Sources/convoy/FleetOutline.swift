import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyText

/// A fleet file as the commands read it that need no database: without its secrets, and with mistakes in the rest of it.
enum FleetOutline {
    /// Reads it, and says in one line where something is wrong with what the command does not need.
    ///
    /// - Throws: the problems where it does not even say where the journal and the migrations are.
    static func load(_ settings: Settings) throws(Problems) -> Fleet {
        let outline = try FleetFile.outline(path: settings.fleetFile, environment: settings.environment)
        if let first = outline.problems.first {
            let more = outline.problems.count == 1 ? "" : ", and \(outline.problems.count - 1) more"
            let place = [settings.fleetFile, first.line.map(String.init)].compactMap(\.self).joined(separator: ":")
            StandardStreams.error.write(
                "warning: \(place): \(first.message)\(more); not needed here, `convoy validate` lists them\n".withoutControls
            )
        }
        return outline.fleet
    }
}

extension String {
    /// What a file may have put into a line, made visible; the line feed at its end stays.
    fileprivate var withoutControls: String { hasSuffix("\n") ? String(dropLast()).visible + "\n" : visible }
}
