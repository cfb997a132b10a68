import ConvoyMigrations
import TestSupport
import Testing

@testable import ConvoyCatalog

/// Ledgers of the repository's own set that say more or less than the schema has.
struct RepairOfTheSetTests {
    @Test func theLedgerFollowsTheSchema() throws {
        let folder = "\(repositoryRoot)/Migrations"
        let set = try MigrationSet.load(directory: folder, displayedAs: "Migrations")
        let versions = set.migrations.map(\.version)
        let expected = try ExpectedCatalogs.load(
            of: versions,
            directory: folder,
            displayedAs: "Migrations"
        )
        let repeatable = try RepeatableVersions.load(in: set, directory: folder, displayedAs: "Migrations")
        let matcher = CatalogMatcher(expected)
        func comparable(_ version: MigrationVersion) -> Set<CatalogFact> {
            Set((expected[version]?.facts ?? []).map { CatalogFact($0.kind, $0.object, $0.text) })
        }
        var (repaired, refused) = (0, 0)
        for (index, version) in versions.enumerated() {
            let catalog = try #require(expected[version])
            for last in Set([0, index - 1, index, index + 1, versions.count - 1])
            where versions.indices.contains(last) {
                let ledger = Array(versions[...last])
                let verdict = LedgerState(applied: ledger, catalog: catalog).verdict(
                    matcher: matcher,
                    versions: versions
                ) {
                    VersionChoice(among: $0, in: set, repeatable: repeatable).proposed
                }
                guard verdict.refusals.isEmpty else {
                    refused += 1
                    guard case .equalsSeveral(let alike, let newest) = verdict.refusals[0],
                        verdict.refusals.count == 1
                    else {
                        Issue.record("\(version), ledger at \(versions[last]): \(verdict.refusals)")
                        continue
                    }
                    #expect(alike.count > 1 && alike.contains(version) && newest == versions[last])
                    // With the operator's word each of them can be had.
                    for chosen in alike {
                        let choices = RepairChoices(at: chosen)
                        let verdict = LedgerState(applied: ledger, catalog: catalog).verdict(
                            choices,
                            matcher: matcher,
                            versions: versions
                        )
                        #expect(verdict.refusals == [])
                        #expect(
                            Set(ledger).subtracting(verdict.removed).union(verdict.recorded)
                                == Set(versions.filter { $0 <= chosen })
                        )
                    }
                    continue
                }
                let result = Set(ledger).subtracting(verdict.removed).union(verdict.recorded).sorted()
                #expect(
                    result == Array(versions.prefix(result.count)),
                    "\(version), ledger at \(versions[last])"
                )
                let newest = try #require(result.last)
                #expect(
                    comparable(newest) == comparable(version),
                    "\(version), ledger at \(versions[last])"
                )
                if last == index { #expect(verdict.isEmpty) }
                if !verdict.isEmpty { repaired += 1 }
            }
        }
        #expect(repaired > 300 && refused > 0, "\(repaired) repaired, \(refused) refused")
    }

    /// An empty database with a ledger, and one whose tables are in another schema.
    @Test func aLedgerWithoutItsTables() throws {
        let folder = "\(repositoryRoot)/Migrations"
        let versions = try MigrationSet.load(directory: folder, displayedAs: "Migrations").migrations
            .map(\.version)
        let expected = try ExpectedCatalogs.load(
            of: versions,
            directory: folder,
            displayedAs: "Migrations"
        )
        let matcher = CatalogMatcher(expected)
        let empty = LedgerState(
            applied: versions,
            catalog: Catalog([
                CatalogFact(.schema, "public"), CatalogFact(.extension, "cube", "in public"),
            ])
        )
        #expect(empty.verdict(matcher: matcher, versions: versions).removed == versions)
        let elsewhere = LedgerState(
            applied: versions,
            catalog: Catalog([CatalogFact(.schema, "app"), CatalogFact(.table, "app.cars", "(id)")])
        )
        let verdict = elsewhere.verdict(matcher: matcher, versions: versions)
        guard case .equalsNoVersion? = verdict.refusals.first else {
            Issue.record("\(verdict)")
            return
        }
        #expect(verdict.removed == [])
    }
}
