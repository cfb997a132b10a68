/// Tables and their columns.
extension DraftWriter {
    /// The tables that are in both catalogues, with what each says of them.
    private var kept: [(name: String, old: TableDefinition, new: TableDefinition)] {
        to.all(.table).compactMap { fact in
            guard SQLName.isName(fact.object, parts: 2), let old = from.table(fact.object), let new = TableDefinition(fact.text) else {
                return nil
            }
            return (fact.object, old, new)
        }
    }

    private func plan(_ table: (name: String, old: TableDefinition, new: TableDefinition)) -> ColumnPlan {
        ColumnPlan(from: table.old.columns, to: table.new.columns) {
            from[.column, "\(table.name).\($0)"]?.text == to[.column, "\(table.name).\($1)"]?.text
        }
    }

    /// Whether a column goes and comes again.
    func isReplaced(_ column: String) -> Bool {
        let table = SQLName.parent(column)
        guard let old = from.table(table), let new = to.table(table) else { return false }
        return plan((table, old, new)).replaced.contains(SQLName.last(column))
    }

    // MARK: - New tables

    mutating func createTables() {
        for fact in to.names(.table, notIn: from) where isUsable(fact, parts: 2) {
            guard let table = TableDefinition(fact.text), let columns = columns(of: fact.object, table.columns) else {
                unknown(fact)
                continue
            }
            let head = "CREATE \(table.isUnlogged ? "UNLOGGED " : "")TABLE \(fact.object) ("
            let body = columns.isEmpty ? ")" : "\n    " + columns.joined(separator: ",\n    ") + "\n)"
            let key = table.partitionKey.map { " PARTITION BY \($0)" } ?? ""
            let options = table.options.isEmpty ? "" : " WITH (\(TableDefinition.list(table.options)))"
            add(head + body + key + options, of: fact)
            changeRowSecurity(fact.object, nil, table)
        }
    }

    /// The columns as CREATE TABLE has them; nil if one of them is not known.
    private func columns(of table: String, _ names: [String]) -> [String]? {
        var columns: [String] = []
        for name in names {
            guard let column = to.column("\(table).\(name)") else { return nil }
            columns.append("\(name) \(column.sql(sequence: identityOptions("\(table).\(name)")))")
        }
        return columns
    }

    private func identityOptions(_ column: String) -> String? {
        guard to.column(column)?.isIdentity == true, let fact = to.sequence(ownedBy: column), SQLName.isName(fact.object, parts: 2),
            let sequence = SequenceDefinition(fact.text)
        else { return nil }
        return "SEQUENCE NAME \(fact.object)" + (sequence.options.isEmpty ? "" : " \(sequence.options)")
    }

    // MARK: - Changed tables

    mutating func changeTables() {
        for fact in to.facts(.table, notIn: from) {
            guard let old = from[.table, fact.object], from.table(fact.object) == nil || TableDefinition(fact.text) == nil else { continue }
            unknown(fact, was: old)
        }
        for table in kept {
            let plan = plan(table)
            if !plan.replaced.isEmpty {
                drop(columns: plan.replaced, of: table.name)
                advise(
                    "the values of \(plan.replaced.map { "\(table.name).\($0)" }.joined(separator: ", ")) are lost: save them first if they matter"
                )
            }
            add(columns: plan.added, to: table.name)
            changeColumns(of: table.name, table.old.columns.filter { table.new.columns.contains($0) && !plan.replaced.contains($0) })
            if !plan.keepsOrder { noteOrder(of: table.name) }
            change(table)
        }
        // Tables that the facts do not describe well enough.
        for column in to.facts(.column, notIn: from) {
            let table = SQLName.parent(column.object)
            if from[.table, table] != nil, from.table(table) == nil || to.table(table) == nil {
                unknown(column, was: from[.column, column.object])
            }
        }
    }

    private mutating func add(columns: [String], to table: String) {
        var clauses: [String] = []
        var needy: [String] = []
        for name in columns {
            guard let fact = to[.column, "\(table).\(name)"], let column = ColumnDefinition(fact.text), !fact.isCut else {
                unknown("column \(table).\(name)")
                continue
            }
            clauses.append("ADD COLUMN \(name) \(column.sql(sequence: identityOptions(fact.object)))")
            if column.isNotNull, column.content == nil { needy.append(name) }
        }
        if !needy.isEmpty {
            advise("\(needy.map { "\(table).\($0)" }.joined(separator: ", ")): rows that exist need a value before NOT NULL")
        }
        alter(table, clauses)
    }

    private mutating func drop(columns: [String], of table: String) {
        alter(table, columns.map { "DROP COLUMN \($0)" })
    }

    private mutating func alter(_ table: String, _ clauses: [String]) {
        guard !clauses.isEmpty else { return }
        add("ALTER TABLE \(table)" + (clauses.count == 1 ? " \(clauses[0])" : "\n    " + clauses.joined(separator: ",\n    ")))
    }

    private mutating func changeColumns(of table: String, _ names: [String]) {
        var clauses: [String] = []
        for name in names {
            guard let fact = to[.column, "\(table).\(name)"], let before = from[.column, "\(table).\(name)"], fact != before else {
                continue
            }
            guard let new = ColumnDefinition(fact.text), let old = ColumnDefinition(before.text), !fact.isCut,
                canChange(old, new, fact.object)
            else {
                unknown(fact, was: before)
                continue
            }
            clauses += changes(name, old, new, of: fact.object)
        }
        alter(table, clauses)
    }

    /// Whether there is a statement for it: the expression of a generated column cannot be changed on every release.
    private func canChange(_ old: ColumnDefinition, _ new: ColumnDefinition, _ column: String) -> Bool {
        let isGenerated = [old, new].contains { $0.expression != $0.defaultExpression }
        let isTaken = new.isIdentity && !old.isIdentity && to.sequence(ownedBy: column).map { from[.sequence, $0.object] != nil } ?? false
        return (!isGenerated || old.content == new.content && old.typeSQL == new.typeSQL) && !isTaken
    }

    private mutating func changes(_ name: String, _ old: ColumnDefinition, _ new: ColumnDefinition, of column: String) -> [String] {
        var clauses: [String] = []
        func alter(_ clause: String) { clauses.append("ALTER COLUMN \(name) \(clause)") }
        let hasNewType = old.typeSQL != new.typeSQL
        if old.isIdentity, !new.isIdentity { alter("DROP IDENTITY") }
        if old.defaultExpression != nil, hasNewType || new.defaultExpression == nil { alter("DROP DEFAULT") }
        if old.isNotNull, !new.isNotNull { alter("DROP NOT NULL") }
        if hasNewType {
            let cast = ColumnConversion(from: old.type, to: new.type)
            alter("TYPE \(new.typeSQL)" + cast.using(name))
            if cast.isByText { advise("\(column): each value is converted from \(old.type) to \(new.type) by its text") }
        }
        if let expression = new.defaultExpression, hasNewType || old.defaultExpression != expression { alter("SET DEFAULT \(expression)") }
        if new.isNotNull, !old.isNotNull {
            alter("SET NOT NULL")
            advise("\(column): a row without a value stops the migration at SET NOT NULL")
        }
        if case .identity(let isAlways)? = new.content, old.content != new.content {
            let word = isAlways ? "ALWAYS" : "BY DEFAULT"
            alter(
                old.isIdentity
                    ? "SET GENERATED \(word)" : "ADD GENERATED \(word) AS IDENTITY" + (identityOptions(column).map { " (\($0))" } ?? "")
            )
        }
        return clauses
    }

    private mutating func change(_ table: (name: String, old: TableDefinition, new: TableDefinition)) {
        guard table.old.partitionKey == table.new.partitionKey else {
            unknown("table \(table.name) is partitioned in another way")
            return
        }
        if table.old.isUnlogged != table.new.isUnlogged { alter(table.name, ["SET \(table.new.isUnlogged ? "UNLOGGED" : "LOGGED")"]) }
        let set = table.new.options.filter { table.old.options[$0.key] != $0.value }
        let reset = table.old.options.keys.filter { table.new.options[$0] == nil }.sorted()
        if !set.isEmpty { alter(table.name, ["SET (\(TableDefinition.list(set)))"]) }
        if !reset.isEmpty { alter(table.name, ["RESET (\(reset.joined(separator: ", ")))"]) }
        changeRowSecurity(table.name, table.old, table.new)
    }

    private mutating func changeRowSecurity(_ name: String, _ old: TableDefinition?, _ new: TableDefinition) {
        if new.hasRowSecurity != old?.hasRowSecurity ?? false {
            alter(name, ["\(new.hasRowSecurity ? "ENABLE" : "DISABLE") ROW LEVEL SECURITY"])
        }
        if new.isRowSecurityForced != old?.isRowSecurityForced ?? false {
            alter(name, ["\(new.isRowSecurityForced ? "FORCE" : "NO FORCE") ROW LEVEL SECURITY"])
        }
    }

    /// When the indexes are there.
    mutating func setReplicaIdentities() {
        for fact in to.all(.table) where SQLName.isName(fact.object, parts: 2) {
            guard let new = TableDefinition(fact.text), new.replicaIdentity != from.table(fact.object)?.replicaIdentity else { continue }
            alter(fact.object, [new.replicaIdentitySQL])
        }
    }

    // MARK: - Rows

    /// Where the author's own statements belong: what is new is there, and what goes is still there.
    mutating func adviseOnRows() {
        guard purpose == .migration else { return }
        let lost = kept.flatMap { table in plan(table).dropped.map { "\(table.name).\($0)" } } + from.names(.table, notIn: to).map(\.object)
        if !lost.isEmpty { advise("move what must be kept of \(lost.joined(separator: ", ")) here, before it goes") }
    }

    mutating func dropColumns() {
        for table in kept { drop(columns: plan(table).dropped, of: table.name) }
    }
}

/// How the values of a column become those of another type.
struct ColumnConversion {
    private let from: String
    private let to: String

    init(from: String, to: String) { (self.from, self.to) = (from, to) }

    private static let families: [[String]] = [
        ["smallint", "integer", "bigint", "numeric", "real", "double precision"], ["character varying", "text", "character"],
        ["timestamp without time zone", "timestamp with time zone", "date"], ["json", "jsonb"],
    ]

    /// The type without what is in parentheses.
    private static func base(_ type: String) -> String {
        var base = ""
        var depth = 0
        for character in type {
            if character == "(" { depth += 1 }
            if depth == 0 { base.append(character) }
            if character == ")" { depth -= 1 }
        }
        return base
    }

    /// Whether the server has a cast of its own; an explicit one would cut what does not fit.
    private var isPlain: Bool {
        let (old, new) = (Self.base(from), Self.base(to))
        return old == new || Self.families.contains { $0.contains(old) && $0.contains(new) } || ["text", "character varying"].contains(new)
    }

    var isByText: Bool { !isPlain }

    /// The clause behind the new type.
    func using(_ column: String) -> String { isPlain ? "" : " USING \(column)::text::\(to)" }
}
