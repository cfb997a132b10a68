import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// What a role may do with extensions, as the server itself says: who owns them, and which versions it lets an ordinary role install.
///
/// On a managed server no role may be a superuser, and yet the owner of a database creates the extensions that the platform trusts.
struct ExtensionRights: Sendable {
    struct Entry: Sendable {
        var isInstalled: Bool
        /// Whether the role has the rights of its owner.
        var isOwned: Bool
        /// Whether the role may install the version that the server offers.
        var isCreatable: Bool
        /// Whether what it makes will belong to the role, and not to the superuser in whose name a trusted extension is installed.
        var leavesObjects: Bool
        var requires: Set<String>
    }

    var entries: [String: Entry] = [:]
    /// Functions that migrations change or replace, and that the role owns.
    var objects: CatalogueObjects?

    static func question(_ names: some Sequence<String>, role: String) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT a.name::text AS name, e.oid IS NOT NULL AS is_installed, coalesce(pg_has_role($2::name, e.extowner, 'USAGE'), false) AS is_owned,
                coalesce((v.trusted OR NOT v.superuser OR (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = $2::name))
                    AND has_database_privilege($2::name, current_database(), 'CREATE'), false) AS is_creatable,
                coalesce(NOT v.superuser, false) AS leaves_objects,
                coalesce((SELECT string_agg(q::text, ',') FROM unnest(v.requires) q), '') AS requires
            FROM pg_available_extensions() a
            LEFT JOIN pg_available_extension_versions() v ON v.name = a.name AND v.version = a.default_version
            LEFT JOIN pg_extension e ON e.extname = a.name
            WHERE a.name = ANY ($1::name[])
            """,
            [arrayLiteral(names), role]
        )
    }

    /// The same for the owner of a database that is still to be made from `template0`; asked in any other database.
    static func question(ofNewDatabase names: some Sequence<String>) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT a.name::text AS name, a.name = 'plpgsql' AS is_installed, false AS is_owned,
                coalesce(v.trusted OR NOT v.superuser, false) AS is_creatable, coalesce(NOT v.superuser, false) AS leaves_objects,
                coalesce((SELECT string_agg(q::text, ',') FROM unnest(v.requires) q), '') AS requires
            FROM pg_available_extensions() a
            LEFT JOIN pg_available_extension_versions() v ON v.name = a.name AND v.version = a.default_version
            WHERE a.name = ANY ($1::name[])
            """,
            [arrayLiteral(names)]
        )
    }

    init(_ rows: [QueryResult.Row]) throws(PostgresError) {
        for row in rows {
            entries[try row.text("name")] = Entry(
                isInstalled: try row.bool("is_installed"),
                isOwned: try row.bool("is_owned"),
                isCreatable: try row.bool("is_creatable"),
                leavesObjects: try row.bool("leaves_objects"),
                requires: Set(try row.text("requires").split(separator: ",").map(String.init))
            )
        }
    }

    init(entries: [String: Entry] = [:], objects: CatalogueObjects? = nil) {
        (self.entries, self.objects) = (entries, objects)
    }

    /// The migrations among these that the role cannot run itself, as far as the catalogue shows. Each finds what the ones before it left.
    func beyondRights(_ pending: PendingMigrations) -> Set<MigrationVersion> {
        var state = self
        /// Extensions that were made anew, so that their functions are the superuser's.
        var remade: Set<String> = []
        var versions: Set<MigrationVersion> = []
        for (migration, section) in pending.items {
            guard let requirement = section.admin else { continue }
            guard !state.allows(section, requirement, &remade) else { continue }
            versions.insert(migration.version)
            // What an administrator has made, only an administrator can touch again.
            for object in PendingMigrations.objects(of: section) {
                guard object.kind == .extension || object.kind == .function else { continue }
                state.entries[object.name.name]?.isOwned = false
                remade.insert(object.name.name)
            }
        }
        return versions
    }

    private mutating func allows(_ section: MigrationSection, _ requirement: AdminRequirement, _ remade: inout Set<String>) -> Bool {
        var isAllowed = true
        var isUnderstood = true
        for element in section.elements {
            guard case .statement(let statement) = element else {
                isUnderstood = false
                continue
            }
            for effect in statement.effects {
                switch effect {
                case .drops(let object, let cascades) where object.kind == .extension:
                    let name = object.name.name
                    if let entry = entries[name], entry.isInstalled, !entry.isOwned { isAllowed = false }
                    drop(name, cascades)
                case .creates(let object, let tolerates, _) where object.kind == .extension:
                    let name = object.name.name
                    guard let entry = entries[name] else {
                        isAllowed = false
                        continue
                    }
                    if entry.isInstalled, tolerates { continue }
                    if !entry.isCreatable { isAllowed = false }
                    entries[name]?.isInstalled = true
                    entries[name]?.isOwned = true
                    if !entry.leavesObjects { remade.insert(name) }
                case .alters(let object) where object.kind == .extension:
                    if entries[object.name.name]?.isOwned != true { isAllowed = false }
                case .alters(let object) where object.kind == .function, .creates(let object, _, true) where object.kind == .function:
                    // Whose function it is, is not known once its extension was made anew.
                    if !remade.isEmpty || objects?.entry(object)?.isOwned == false { isAllowed = false }
                // A migration that marks any other extension means an administrator.
                default: isUnderstood = false
                }
            }
        }
        if requirement.extensions.isEmpty { return isAllowed && isUnderstood }
        return isAllowed && requirement.extensions.allSatisfy { entries[$0]?.isOwned == true }
    }

    private mutating func drop(_ name: String, _ cascades: Bool) {
        entries[name]?.isInstalled = false
        guard cascades else { return }
        for (other, entry) in entries where entry.isInstalled && entry.requires.contains(name) { drop(other, true) }
    }
}

extension ExtensionRights {
    /// The first migration that the role cannot run, where the fleet file gives no `admin`.
    func missingAdmin(
        _ pending: PendingMigrations,
        _ beyondRights: Set<MigrationVersion>,
        _ facts: InstanceFacts,
        _ ledger: Ledger
    ) -> Failure? {
        guard let (migration, section) = pending.items.first(where: { beyondRights.contains($0.migration.version) }) else { return nil }
        let touched = PendingMigrations.objects(of: section).filter { $0.kind == .extension }.map(\.name.name)
        let names = Set(section.admin?.extensions ?? []).union(touched).sorted()
        var reasons: [String] = []
        for name in names {
            if let entry = entries[name], entry.isInstalled, !entry.isOwned {
                reasons.append("\(name) belongs to \(facts.extensionOwners[name] ?? "another role")")
            } else if entries[name]?.isCreatable == false {
                reasons.append("the server does not let it create \(name)")
            }
        }
        if reasons.isEmpty { reasons.append("it asks for an administrator") }
        return Failure(
            .blocked,
            "migration \(migration.version) (\(migration.name)) needs more rights than \(ledger.owner) has: \(reasons.joined(separator: "; "))",
            version: migration.version,
            file: migration.file,
            hint: "give this instance an admin connection in the fleet file: admin: {user: …, password: …}; "
                + "use any role that may drop and create the extensions; on a managed server it can be the same role"
        )
    }
}
