import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TeslaMate
import TestSupport
import Testing

/// The migration that encrypts the API tokens: TeslaMate can read what it writes, and without a key or its step it changes nothing.
@Suite(.timeLimit(.minutes(10))) struct TokenEncryptionTests {
    static let version = MigrationVersion(20220123131732)

    /// Tokens as TeslaMate stores them.
    private struct Vector: Decodable {
        let encryptionKey: String
        let plaintext: String
        let storedByteaHex: String
    }

    /// Tokens of a case after the migration.
    private struct Decrypted: Decodable {
        struct Row: Decodable, Equatable {
            struct Token: Decodable, Equatable {
                let plaintext: String
            }

            let id: String
            let access: Token
            let refresh: Token
        }

        let encryptionKey: String
        let rows: [Row]
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
        let migrationCase = try RecordedFacts.all.get().migrationCase(named: Self.version.description)
        return try decodedJSON(type, migrationCase.file(name))
    }

    @Test func theCipherIsTeslaMates() throws {
        let vectors = try decode([Vector].self, "vectors.json")
        #expect(vectors.count == 4)
        for vector in vectors {
            let cipher = TokenCipher(encryptionKey: vector.encryptionKey)
            let stored = try bytes(hexadecimal: vector.storedByteaHex)
            #expect(try cipher.decrypt(stored) == vector.plaintext)
            let ours = try cipher.encrypt(vector.plaintext)
            #expect(ours.count == stored.count)
            #expect(ours.prefix(12) == stored.prefix(12))
            #expect(ours != stored, "the IV must be random")
            #expect(try cipher.decrypt(ours) == vector.plaintext)
            #expect(throws: (any Error).self) { try TokenCipher(encryptionKey: vector.encryptionKey + " ").decrypt(stored) }
            #expect(throws: (any Error).self) { try cipher.decrypt(stored.dropLast()) }
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func theTokensAreEncrypted(release: PostgresServer.Release) async throws {
        let migrationCase = try RecordedFacts.all.get().migrationCase(named: Self.version.description)
        let expected = try decode(Decrypted.self, "tokens_decrypted.json")
        try await PostgresServer.shared(release).withDatabase(at: migrationCase.previousVersion) { database in
            try await database.execute(migrationCase.preparation)
            for table in migrationCase.before { try await database.expect(table) }
            let result = try await database.change(
                .up(to: Self.version),
                secrets: ["encryption_key": Secret(expected.encryptionKey)]
            )
            try result.demand(.migrated, [Self.version])
            for table in migrationCase.after { try await database.expect(table, leavingOut: ["access", "refresh"]) }
            let cipher = TokenCipher(encryptionKey: expected.encryptionKey)
            let rows = try await database.query(
                "SELECT id, encode(access, 'hex') AS access, encode(refresh, 'hex') AS refresh FROM public.tokens ORDER BY id"
            ).rows.map { row in
                Decrypted.Row(
                    id: try row.text("id"),
                    access: .init(plaintext: try cipher.decrypt(bytes(hexadecimal: row.text("access")))),
                    refresh: .init(plaintext: try cipher.decrypt(bytes(hexadecimal: row.text("refresh"))))
                )
            }
            #expect(rows == expected.rows)
        }
    }

    /// TeslaMate invents a key where it has none, and logs it. Convoy asks for one before it touches anything; an empty one counts as none.
    @Test(arguments: [[:], ["encryption_key": Secret("")], ["another": Secret("key")]])
    func withoutAKeyItIsBlocked(secrets: [String: Secret]) async throws {
        let migrationCase = try RecordedFacts.all.get().migrationCase(named: "\(Self.version)__no_key")
        try await PostgresServer.shared().withDatabase(at: migrationCase.previousVersion) { database in
            try await database.execute(migrationCase.preparation)
            for table in migrationCase.before { try await database.expect(table) }
            let before = try await DatabaseContents(of: database)
            for target in [Self.version, nil] {
                let result = try await database.change(.up(to: target), secrets: secrets)
                #expect(result.outcome == .blocked)
                #expect(result.applied.isEmpty)
                let failure = try #require(result.failure)
                #expect(failure.version == Self.version)
                #expect(failure.message.contains("encryption_key"))
            }
            #expect(try await DatabaseContents(of: database) == before)
        }
    }

    /// What a wrong key encrypts is lost, so that one which looks wrong is not used, unless the operator says that it is right.
    @Test(arguments: ["\u{FEFF}key", "key\n", "key ", "\"key\"", "ENCRYPTION_KEY=key", "k\u{200B}ey"])
    func aKeyThatLooksWrongIsNotUsed(key: String) async throws {
        let migrationCase = try RecordedFacts.all.get().migrationCase(named: Self.version.description)
        try await PostgresServer.shared().withDatabase(at: migrationCase.previousVersion) { database in
            try await database.execute(migrationCase.preparation)
            let before = try await DatabaseContents(of: database)
            let result = try await database.change(.up(to: Self.version), secrets: ["encryption_key": Secret(key)])
            #expect(result.outcome == .blocked)
            let failure = try #require(result.failure)
            #expect(failure.message.contains("the secret encryption_key \(SecretOddity.text(Secret(key).oddities))"))
            #expect(try await DatabaseContents(of: database) == before)
            let exact = try await database.change(.up(to: Self.version), secrets: ["encryption_key": Secret(key, isExact: true)])
            try exact.demand(.migrated, [Self.version])
            let stored = try await database.query("SELECT encode(access, 'hex') AS access FROM public.tokens LIMIT 1").onlyRow().text(
                "access"
            )
            let plain = try TokenCipher(encryptionKey: key).decrypt(bytes(hexadecimal: stored))
            #expect(!plain.isEmpty)
        }
    }

    /// Where tokens are encrypted already, the key must fit them.
    @Test(arguments: PostgresServer.Release.tested)
    func theKeyIsProvedOnTokensThatAreEncryptedAlready(release: PostgresServer.Release) async throws {
        let migrationCase = try RecordedFacts.all.get().migrationCase(named: Self.version.description)
        try await PostgresServer.shared(release).withDatabase(at: migrationCase.previousVersion) { database in
            try await database.execute(migrationCase.preparation)
            let token = try TokenCipher(encryptionKey: "the-key").encrypt("token").map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }
            try await database.execute([
                "CREATE SCHEMA private", "CREATE TABLE private.tokens (id int, access bytea)",
                "INSERT INTO private.tokens VALUES (1, NULL), (2, decode('\(token.joined())', 'hex'))",
            ])
            let before = try await DatabaseContents(of: database)
            let other = try await database.change(.up(to: Self.version), secrets: ["encryption_key": Secret("another-key")])
            #expect(other.outcome == .blocked)
            #expect(other.failure?.message.contains("encryption_key is not the key") == true, "\(other)")
            #expect(try await DatabaseContents(of: database) == before)
            let result = try await database.change(.up(to: Self.version), secrets: ["encryption_key": Secret("the-key")])
            try result.demand(.migrated, [Self.version])
        }
    }

    /// Another tool that reads the same files knows no steps.
    @Test func withoutItsStepTheFileFailsAndChangesNothing() async throws {
        let migrationCase = try RecordedFacts.all.get().migrationCase(named: Self.version.description)
        let set = try teslaMateSet.get()
        let migration = try #require(set[Self.version])
        let lines = try text(of: "\(repositoryRoot)/\(migration.file)").split(separator: "\n", omittingEmptySubsequences: false)
        let stepless = lines.filter { !$0.hasPrefix("-- convoy:step") }.joined(separator: "\n")
        #expect(stepless.utf8.count < lines.joined(separator: "\n").utf8.count)
        let file = MigrationFile(version: Self.version, name: migration.name, path: migration.file, contents: Array(stepless.utf8))
        let changed = try MigrationSet(set.migrations.filter { $0.version != Self.version } + [file.migration()])
        try await PostgresServer.shared().withDatabase(at: migrationCase.previousVersion) { database in
            try await database.execute(migrationCase.preparation)
            let before = try await DatabaseContents(of: database)
            let result = try await database.change(.up(to: Self.version), set: changed, secrets: ["encryption_key": Secret("key")])
            #expect(result.outcome == .failed)
            #expect(result.failure?.sqlstate == "ZC010")
            #expect(try await DatabaseContents(of: database) == before)
        }
    }
}
