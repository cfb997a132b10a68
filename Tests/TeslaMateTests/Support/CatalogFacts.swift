import TestSupport

/// The catalogue of a database, one fact a line:
///
///     column public.cars.eid bigint not null
///     index public.cars_eid_index CREATE UNIQUE INDEX cars_eid_index ON public.cars USING btree (eid)
struct CatalogFacts: Sendable, Hashable {
    var lines: Set<String> = []

    /// Without the order of columns, which a way down often cannot restore.
    var withoutColumnOrder: CatalogFacts {
        CatalogFacts(lines: lines.filter { !$0.hasPrefix("column-order ") })
    }

    /// Adds the lines that a migration makes appear (`+ `), and takes away those that go (`- `).
    mutating func apply(delta: String, named name: String) throws {
        let changes = delta.split(separator: "\n")
        for change in changes where change.hasPrefix("- ") {
            guard lines.remove(String(change.dropFirst(2))) != nil else {
                throw TestSupportError("\(name): nothing to take away: \(change)")
            }
        }
        for change in changes where !change.hasPrefix("- ") {
            guard change.hasPrefix("+ "), lines.insert(String(change.dropFirst(2))).inserted else {
                throw TestSupportError("\(name): cannot be applied: \(change)")
            }
        }
    }

    /// What is missing here and what is too much, seen from the facts that should hold.
    func difference(from expected: CatalogFacts) -> Difference {
        Difference(missing: expected.lines.subtracting(lines).sorted(), surplus: lines.subtracting(expected.lines).sorted())
    }

    struct Difference: CustomStringConvertible {
        let missing: [String]
        let surplus: [String]

        var isEmpty: Bool { missing.isEmpty && surplus.isEmpty }

        var description: String {
            (missing.map { "missing: \($0)" } + surplus.map { "surplus: \($0)" }).joined(separator: "\n")
        }
    }
}
