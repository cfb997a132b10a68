extension Secret {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    /// 190 bits.
    private static let generatedLength = 32

    /// A new password from the system's random numbers: letters and digits, so that it needs no quotes and no encoding anywhere.
    package static func generated() -> Secret {
        // Of the kernel's generator for secrets, on Linux getrandom.
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<generatedLength).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] }
        return Secret(String(decoding: bytes, as: UTF8.self))
    }
}
