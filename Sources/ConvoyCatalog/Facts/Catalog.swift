internal import ConvoyText
internal import Crypto

/// The catalogue of a database: all its facts.
package struct Catalog: Sendable, Hashable {
    package let facts: Set<CatalogFact>
    /// The hash of all facts: 32 hexadecimal digits.
    package let fingerprint: String

    package init(_ facts: Set<CatalogFact>) {
        self.init(facts, hashes: facts.map(\.hash))
    }

    /// - Parameter hashes: those of the facts, in any order.
    init(_ facts: Set<CatalogFact>, hashes: [String]) {
        self.facts = facts
        fingerprint = hexadecimalMD5(hashes.sorted().joined())
    }

    /// In the order of their kinds and names.
    package var sorted: [CatalogFact] { facts.sorted() }

    /// The names of the schemas.
    package var schemas: Set<String> { Set(facts.lazy.filter { $0.kind == .schema }.map(\.object)) }
}

extension CatalogFact {
    /// The fact's part of a fingerprint: MD5. It protects from chance, not from a tenant who wants two of
    /// its own databases to look alike.
    var hash: String { hexadecimalMD5("\(kind.rawValue)\n\(object)\n\(text)\n\(detail)") }
}

/// A catalogue has a hash for each of its facts, so the bytes are read where they are.
func hexadecimalMD5(_ text: String) -> String {
    var text = text
    var hash = Insecure.MD5()
    text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
    return hash.finalize().withUnsafeBytes { String(hexadecimal: $0) }
}
