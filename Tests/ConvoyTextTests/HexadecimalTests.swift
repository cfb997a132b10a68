import Testing

@testable import ConvoyText

struct HexadecimalTests {
    @Test(arguments: [([], ""), ([0], "00"), ([0x0f, 0xf0, 0xff], "0ff0ff")] as [([UInt8], String)])
    func bytesAndBack(_ bytes: [UInt8], _ text: String) {
        #expect(bytes.hexadecimal == text)
        #expect([UInt8](hexadecimal: text) == bytes)
        #expect([UInt8](hexadecimal: text.uppercased()) == bytes)
    }

    @Test(arguments: ["0", "+f", "0g", " 0", "0x00", "é0", "ff\n"])
    func whatIsNoByte(_ text: String) {
        #expect([UInt8](hexadecimal: text) == nil)
    }

    @Test(arguments: [(0, "0000000000000000"), (0xabc, "0000000000000abc"), (.max, "ffffffffffffffff")] as [(UInt64, String)])
    func numbersHaveAllTheirDigits(_ number: UInt64, _ text: String) {
        #expect(number.hexadecimal == text)
        #expect(text.isHexadecimal(digits: 16) && !text.isHexadecimal(digits: 15))
    }

    @Test(arguments: ["0000000000000abC", "0000000000000ab", "0000000000000ab ", "000000000000é0"])
    func whatIsNotThisNumberOfDigits(_ text: String) {
        #expect(!text.isHexadecimal(digits: 16))
    }
}
