import ConvoyText
import Testing

@testable import ConvoyMigrations

@Suite struct ReleaseListTests {
    private static let versions = [10, 20, 30, 40].map(MigrationVersion.init)

    private static func read(_ text: String) throws(Problems) -> ReleaseList {
        try ReleaseFile(path: "Migrations/releases.csv", contents: Array(text.utf8), versions: versions).releases()
    }

    private static let list = """
        release,date,newest_version,migrations
        v1.0.0,2019-07-24,20,2
        v1.0.1,2019-07-26,20,2
        v1.28.0-pre,2023-01-01,30,3
        v2.0.0,2022-12-31,40,4
        """

    @Test(arguments: ["\n", "\r\n", "\n\n"]) func aFileIsRead(_ lineEnd: String) throws {
        let list = try Self.read("\u{FEFF}" + Self.list.replacing("\n", with: lineEnd) + lineEnd)
        #expect(list.releases.map(\.name) == ["v1.0.0", "v1.0.1", "v1.28.0-pre", "v2.0.0"])
        #expect(list.releases.map(\.version.value) == [20, 20, 30, 40])
        #expect(list.newest?.date == "2022-12-31")
    }

    @Test(arguments: [
        (10, "before v1.0.0"), (20, "v1.0.1"), (25, "after v1.0.1"), (30, "v1.28.0-pre"), (40, "v2.0.0"), (41, "after v2.0.0"),
    ])
    func aVersionHasAPlaceAmongTheReleases(_ version: Int64, _ text: String) throws {
        #expect(try Self.read(Self.list).place(of: MigrationVersion(version))?.text == text)
    }

    @Test(arguments: [
        (40, [30], "after v1.0.1"), (40, [20], "before v1.0.0"), (40, [40, 41], "v2.0.0"), (35, [40], "after v1.28.0-pre"),
        (40, [35], "after v1.28.0-pre"),
        (10, [5], "before v1.0.0"),
    ])
    func aGapKeepsAReleaseFromBeingReached(_ version: Int64, _ missing: [Int64], _ text: String) throws {
        #expect(try Self.read(Self.list).place(of: MigrationVersion(version), missing: missing.map(MigrationVersion.init))?.text == text)
    }

    @Test func placesHaveAnOrder() throws {
        let list = try Self.read(Self.list)
        let places = [41, 40, 35, 30, 25, 20, 10].compactMap { list.place(of: MigrationVersion($0)) }
        #expect(places.sorted() == places.reversed())
    }

    @Test func withoutAFileNothingIsGuessed() {
        #expect(ReleaseList().place(of: MigrationVersion(20)) == nil)
        #expect(ReleaseList().release("v1.0.0") == nil)
        #expect(ReleaseList().refusal(of: "v1.0.0").message == "the migration set knows no releases")
    }

    @Test(arguments: [("v1.0.1", 20), ("1.0.1", 20), ("v2.0.0", 40), ("1.28.0-pre", 30), ("v1.0", nil), ("20", nil), ("", nil)])
    func aReleaseIsFoundByItsName(_ name: String, _ version: Int64?) throws {
        #expect(try Self.read(Self.list).release(name)?.version.value == version)
    }

    @Test(arguments: [
        ("v2.0.1", "the migration set does not know release v2.0.1: the newest that it knows is v2.0.0 of 2022-12-31"),
        ("v3", "the migration set does not know release v3: the newest that it knows is v2.0.0 of 2022-12-31"),
        ("v1.0.2", "there is no release v1.0.2"), ("1.28.0", "there is no release 1.28.0"),
    ])
    func aNameThatIsNoReleaseIsRefused(_ name: String, _ message: String) throws {
        #expect(try Self.read(Self.list).refusal(of: name).message == message)
    }

    @Test(arguments: [
        ("v1.0.2", "did you mean v1.0.1?"), ("1.28", "did you mean v1.28.0-pre?"), ("v1.0", "did you mean v1.0.0?"),
        ("v0.9", "the releases are in releases.csv of the migrations"),
    ])
    func theReleaseBeforeItIsSuggested(_ name: String, _ hint: String) throws {
        #expect(try Self.read(Self.list).refusal(of: name).hint == hint)
    }

    @Test(arguments: [
        ("v1.0.1", true), ("1.0", true), ("v2", true), ("v1.28.0-pre", true), ("2", false), ("main", false), ("", false),
        ("v99999999999999999999.1", false),
    ])
    func aReleaseLooksLikeOne(_ text: String, _ isOne: Bool) {
        #expect(ReleaseList.isNameLike(text) == isOne)
    }

    @Test(arguments: [
        ("", 1, "the first line does not name the columns"),
        ("release,newest_version\nv1,20", 1, "the first line does not name the columns"),
        ("release,date,newest_version\nv1.0.0,2019-07-24", 2, "the line has 2 fields"),
        ("release,date,newest_version\n\nv1.0.0,2019-07-24,21", 3, "no migration has the version “21”"),
        ("release,date,newest_version\nv1.0.0,2019-07-24,99999999999999999999", 2, "no migration has the version"),
        ("release,date,newest_version\nv1.0.0,yesterday,20", 2, "“yesterday” is not a date"),
        ("release,date,newest_version\nv1.0.0,2019-13-24,20", 2, "is not a date"),
        ("release,date,newest_version\n20,2019-07-24,20", 2, "“20” is not the name of a release"),
        ("release,date,newest_version\n-v,2019-07-24,20", 2, "is not the name of a release"),
        ("release,date,newest_version\nv1\u{1B}[2J,2019-07-24,20", 2, "“v1\\u{1B}[2J” is not the name"),
        ("release,date,newest_version\nv1.0.0,2019-07-24,20\nv1.0.0,2019-07-25,30", 3, "release v1.0.0 stands in line 2 too"),
        ("release,date,newest_version\nv1.0.0,2019-07-24,30\nv1.0.1,2019-07-25,20", 3, "brings an older version than v1.0.0"),
    ])
    func whatIsWrongInAFileIsSaidWithItsLine(_ text: String, _ line: Int, _ message: String) {
        let error = #expect(throws: Problems.self) { try Self.read(text) }
        #expect(error?.problems.first?.line == line)
        #expect(error?.problems.first?.message.contains(message) == true, "\(String(describing: error))")
    }

    @Test func everyProblemIsSaidAtOnce() {
        let error = #expect(throws: Problems.self) {
            try Self.read("release,date,newest_version\nv1,2019-07-24,21\nv2,x,20\nv3,2019-07-24,20")
        }
        #expect(error?.problems.compactMap(\.line) == [2, 3])
    }
}
