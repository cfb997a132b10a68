import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyMigrations

struct NewMigrationTests {
    /// 2026-11-22 15:40:07 UTC
    private static let time = Date(timeIntervalSince1970: 1_795_362_007)

    private static func make(
        _ name: String = "add_nickname",
        beside files: [String] = [],
        version: Int64? = nil,
        form: NewMigration.Form = .init()
    ) throws(NewMigrationRefusal) -> NewMigration {
        try NewMigration(
            named: name,
            beside: files.compactMap { try? MigrationFileName($0) },
            displayedAs: "Migrations",
            version: version.map { MigrationVersion($0) },
            at: time,
            form: form
        )
    }

    private static func refusal(_ body: () throws(NewMigrationRefusal) -> NewMigration) -> NewMigrationRefusal? {
        do throws(NewMigrationRefusal) {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    @Test func theVersionIsTheTimeInUTC() throws {
        let migration = try Self.make(beside: ["20260808090000_a.sql"])
        #expect(migration.version == MigrationVersion(20261122154007))
        #expect(migration.path == "Migrations/20261122154007_add_nickname.sql")
        #expect(migration.notes.isEmpty)
    }

    @Test(arguments: [
        ("20261122154007_a.sql", 20261122154008), ("20261231235959_a.sql", 20261231235960), ("30000101000000_a.sql", 30000101000001),
    ])
    func aNewestVersionThatIsNotInThePastIsCountedOn(newest: String, version: Int64) throws {
        let migration = try Self.make(beside: ["1_first.sql", newest, "2_second.sql"])
        #expect(migration.version == MigrationVersion(version))
        #expect(migration.notes.count == 1)
    }

    @Test func nothingComesAfterTheLastNumber() {
        #expect(
            Self.refusal { () throws(NewMigrationRefusal) in try Self.make(beside: ["\(Int64.max)_a.sql"]) }?.message.hasPrefix(
                "there is no version after"
            ) == true
        )
    }

    @Test(
        arguments: [
            (20270214103000, []), (20260101000000, ["20260101000000 is below the newest version, 20260808090000: "]),
            (20270230000000, ["20270230000000 is not a time"]), (20270214106000, ["20270214106000 is not a time"]),
        ] as [(Int64, [String])]
    )
    func aGivenVersionIsTaken(version: Int64, notes: [String]) throws {
        let migration = try Self.make(beside: ["20260808090000_a.sql"], version: version)
        #expect(migration.version == MigrationVersion(version))
        #expect(migration.notes.count == notes.count)
        for (note, expected) in zip(migration.notes, notes) { #expect(note.hasPrefix(expected)) }
    }

    @Test func aSetWithReleasesRemindsOfThem() async throws {
        try await withTemporaryFolder(files: ["20260808090000_a.sql": "", "releases.csv": ""]) { folder in
            let migration = try NewMigration(named: "b", in: folder, displayedAs: "Migrations", at: Self.time)
            #expect(migration.notes == ["add a line to Migrations/releases.csv when a release of the app brings 20261122154007"])
        }
    }

    /// With a digit more or less it would stand before or behind all others for ever.
    @Test(arguments: [2_027_021_410_300, 202_702_141_030_000, 1] as [Int64])
    func aVersionOfAnotherLengthIsRefused(version: Int64) {
        let refusal = Self.refusal { () throws(NewMigrationRefusal) in try Self.make(beside: ["20260808090000_a.sql"], version: version) }
        #expect(refusal?.message.hasPrefix("version \(version) is not a time like the other versions of this set") == true)
    }

    @Test func aVersionThatTheSetHasIsRefused() {
        let refusal = Self.refusal { () throws(NewMigrationRefusal) in
            try Self.make(beside: ["20260808090000_a.sql"], version: 20260808090000)
        }
        #expect(refusal?.message == "version 20260808090000 is taken by 20260808090000_a.sql")
    }

    @Test func aNameThatTheSetHasIsRefused() {
        let refusal = Self.refusal { () throws(NewMigrationRefusal) in try Self.make("create_cars", beside: ["1_create_cars.sql"]) }
        #expect(refusal?.message == "the name create_cars is taken by 1_create_cars.sql")
    }

    @Test(arguments: ["a", "create_cars", "fix_v2", "add_2_columns"])
    func snakeCaseIsTaken(name: String) throws {
        #expect(try Self.make(name).name == name)
    }

    @Test(arguments: [
        ("Create cars", "create_cars"), ("createCars", "create_cars"), ("CreateCars", "create_cars"), ("create-cars", "create_cars"),
        ("create__cars_", "create_cars"), ("20260808090000_create_cars.sql", "create_cars"), ("../create/cars", "create_cars"),
        ("addVINToCars", "add_vinto_cars"), ("fixV2", "fix_v2"), ("größe", "gr_e"), ("'; DROP TABLE cars; --", "drop_table_cars"),
        ("a\nb", "a_b"),
    ])
    func otherNamesAreRefusedWithTheNearestLegalOne(name: String, legal: String) throws {
        let refusal = Self.refusal { () throws(NewMigrationRefusal) in try Self.make(name) }
        #expect(refusal?.hint == "did you mean \(legal)?")
        #expect(try Self.make(legal).name == legal)
    }

    @Test(arguments: ["", "_", "42", "größe".filter { !$0.isASCII }, String(repeating: "a", count: 101)])
    func namesWithoutALegalFormAreRefused(name: String) {
        let refusal = Self.refusal { () throws(NewMigrationRefusal) in try Self.make(name) }
        #expect(refusal != nil)
        #expect(refusal?.hint.contains("did you mean") == false)
    }

    @Test(arguments: ["", " ", "one\ntwo"])
    func aReasonIsOneLine(reason: String) {
        #expect(Self.refusal { () throws(NewMigrationRefusal) in try Self.make(form: .init(irreversible: reason)) } != nil)
    }

    /// What the loader says to the file as it was made, and with one of its sections filled in.
    @Test(arguments: [
        (NewMigration.Form(), ["the up section is empty", "convoy:irreversible has no reason"]),
        (
            NewMigration.Form(isTransactional: false),
            [
                "a section with transaction:false must contain exactly one statement, and this one is empty",
                "convoy:irreversible has no reason",
            ]
        ),
        (NewMigration.Form(irreversible: "the values are gone"), ["the up section is empty"]),
        (
            NewMigration.Form(isTransactional: false, irreversible: "the values are gone"),
            ["a section with transaction:false must contain exactly one statement, and this one is empty"]
        ),
    ])
    func theLoaderRefusesItUntilBothSectionsAreFilledIn(form: NewMigration.Form, messages: [String]) throws {
        let empty = try Self.make(form: form).contents
        #expect(MigrationFile.sample(empty).problems.map(\.message) == messages)
        let (create, drop) =
            form.isTransactional
            ? ("CREATE INDEX a ON b (c);", "DROP INDEX a;")
            : ("CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c);", "DROP INDEX CONCURRENTLY IF EXISTS a;")
        let up = empty.replacing("\n\n\n", with: "\n\(create)\n\n", maxReplacements: 1)
        #expect(MigrationFile.sample(up).problems.map(\.message) == Array(messages.dropFirst()))
        let down = empty.replacing("-- convoy:irreversible\n", with: "\(drop)\n")
        #expect(MigrationFile.sample(down).problems.map(\.message) == Array(messages.prefix(1)))
        let whole = up.replacing("-- convoy:irreversible\n", with: "\(drop)\n")
        let migration = try MigrationFile.sample(whole).migration()
        #expect(migration.up.isTransactional == form.isTransactional)
        switch migration.down {
        case .irreversible(let reason, _): #expect(reason == form.irreversible)
        case .section(let section): #expect(section.isTransactional == form.isTransactional && form.irreversible == nil)
        }
    }
}
