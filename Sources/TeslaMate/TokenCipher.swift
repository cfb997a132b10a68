import Crypto
import FoundationEssentials

/// How TeslaMate stores a token: AES-256-GCM under SHA-256 of the ENCRYPTION_KEY.
///
///     01 | 0a | "AES.GCM.V1" | IV (12 bytes) | GCM tag (16 bytes) | ciphertext
package struct TokenCipher {
    /// Version, length of the tag's name, and the name.
    static let header: [UInt8] = [0x01, 0x0A] + Array("AES.GCM.V1".utf8)
    /// The additional data that the GCM tag covers.
    private static let authenticated = Array("AES256GCM".utf8)
    private static let (nonceLength, tagLength) = (12, 16)

    private let key: SymmetricKey

    /// - Parameter encryptionKey: as TeslaMate is given it, of any length.
    package init(encryptionKey: String) {
        key = SymmetricKey(data: SHA256.hash(data: Array(encryptionKey.utf8)))
    }

    /// With a random IV, so that equal tokens do not look equal.
    package func encrypt(_ token: String) throws -> [UInt8] {
        let box = try AES.GCM.seal(Array(token.utf8), using: key, authenticating: Self.authenticated)
        return Self.header + Array(box.nonce) + Array(box.tag) + Array(box.ciphertext)
    }

    /// - Throws: for another key, or bytes that are not such a token.
    package func decrypt(_ stored: [UInt8]) throws -> String {
        let body = stored.dropFirst(Self.header.count)
        guard stored.starts(with: Self.header), body.count >= Self.nonceLength + Self.tagLength else {
            throw CryptoKitError.incorrectParameterSize
        }
        let nonce = body.prefix(Self.nonceLength)
        let tag = body.dropFirst(Self.nonceLength).prefix(Self.tagLength)
        let ciphertext = body.dropFirst(Self.nonceLength + Self.tagLength)
        let box = try AES.GCM.SealedBox(nonce: AES.GCM.Nonce(data: Array(nonce)), ciphertext: Array(ciphertext), tag: Array(tag))
        let plain = try AES.GCM.open(box, using: key, authenticating: Self.authenticated)
        return String(decoding: plain, as: UTF8.self)
    }
}
