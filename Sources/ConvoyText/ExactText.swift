@_spi(_Unicode) internal import Swift

/// A text that equals another one only where both have the same bytes, as PostgreSQL compares names.
///
/// Swift's own `==` and `hash(into:)` take canonically equivalent texts for one: `ü`, and `u` with U+0308 after it. They are two databases.
package struct ExactText: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package var description: String { text }

    package static func == (left: Self, right: Self) -> Bool { left.text.isIdentical(to: right.text) }

    package static func < (left: Self, right: Self) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(UInt8(0xff))
    }
}

extension String {
    /// Whether the other text has the same bytes. `==` also takes those that only look the same, being canonically equivalent.
    package func isIdentical(to other: String) -> Bool { utf8.elementsEqual(other.utf8) }

    /// Whether the text is in Unicode's normal form C. Of two texts in it, equal ones have the same bytes, so that `==` and dictionaries are safe.
    ///
    /// The standard library keeps its normaliser behind this SPI, which swift-foundation uses as well; a test notices when it goes.
    package var isInNormalForm: Bool {
        utf8.allSatisfy { $0 < 0x80 } || unicodeScalars.elementsEqual(_nfc)
    }

    /// The text with every character beyond ASCII written out, as in `Mu\u{308}ller`.
    package var writtenInASCII: String {
        var result = ""
        for scalar in unicodeScalars {
            if scalar.isASCII {
                result.unicodeScalars.append(scalar)
            } else {
                result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            }
        }
        return result
    }
}
