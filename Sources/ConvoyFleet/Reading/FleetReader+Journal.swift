internal import ConvoyMigrations
import ConvoyPostgres
import ConvoyText

extension FleetReader {
    /// Where the file says that runs are written down.
    struct ListedJournal {
        /// A path as the file has it.
        var path: String?
        var control: (parameters: ConnectionParameters, mark: YAMLNode.Mark)?
        /// False if what the file says could not be read.
        var isKnown = true
    }

    /// Reads `control` and `journal`.
    func journalPlace(_ section: Section) -> ListedJournal {
        var journal = ListedJournal()
        if let field = section["control"] {
            journal.control = control(field)
            journal.isKnown = journal.control != nil
            if let other = section["journal"] {
                note(
                    at: other.keyMark,
                    "`control` and `journal` both say where runs are written down",
                    hint: "remove one of them; `convoy runs copy` copies a journal's runs into the control database"
                )
            }
            return journal
        }
        guard let field = section["journal"] else {
            journal.isKnown = section.lacks("journal") && section.lacks("control")
            return journal
        }
        guard let text = expanded(field, canBeLate: true) else {
            journal.isKnown = false
            return journal
        }
        if JournalPlace.isURL(text.text) {
            journal.control = control(field)
            journal.isKnown = journal.control != nil
        } else if text.isLate || text.text.contains("://") || text.text.isEmpty {
            note(
                field,
                "`journal` is not a path",
                hint: "name a file, for example \(Fleet.defaultJournal), or a control database: postgresql://…"
            )
            journal.isKnown = false
        } else {
            journal.path = text.text
        }
        return journal
    }

    private func control(_ field: Field) -> (ConnectionParameters, YAMLNode.Mark)? {
        let level = url(field)
        guard level.isComplete else { return nil }
        if level.connectTimeout != nil {
            note(at: field.keyMark, "`\(field.key)` has a `connect_timeout`", hint: "remove it: Convoy bounds each attempt itself")
        }
        guard level.parameters.has("dbname") || level.parameters.has("service") else {
            note(
                at: field.node.mark,
                "`\(field.key)` names no database",
                hint: "write for example postgresql://convoy@host:5432/convoy"
            )
            return nil
        }
        return (level.parameters, field.node.mark)
    }
}
