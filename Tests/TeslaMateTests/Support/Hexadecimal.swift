import Testing

/// The bytes that two digits each stand for.
func bytes(hexadecimal text: some StringProtocol) throws -> [UInt8] {
    let digits = Array(text)
    return try stride(from: 0, to: digits.count, by: 2).map { start in
        try #require(UInt8(String(digits[start..<min(start + 2, digits.count)]), radix: 16))
    }
}
