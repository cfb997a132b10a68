import Foundation
import TestSupport
import Testing

@testable import ConvoyIO

/// Files with secrets, and files that several processes change.
struct SecretFileTests {
    private func mode(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test func aSecretIsForThisUserAloneAndNeverReplaced() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/alice"
            let isNew = try createSecretFile(path, Array("one\n".utf8))
            #expect(isNew)
            #expect(try mode(path) == 0o600)
            #expect(try createSecretFile(path, Array("two\n".utf8)) == false)
            #expect(try readFile(path, limit: 100) == Array("one\n".utf8))
            // No draft is left.
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["alice"])
            #expect(throws: FileWriteError.self) { try createSecretFile("\(folder)/missing/alice", [1]) }
        }
    }

    @Test func generatedPasswordsDifferAndNeedNoQuotes() {
        let passwords = Set((0..<1000).map { _ in Secret.generated().reveal() })
        #expect(passwords.count == 1000)
        for password in passwords {
            #expect(password.utf8.count == 32 && password.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
            #expect(Secret(password).oddities.isEmpty)
        }
        // Every character of the alphabet, each about as often: 32,000 draws of 62.
        let counts = Dictionary(grouping: passwords.joined(), by: \.self).mapValues(\.count)
        #expect(counts.count == 62 && counts.values.allSatisfy { $0 > 350 && $0 < 700 })
    }

    @Test(arguments: [0o600, 0o640, 0o644]) func aReplacedFileKeepsItsMode(_ permissions: Int) async throws {
        try await withTemporaryFolder(files: ["fleet.yaml": "old"], mode: UInt32(permissions)) { folder in
            let path = "\(folder)/fleet.yaml"
            let file = try await LockedFile.lock(path, within: .seconds(5))
            #expect(try file.contents(limit: 10) == Array("old".utf8))
            try file.replace(with: Array("new".utf8))
            #expect(try readFile(path, limit: 10) == Array("new".utf8))
            #expect(try mode(path) == permissions)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["fleet.yaml"])
        }
    }

    @Test func aLinkIsNotFollowed() async throws {
        try await withTemporaryFolder(files: ["real.yaml": "old"]) { folder in
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/fleet.yaml", withDestinationPath: "\(folder)/real.yaml")
            let error = await #expect(throws: FileWriteError.self) {
                try await LockedFile.lock("\(folder)/fleet.yaml", within: .seconds(5))
            }
            #expect(error?.reason == "it is a symbolic link: name the file itself")
            // The same is known beforehand.
            #expect(LockedFile.obstacle(at: "\(folder)/fleet.yaml") == error?.reason)
            #expect(LockedFile.obstacle(at: "\(folder)/real.yaml") == nil)
            #expect(try readFile("\(folder)/real.yaml", limit: 10) == Array("old".utf8))
        }
    }

    /// Each adds a byte; none is lost, although each replaces the file that the others wait for.
    @Test func changesFollowEachOther() async throws {
        try await withTemporaryFolder(files: ["count": ""]) { folder in
            let path = "\(folder)/count"
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let file = try await LockedFile.lock(path, within: .seconds(60))
                        try file.replace(with: try file.contents(limit: 100) + [UInt8(ascii: "x")])
                    }
                }
                try await group.waitForAll()
            }
            #expect(try readFile(path, limit: 100).count == 20)
        }
    }

    @Test func waitingForAnotherProcessEnds() async throws {
        try await withTemporaryFolder(files: ["fleet.yaml": "old"]) { folder in
            let holder = try await LockedFile.lock("\(folder)/fleet.yaml", within: .seconds(5))
            let error = await #expect(throws: FileWriteError.self) {
                try await LockedFile.lock("\(folder)/fleet.yaml", within: .milliseconds(50))
            }
            #expect(error?.reason == "another process is changing it")
            withExtendedLifetime(holder) {}
        }
    }
}
