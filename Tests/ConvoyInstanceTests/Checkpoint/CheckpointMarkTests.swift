import ConvoyMigrations
import TestSupport
import Testing

@testable import ConvoyInstance

/// The mark in the audit log's column `name`. Needs no server.
@Suite struct CheckpointMarkTests {
    @Test func whatIsWrittenIsRead() throws {
        let migration = try #require(try threeMigrations().migrations.first)
        let name = CheckpointMark.name(of: migration, from: MigrationVersion(20_260_808_090_000))
        #expect(name == "test (checkpoint 20260808090000)")
        #expect(CheckpointMark.read(name).name == "test")
        #expect(CheckpointMark.read(name).checkpoint == MigrationVersion(20_260_808_090_000))
    }

    /// The rows are a tenant's.
    @Test(arguments: [
        "", "create_cars", "a (checkpoint )", "a (checkpoint 1", "a (checkpoint -1)", "a (checkpoint 99999999999999999999)",
        "a (checkpoint 1) ",
        "(checkpoint 1)", "a (checkpoint 1 (checkpoint 2))",
    ])
    func anythingElseIsAName(_ name: String) {
        #expect(CheckpointMark.read(name).name == name)
        #expect(CheckpointMark.read(name).checkpoint == nil)
    }
}
