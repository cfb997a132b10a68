package import ConvoyPostgres

/// Asks a database for the fingerprint of its catalogue: what the module of the catalogue lends to a runner, which has to know whether the schema is
/// still the one that was judged.
package struct FingerprintQuestion: Sendable {
    /// What follows from the answers so far, where a role owns the ledger; the fingerprint is nil where the catalogue is too large to be read. Each question is
    /// asked with `pg_catalog` as the search path.
    package let next: @Sendable (_ owner: String, _ answers: [QueryResult]) throws(PostgresError) -> CatalogueStep<String?>

    package init(_ next: @escaping @Sendable (_ owner: String, _ answers: [QueryResult]) throws(PostgresError) -> CatalogueStep<String?>) {
        self.next = next
    }
}
