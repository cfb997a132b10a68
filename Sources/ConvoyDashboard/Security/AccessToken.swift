internal import ConvoyText
internal import Crypto
internal import FoundationEssentials

/// What a reader of the dashboard has to show. Only its SHA-256 hash is kept.
package struct AccessToken: Sendable, Hashable {
    /// Why a text cannot be a token.
    package enum Unfit: Error, Sendable, Hashable {
        case tooShort, tooLong
        /// It holds something that no header can carry: a control character, a blank or something beyond ASCII.
        case unusableCharacter
        /// It is not the hexadecimal digits of a SHA-256 hash.
        case noHash
        /// It is the hash of nothing, or of a line break alone: what a missing file or variable leaves.
        case hashOfNothing
    }

    /// In characters; what `openssl rand -base64 12` gives.
    package static let minimumLength = 16
    private static let maximumLength = 1024

    private let hash: [UInt8]

    /// - Parameter text: without the line feed at the end of its file.
    package init(_ text: String) throws(Unfit) {
        guard text.utf8.count >= Self.minimumLength else { throw .tooShort }
        guard text.utf8.count <= Self.maximumLength else { throw .tooLong }
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw .unusableCharacter }
        hash = Self.hash(text)
    }

    /// - Parameter digits: of the token's SHA-256 hash, as `sha256sum` prints them.
    package init(hash digits: String) throws(Unfit) {
        guard digits.utf8.count == 2 * SHA256.byteCount, let bytes = [UInt8](hexadecimal: digits) else { throw .noHash }
        guard !["", "\n"].contains(where: { Self.hash($0) == bytes }) else { throw .hashOfNothing }
        hash = bytes
    }

    /// Takes the same time whatever the text has in common with the token, its length included.
    func matches(_ text: String) -> Bool {
        // Its comparison does not end at the first difference.
        let isEqual = SHA256.hash(data: Data(text.utf8)) == hash
        // A token that is given as a hash may be shorter than one should be.
        return isEqual && text.utf8.count >= Self.minimumLength
    }

    private static func hash(_ text: String) -> [UInt8] { Array(SHA256.hash(data: Data(text.utf8))) }
}

extension AccessToken: CustomStringConvertible {
    package var description: String { "a token" }
}
