/// The name of a migration's file, `<version>_<name>.sql`: digits, an underscore, then letters, digits, underscores and hyphens.
package struct MigrationFileName: Sendable, Hashable, CustomStringConvertible {
    package let version: MigrationVersion
    /// What stands between version and `.sql`.
    package let name: String

    /// Why a file's name is not a migration's.
    package enum Flaw: Error, Sendable, Hashable {
        case form
        /// The digits at its start are not a version.
        case version(String)
    }

    package init(version: MigrationVersion, name: String) {
        self.version = version
        self.name = name
    }

    package init(_ file: String) throws(Flaw) {
        let digits = file.prefix { $0.isASCII && $0.isNumber }
        let rest = file.dropFirst(digits.count)
        let name = rest.dropFirst().dropLast(4)
        guard !digits.isEmpty, rest.first == "_", file.hasSuffix(".sql"), !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else {
            throw .form
        }
        guard let version = MigrationVersion(digits) else { throw .version(String(digits)) }
        self.init(version: version, name: String(name))
    }

    package var description: String { "\(version)_\(name).sql" }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
