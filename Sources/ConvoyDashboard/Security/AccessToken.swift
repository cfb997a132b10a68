internal import Crypto
internal import FoundationEssentials

/// What a reader of the dashboard has to show. Only its digest is kept.
package struct AccessToken: Sendable {
    /// Why a text cannot be a token.
    package enum Unfit: Error, Sendable, Hashable {
        case tooShort, tooLong
        /// It holds something that no header can carry: a control character, a blank or something beyond ASCII.
        case unusableCharacter
    }

    /// In characters; what `openssl rand -base64 12` gives.
    package static let minimumLength = 16
    private static let maximumLength = 1024

    private let key: SymmetricKey
    private let code: HMAC<SHA256>.MAC

    /// - Parameter text: without the line feed at the end of its file.
    package init(_ text: String) throws(Unfit) {
        guard text.utf8.count >= Self.minimumLength else { throw .tooShort }
        guard text.utf8.count <= Self.maximumLength else { throw .tooLong }
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw .unusableCharacter }
        key = SymmetricKey(size: .bits256)
        code = HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key)
    }

    /// Takes the same time whatever the text has in common with the token, its length included.
    func matches(_ text: String) -> Bool {
        // Its comparison does not end at the first difference, and the codes of all texts are of one length.
        HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Data(text.utf8), using: key)
    }
}
