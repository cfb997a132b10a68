import ConvoyIO
import ConvoyText

/// What a server lets `convoy provision` make.
extension FleetReader {
    static let provisionKeys: Set<String> = ["database", "role", "password", "locale", "connection_limit"]

    /// Reads `provision`.
    func provisioning(_ field: Field, on server: ListedServer) -> Provisioning? {
        guard let section = section(field, "`provision`", keys: Self.provisionKeys) else { return nil }
        if server.draft.admin == nil {
            note(
                at: field.keyMark,
                "`provision` needs an `admin` connection on this server",
                hint: "add for example admin: {user: postgres}: that role makes the databases"
            )
        }
        if section.lacks("database") {
            note(at: section.mark, "`provision` has no `database`", hint: "write for example database: \"teslamate_{name}\"")
        }
        let database = section["database"].flatMap { templateOfNames($0, isRole: false) }
        let role = section["role"].flatMap { templateOfNames($0, isRole: true) }
        var password = (text: Provisioning.defaultPassword, file: Optional(resolve("passwords/{name}")))
        if let field = section["password"] {
            if section.lacks("role") {
                note(
                    at: field.keyMark,
                    "`password` is that of a role for each instance, and `provision` has no `role`",
                    hint: "add for example role: \"teslamate_{name}\", or remove `password`"
                )
            }
            guard let given = passwordTemplate(field) else { return nil }
            password = given
        }
        let locale = text(section["locale"])
        let limit = integer(section["connection_limit"], in: 1...1_000_000)
        guard let database, role != nil || section["role"] == nil else { return nil }
        return Provisioning(
            database: database,
            role: role,
            password: password.text,
            passwordFile: role == nil ? nil : password.file,
            locale: locale,
            connectionLimit: limit,
            maintenanceDatabase: server.maintenanceDatabase
        )
    }

    /// A name with `{name}` in it.
    private func templateOfNames(_ field: Field, isRole: Bool) -> String? {
        guard let template = text(field) else { return nil }
        let words = Placeholders.words(in: template)
        if let word = words.first(where: { $0 != "name" }) {
            note(field, "unknown placeholder {\(word)}", hint: "available: {name}, the name of the instance")
            return nil
        }
        guard words.contains("name") else {
            note(
                field,
                "every instance would get the same \(isRole ? "role" : "database")",
                hint: isRole ? "add {name} to it, or remove `role`: the server's `user` then owns every database" : "add {name} to it"
            )
            return nil
        }
        noteOddCharacter(.error, in: template, of: "`\(field.key)`", field)
        if let complaint = Provisioning.complaint(Provisioning.filled(template, name: "x"), isRole: isRole) {
            note(field, "a \(isRole ? "role" : "database") of this name \(complaint)")
            return nil
        }
        return template
    }

    /// Where passwords come from: the value is kept as it is, and read when an instance has it.
    private func passwordTemplate(_ field: Field) -> (text: String, file: String?)? {
        let example = "write for example \(Provisioning.defaultPassword)"
        guard case .scalar(let scalar) = field.node.content, scalar.text.contains("{name}") else {
            note(at: field.keyMark, "`password` gives every role the same password", hint: "\(example), with {name} in it")
            return nil
        }
        func part(_ name: String) throws(Template.Failure) -> Template.Part? {
            let template = try Template(Provisioning.filled(scalar.text, name: name))
            return template.parts.count == 1 ? template.parts[0] : nil
        }
        do throws(Template.Failure) {
            switch try part("x") {
            case .file:
                // What stands for the name is no part of any path.
                let mark = "\u{10FFFD}"
                guard case .file(let path) = try part(mark) else { return nil }
                return (scalar.text, resolve(path).replacing(mark, with: "{name}"))
            case .command(let reference): return isDeclared(command: reference.command, field) ? (scalar.text, nil) : nil
            case .variable: return (scalar.text, nil)
            case .literal, nil:
                note(
                    at: field.keyMark,
                    "`password` is not one `${…}`",
                    hint: "\(example): Convoy makes the file, or a secret command that has the password already"
                )
                return nil
            }
        } catch {
            note(at: field.keyMark, error.message, hint: error.hint)
            return nil
        }
    }
}
