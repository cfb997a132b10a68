/// What the pending migrations of an instance need of the objects that are there now, worked out from their statements alone.
///
/// Names are followed through what the migrations themselves make, rename, move and drop: what is reported are the names of now.
package struct SchemaForecast: Sendable {
    /// Where a need comes from.
    package struct Origin: Sendable, Hashable {
        package var version: MigrationVersion
        package var file: String
        package var line: Int
    }

    /// An object of now. Its schema is nil if the search path finds it.
    package typealias Object = SchemaEffect.Object

    /// Something that is dropped or changed, and with it what depends on it.
    package struct Loss: Sendable, Hashable {
        package enum Manner: Sendable, Hashable {
            case cascade, restrict
            /// A column gets another type: what only reads it stands in the way.
            case retype
        }

        package var object: Object
        /// A column or a constraint of ``object``.
        package var column: String?
        package var constraint: String?
        package var manner: Manner
        package var origin: Origin
    }

    /// A name that must be free.
    package struct Creation: Sendable, Hashable {
        package var object: Object
        package var column: String?
        /// Whether a type of the same name is made with it, as with a table.
        package var makesType = false
        package var origin: Origin
    }

    /// A table that must give the role a privilege.
    package struct Use: Sendable, Hashable {
        package var table: ObjectName
        package var privilege: String
    }

    /// Objects whose owner the role must be, each with the first migration that asks for it.
    package private(set) var owned: [Object: Origin] = [:]
    package private(set) var uses: [Use: Origin] = [:]
    package private(set) var creations: [Creation] = []
    package private(set) var losses: [Loss] = []

    /// The schema where what is not qualified is made.
    private let schema: String
    /// What the migrations may have freed without saying so: names in it are not reported as taken.
    private var freed = Freed()
    /// Whether the statement at hand makes a view.
    private var makesView = false
    private var states: [Place: State] = [:]
    private var columns: [Object: [String: ColumnState]] = [:]

    private struct Place: Hashable {
        var kind: SchemaEffect.Kind
        var schema: String
        var name: String
        var arguments: [String]?
    }

    private enum State {
        case isNew, isGone
        case isThere(Object)
    }

    private enum ColumnState {
        case isNew, isGone
        case isThere(String)
    }

    /// - Parameter schema: the ledger's.
    package init(schema: String) {
        self.schema = schema
    }

    /// Follows one migration.
    ///
    /// - Parameter asOwner: false if an administrator runs it, so that ownership and privileges do not count.
    package mutating func add(_ migration: Migration, _ section: MigrationSection, asOwner: Bool) {
        for case .statement(let statement) in section.elements {
            let origin = Origin(version: migration.version, file: migration.file, line: statement.line)
            let effects = statement.effects
            makesView = EffectReader.makesView(statement.text)
            for effect in effects {
                add(effect, origin, asOwner)
                freed.add(effect)
            }
            if effects.contains(.unknown) {
                freed.names.formUnion(EffectReader.identifiers(statement.text))
                freed.names.formUnion(EffectReader.quotedIdentifiers(statement.text))
            }
        }
    }

    private mutating func add(_ effect: SchemaEffect, _ origin: Origin, _ asOwner: Bool) {
        switch effect {
        case .creates(let object, let tolerates, let replaces):
            create(object, tolerates, makesType: object.kind == .relation, origin)
            if replaces, case .isThere(let now)? = states[place(of: object)] { need(now, origin, asOwner) }
        case .createsIndex(let name, let table, let tolerates):
            let index = Object(.relation, ObjectName(name, schema: schemaNow(of: table)))
            create(index, tolerates, makesType: false, on: table.name, origin)
        case .alters(let object):
            if let now = now(object) { need(now, origin, asOwner) }
        case .drops(let object, let cascades):
            let now = now(object)
            if let now {
                need(now, origin, asOwner)
                losses.append(Loss(object: now, manner: cascades ? .cascade : .restrict, origin: origin))
            }
            states[place(of: object)] = .isGone
        case .renames(let object, let name):
            var renamed = object
            renamed.name.name = name
            move(object, to: renamed, origin)
        case .moves(let object, let schema):
            var moved = object
            moved.name.schema = schema
            move(object, to: moved, origin)
        case .addsColumn(let column, let table, let tolerates):
            guard let table = now(Object(.relation, table)) else { return }
            guard columns[table]?[column] == nil else {
                columns[table]?[column] = .isNew
                return
            }
            if tolerates { return }
            claim(Creation(object: table, column: column, origin: origin))
            columns[table, default: [:]][column] = .isNew
        case .dropsColumn(let column, let table, let cascades):
            guard let table = now(Object(.relation, table)) else { return }
            if let now = columnNow(column, of: table) {
                losses.append(Loss(object: table, column: now, manner: cascades ? .cascade : .restrict, origin: origin))
            }
            columns[table, default: [:]][column] = .isGone
        case .renamesColumn(let column, let table, let name):
            guard let table = now(Object(.relation, table)) else { return }
            let state = columns[table]?[column] ?? .isThere(column)
            if columns[table]?[name] == nil { claim(Creation(object: table, column: name, origin: origin)) }
            columns[table, default: [:]][column] = .isGone
            columns[table, default: [:]][name] = state
        case .retypesColumn(let column, let table):
            guard let table = now(Object(.relation, table)), let now = columnNow(column, of: table) else { return }
            losses.append(Loss(object: table, column: now, manner: .retype, origin: origin))
        case .dropsConstraint(let constraint, let table, let cascades):
            guard let table = now(Object(.relation, table)) else { return }
            losses.append(Loss(object: table, constraint: constraint, manner: cascades ? .cascade : .restrict, origin: origin))
        case .uses(let table, let privilege):
            guard asOwner, let now = now(Object(.relation, table)) else { return }
            let use = Use(table: now.name, privilege: privilege)
            if uses[use] == nil { uses[use] = origin }
        case .renamesConstraint, .unknown:
            break
        }
    }

    private mutating func need(_ object: Object, _ origin: Origin, _ asOwner: Bool) {
        guard asOwner, object.kind != .extension, owned[object] == nil else { return }
        owned[object] = origin
    }

    private mutating func create(_ object: Object, _ tolerates: Bool, makesType: Bool, on table: String? = nil, _ origin: Origin) {
        let place = place(of: object)
        guard states[place] == nil else {
            if case .isGone? = states[place] { states[place] = .isNew }
            return
        }
        guard !tolerates else {
            // Perhaps it is there: then it is the one of now.
            states[place] = .isThere(object)
            return
        }
        claim(Creation(object: object, makesType: makesType, origin: origin), on: table)
        states[place] = .isNew
    }

    /// Notes a name that must be free, unless the migrations may have freed it.
    private mutating func claim(_ creation: Creation, on table: String? = nil) {
        let object = creation.object
        let name = creation.column ?? object.name.name
        guard !freed.mayHold(name, in: object.name.schema ?? schema, on: table, isView: makesView) else { return }
        creations.append(creation)
    }

    private mutating func move(_ object: Object, to target: Object, _ origin: Origin) {
        let state: State
        if let now = now(object) {
            state = .isThere(now)
        } else {
            state = .isNew
        }
        let (from, to) = (place(of: object), place(of: target))
        if states[to] == nil { claim(Creation(object: target, origin: origin)) }
        states[from] = .isGone
        states[to] = state
    }

    // MARK: - Names

    /// Where an object is, or is made.
    private func place(of object: Object) -> Place {
        func place(_ schema: String) -> Place {
            Place(kind: object.kind, schema: schema, name: object.name.name, arguments: object.arguments)
        }
        switch object.kind {
        case .schema, .extension: return place("")
        case .relation, .type, .function:
            if let schema = object.name.schema { return place(schema) }
            // The search path: the ledger's schema, then `public`.
            let (first, second) = (place(schema), place("public"))
            switch (states[first], states[second]) {
            case (.isGone?, .isThere?), (.isGone?, .isNew?), (nil, .isThere?), (nil, .isNew?): return second
            default: return first
            }
        }
    }

    /// The object of now that a name means; nil if the migrations themselves make it.
    private func now(_ object: Object) -> Object? {
        switch states[place(of: object)] {
        case .isNew?, .isGone?: nil
        case .isThere(let now)?: now
        case nil: object
        }
    }

    private func columnNow(_ column: String, of table: Object) -> String? {
        switch columns[table]?[column] {
        case .isNew?, .isGone?: nil
        case .isThere(let now)?: now
        case nil: column
        }
    }

    private func schemaNow(of table: ObjectName) -> String? {
        table.schema ?? (place(of: Object(.relation, table)).schema == "public" && schema != "public" ? "public" : nil)
    }
}

/// The names that a whole set gives to what it makes: what has another name is a user's own.
package struct SetVocabulary: Sendable {
    /// Tables, indexes, views and sequences, under all names that they ever have.
    package private(set) var relations: Set<String> = []
    package private(set) var types: Set<String> = []
    package private(set) var functions: Set<String> = []
    package private(set) var schemas: Set<String> = []
    package private(set) var extensions: Set<String> = []
    package private(set) var columns: Set<String> = []
    /// Every identifier and key word of the set.
    package private(set) var words: Set<String> = []
    /// The same of what its statements carry as text, such as the body of a `DO`.
    package private(set) var quotedWords: Set<String> = []

    package init(_ set: MigrationSet) {
        for migration in set.migrations {
            var sections = [migration.up]
            if case .section(let down) = migration.down { sections.append(down) }
            for section in sections {
                for case .statement(let statement) in section.elements {
                    words.formUnion(EffectReader.identifiers(statement.text))
                    quotedWords.formUnion(EffectReader.quotedIdentifiers(statement.text))
                    for effect in statement.effects { add(effect) }
                }
            }
        }
    }

    private mutating func add(_ effect: SchemaEffect) {
        switch effect {
        case .creates(let object, _, _): add(object.kind, object.name.name)
        case .createsIndex(let name, _, _): relations.insert(name)
        case .renames(let object, let name): add(object.kind, name)
        case .addsColumn(let name, _, _), .renamesColumn(_, _, let name): columns.insert(name)
        default: break
        }
    }

    private mutating func add(_ kind: SchemaEffect.Kind, _ name: String) {
        switch kind {
        case .relation: relations.insert(name)
        case .type: types.insert(name)
        case .function: functions.insert(name)
        case .schema: schemas.insert(name)
        case .extension: extensions.insert(name)
        }
    }
}
