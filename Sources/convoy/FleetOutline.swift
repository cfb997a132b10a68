import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyText

/// A fleet file for commands that need no database: read without its secrets, and despite mistakes in parts that such a command ignores.
enum FleetOutline {
    /// Reads the outline, and warns in one line about mistakes in the parts that the command ignores.
    ///
    /// - Throws: the problems, if the file does not name the journal and the migrations.
    static func load(_ settings: Settings) throws(Problems) -> Fleet {
        let outline = try FleetFile.outline(path: settings.fleetFile, environment: settings.environment)
        if let first = outline.problems.first {
            let more = outline.problems.count == 1 ? "" : ", and \(outline.problems.count - 1) more"
            let place = [settings.fleetFile, first.line.map(String.init)].compactMap(\.self).joined(separator: ":")
            StandardStreams.error.write(
                "warning: \(place): \(first.message)\(more); ignored here, `convoy validate` lists all problems\n".withoutControls
            )
        }
        return outline.fleet
    }
}

extension String {
    /// Makes control characters of the file's text visible, except the line feed at the end.
    fileprivate var withoutControls: String { hasSuffix("\n") ? String(dropLast()).visible + "\n" : visible }
}
