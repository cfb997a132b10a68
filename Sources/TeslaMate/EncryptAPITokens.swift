import ConvoyIO
public import ConvoyInstance
import ConvoyPostgres
import ConvoyText
import Crypto

/// The step of 20220123131732: encrypts the API tokens with the installation's ENCRYPTION_KEY, the fleet file's secret `encryption_key`.
///
/// It fills `encrypted_refresh` and `encrypted_access` from the plain columns; the migration's own SQL checks that no row was left out.
public struct EncryptAPITokens: MigrationStep {
    /// `encrypt-api-tokens`, as the migration's file names the step.
    public let name = "encrypt-api-tokens"

    /// The name of the secret, in an instance's `secrets`.
    static let secretName = "encryption_key"

    /// The step. It takes its key from the secrets of each instance.
    public init() {}

    /// Reports that there are tokens and no key, that the key looks odd, or that it does not decrypt the tokens that are encrypted already.
    ///
    /// - Throws: what the queries throw.
    public func blockers(_ context: StepContext) async throws -> [String] {
        if let key = key(context) {
            if let doubt = doubt(context) { return [doubt] }
            return try await fits(key, context) ? [] : [Self.otherKey]
        }
        // In a database older than the table there can be no token.
        let table = try await context.connection.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relname = 'tokens' AND c.relkind = 'r' AND pg_catalog.quote_ident(n.nspname) IN ($1, pg_catalog.btrim($1, '"'))) AS found
            """,
            [context.schema]
        )
        guard try table.onlyRow().bool("found") else { return [] }
        let count = try await context.connection.query("SELECT count(*) AS tokens FROM \(context.schema).tokens").onlyRow().int64("tokens")
        guard count > 0 else { return [] }
        return [
            "tokens has \(count) \(count == 1 ? "row" : "rows") to encrypt, and the instance has no secret \(Self.secretName): "
                + "add the ENCRYPTION_KEY of this TeslaMate installation to its secrets in the fleet file"
        ]
    }

    /// Encrypts all tokens.
    ///
    /// - Throws: `StepError` if there are tokens and no key, if the key looks odd, or if it does not decrypt the tokens that are encrypted
    ///   already; and what the queries throw.
    public func run(_ context: StepContext) async throws {
        let rows = try await context.connection.query("SELECT id, refresh, access FROM \(context.schema).tokens ORDER BY id FOR UPDATE")
            .rows
        guard !rows.isEmpty else { return }
        guard let key = key(context) else {
            throw StepError(
                "tokens has rows to encrypt, and the instance has no secret \(Self.secretName)",
                hint: "add the ENCRYPTION_KEY of this TeslaMate installation to the instance's secrets in the fleet file"
            )
        }
        if let doubt = doubt(context) { throw StepError(doubt) }
        guard try await fits(key, context) else { throw StepError(Self.otherKey) }
        let cipher = TokenCipher(encryptionKey: key)
        for batch in stride(from: 0, to: rows.count, by: 1000).map({ rows[$0..<min($0 + 1000, rows.count)] }) {
            var (ids, refreshes, accesses): ([String], [String], [String]) = ([], [], [])
            for row in batch {
                ids.append(String(try row.int64("id")))
                refreshes.append(try cipher.encrypt(row.text("refresh")).hexadecimal)
                accesses.append(try cipher.encrypt(row.text("access")).hexadecimal)
            }
            try await context.connection.query(
                """
                UPDATE \(context.schema).tokens t
                SET encrypted_refresh = pg_catalog.decode(c.refresh, 'hex'), encrypted_access = pg_catalog.decode(c.access, 'hex')
                FROM ROWS FROM (
                    pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[])) AS c (id, refresh, access)
                WHERE t.id = c.id
                """,
                [ids, refreshes, accesses].map { "{\($0.joined(separator: ","))}" }
            )
        }
    }

    /// Why the key is perhaps not what TeslaMate is given; nil if it looks like one.
    private func doubt(_ context: StepContext) -> String? {
        guard let oddities = context.secrets[Self.secretName]?.oddities, !oddities.isEmpty else { return nil }
        return
            "the secret \(Self.secretName) \(SecretOddity.text(oddities)), and tokens that a wrong key encrypts can never be read again: "
            + "take out what does not belong to it, or give it as {exact: …} if it does"
    }

    private static let otherKey =
        "the secret \(secretName) is not the key with which tokens of this database are encrypted already: "
        + "give the ENCRYPTION_KEY of this TeslaMate installation"

    /// Whether the key decrypts a token that is encrypted already; true if no token is.
    private func fits(_ key: String, _ context: StepContext) async throws -> Bool {
        let columns = try await context.connection.query(
            """
            SELECT c.oid::pg_catalog.regclass::text AS table, pg_catalog.quote_ident(a.attname) AS column
            FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
            WHERE c.relname = 'tokens' AND c.relkind = 'r' AND a.attname IN ('access', 'encrypted_access') AND NOT a.attisdropped
                AND a.atttypid = 'pg_catalog.bytea'::pg_catalog.regtype
                AND (n.nspname = 'private' OR pg_catalog.quote_ident(n.nspname) IN ($1, pg_catalog.btrim($1, '"')))
                AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
            """,
            [context.schema]
        ).rows
        let cipher = TokenCipher(encryptionKey: key)
        for row in columns {
            let (table, column) = (try row.text("table"), try row.text("column"))
            let stored = try await context.connection.query(
                "SELECT pg_catalog.encode(\(column), 'hex') AS token FROM \(table) WHERE \(column) IS NOT NULL LIMIT 1"
            ).rows.first
            guard let token = try stored?.text("token"), let bytes = [UInt8](hexadecimal: token) else { continue }
            if (try? cipher.decrypt(bytes)) == nil { return false }
        }
        return true
    }

    /// TeslaMate takes an empty key for none.
    private func key(_ context: StepContext) -> String? {
        guard let key = context.secrets[Self.secretName]?.reveal(), !key.isEmpty else { return nil }
        return key
    }
}
