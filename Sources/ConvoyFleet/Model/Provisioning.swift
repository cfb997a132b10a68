import ConvoyText

/// What `convoy provision` may make on a server: the value of `provision`.
package struct Provisioning: Sendable, Hashable {
    /// The name of a new database, with `{name}` in it.
    package var database: String
    /// The name of the role that owns it, with `{name}` in it; nil: new databases belong to the role that the instances of the server log in as.
    package var role: String?
    /// Where a role's password comes from, with `{name}` in it, as the instance's `password` says it.
    package var password: String
    /// The file that ``password`` names, as a path that can be opened from here, with `{name}` in it; nil if a variable or a secret command gives
    /// the password.
    package var passwordFile: String?
    /// The locale of a new database; nil: the server's.
    package var locale: String?
    /// The most sessions that a new database takes; nil: any number.
    package var connectionLimit: Int?
    /// The database in which the administrator works.
    package var maintenanceDatabase: String

    /// Where the password of a role comes from without the key `password`.
    package static let defaultPassword = "${file:passwords/{name}}"

    /// A text of these with the name of an instance filled in.
    package static func filled(_ text: String, name: String) -> String { text.replacing("{name}", with: name) }

    /// PostgreSQL cuts longer names, so that two could become one.
    private static let longestName = 63

    /// Why a name cannot be that of a new database or role, in words that follow it; nil if it can.
    package static func complaint(_ name: String, isRole: Bool) -> String? {
        if name.utf8.count > longestName { return "has \(name.utf8.count) bytes, and PostgreSQL cuts names behind \(longestName)" }
        if isRole, name.hasPrefix("pg_") || name == "public" || name == "none" { return "is reserved by PostgreSQL" }
        return ConnectionKeywords.complaint(isRole ? "user" : "dbname", name)
    }

    /// Why a text cannot be the name of an instance in the fleet file; nil if it can.
    package static func complaint(instance name: String) -> String? {
        FleetReader.isName(name)
            ? nil : "is not a valid name: use at most 128 ASCII letters, digits, “.”, “_” and “-”, and start with a letter or digit"
    }

    /// Why a pair cannot be a label in the fleet file; nil if it can.
    package static func complaint(label key: String, _ value: String) -> String? {
        if Selector.reservedKeys.contains(key) {
            return "a label cannot be called “\(key)”: in a selector this word is a property of the instance"
        }
        guard !key.isEmpty, key.utf8.count <= 128, key.unicodeScalars.allSatisfy(SelectorParser.isKeyCharacter) else {
            return "a label's key has at most 128 ASCII letters, digits, “.”, “_”, “-” and “/”"
        }
        guard !value.isEmpty, value.utf8.count <= 256, value.unicodeScalars.allSatisfy(SelectorParser.isValueCharacter),
            OddCharacter(in: value) == nil
        else { return "the value of label “\(key)” has to be letters, digits and . _ - / : @ [ ], without spaces" }
        return nil
    }
}
