import ConvoyMigrations
import TestSupport
import Testing

/// The list of TeslaMate's releases beside its migrations.
@Suite struct ReleasesTests {
    @Test func everyReleaseBringsAVersionOfTheSet() throws {
        let set = try teslaMateSet.get()
        #expect(set.releases.releases.count == 104)
        #expect(set.releases.newest?.name == "v4.1.1")
        #expect(set.releases.newest?.version == set.newest?.version)
        #expect(set.releases.place(of: try #require(set.newest?.version))?.text == "v4.1.1")
    }
}
