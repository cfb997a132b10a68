/// Makes keys of the bytes that a terminal in raw mode sends.
///
///     let keys = decoder.keys(bytes)
///     // Nothing more within the decoder's patience:
///     let late = decoder.timeOut()
///
/// A lone Esc and the beginning of an escape sequence are the same byte: what comes next, or that
/// nothing does, decides. What is no key is passed over.
package struct KeyDecoder: Sendable {
    private enum State: Sendable {
        case ground
        /// The first bytes of a character, and how many it has in all.
        case character([UInt8], length: Int)
        case escape
        /// After `ESC O`.
        case singleShift
        /// After `ESC [`: its parameters.
        case sequence([UInt8])
        /// After `ESC [ [`, with which the Linux console begins its function keys.
        case consoleKey
        /// A pasted text, and how many bytes of the mark at its end were seen.
        case paste([UInt8], seen: Int)
    }

    private var state = State.ground

    private static let escape: UInt8 = 0x1B
    private static let pasteEnd = Array("\u{1B}[201~".utf8)
    private static let pasteLimit = 4096
    private static let parameterLimit = 32

    package init() {}

    /// How long to wait for more bytes before ``timeOut()``; nil if nothing is open.
    package var patience: Duration? {
        switch state {
        case .ground, .character: nil
        case .escape, .singleShift, .sequence, .consoleKey: .milliseconds(50)
        case .paste: .seconds(1)
        }
    }

    /// The keys that these bytes complete, in order.
    package mutating func keys(_ bytes: some Sequence<UInt8>) -> [Key] {
        var keys: [Key] = []
        for byte in bytes { take(byte, &keys) }
        return keys
    }

    /// Nothing more has come in time: a lone Esc is a key, and a paste without an end is over.
    package mutating func timeOut() -> [Key] {
        defer { state = .ground }
        switch state {
        case .escape: return [.escape]
        case .paste(let bytes, _): return [.paste(Self.text(bytes))]
        case .ground, .character, .singleShift, .sequence, .consoleKey: return []
        }
    }

    private mutating func take(_ byte: UInt8, _ keys: inout [Key]) {
        switch state {
        case .ground: begin(byte, &keys)
        case .character(let bytes, let length): continueCharacter(bytes + [byte], length, &keys)
        case .escape:
            switch byte {
            case UInt8(ascii: "["): state = .sequence([])
            case UInt8(ascii: "O"): state = .singleShift
            default:
                // Esc, and another key right after it.
                keys.append(.escape)
                begin(byte, &keys)
            }
        case .singleShift:
            state = .ground
            if byte < 0x20 { return begin(byte, &keys) }
            if byte == UInt8(ascii: "M") { keys.append(.enter) } else if let key = Self.moves[byte] { keys.append(key) }
        case .sequence(let parameters): continueSequence(parameters, byte, &keys)
        case .consoleKey: state = .ground
        case .paste(let bytes, let seen): continuePaste(bytes, seen, byte, &keys)
        }
    }

    /// A byte that continues nothing.
    private mutating func begin(_ byte: UInt8, _ keys: inout [Key]) {
        state = .ground
        switch byte {
        case Self.escape: state = .escape
        case 0x0A, 0x0D: keys.append(.enter)
        case 0x09: keys.append(.tab)
        case 0x08, 0x7F: keys.append(.backspace)
        case 0x01...0x1A: keys.append(.control(Character(Unicode.Scalar(byte + 0x60))))
        case 0x20...0x7E: keys.append(.character(Character(Unicode.Scalar(byte))))
        case 0xC2...0xDF: state = .character([byte], length: 2)
        case 0xE0...0xEF: state = .character([byte], length: 3)
        case 0xF0...0xF4: state = .character([byte], length: 4)
        default: break
        }
    }

    private mutating func continueCharacter(_ bytes: [UInt8], _ length: Int, _ keys: inout [Key]) {
        guard let last = bytes.last, (0x80...0xBF).contains(last) else {
            // The character was cut off; what cuts it off counts.
            if let last = bytes.last { begin(last, &keys) }
            return
        }
        guard bytes.count == length else {
            state = .character(bytes, length: length)
            return
        }
        state = .ground
        if let text = String(validating: bytes, as: UTF8.self), let scalar = text.unicodeScalars.first, !scalar.isObeyedByTerminals {
            keys.append(.character(Character(scalar)))
        }
    }

    private mutating func continueSequence(_ parameters: [UInt8], _ byte: UInt8, _ keys: inout [Key]) {
        switch byte {
        case 0x20...0x3F: state = .sequence(parameters.count < Self.parameterLimit ? parameters + [byte] : parameters)
        case UInt8(ascii: "[") where parameters.isEmpty: state = .consoleKey
        case 0x40...0x7E:
            state = .ground
            if byte == UInt8(ascii: "~"), parameters == Array("200".utf8) {
                state = .paste([], seen: 0)
            } else if let key = Self.key(parameters, byte) {
                keys.append(key)
            }
        // It was cut off; what cuts it off counts.
        default: begin(byte, &keys)
        }
    }

    private mutating func continuePaste(_ bytes: [UInt8], _ seen: Int, _ byte: UInt8, _ keys: inout [Key]) {
        if byte == Self.pasteEnd[seen] {
            guard seen + 1 == Self.pasteEnd.count else {
                state = .paste(bytes, seen: seen + 1)
                return
            }
            state = .ground
            keys.append(.paste(Self.text(bytes)))
            return
        }
        // What looked like the end belongs to the text. Only its first byte can begin it anew.
        let isBeginning = byte == Self.escape
        let added = Self.pasteEnd[..<seen] + (isBeginning ? [] : [byte])
        state = .paste(Array((bytes + added).prefix(Self.pasteLimit)), seen: isBeginning ? 1 : 0)
    }

    private static func text(_ bytes: [UInt8]) -> String {
        var text = String.UnicodeScalarView()
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if scalar == "\n" || scalar == "\r" || scalar == "\t" {
                text.append(" ")
            } else if !scalar.isObeyedByTerminals, scalar != "\u{FFFD}" {
                text.append(scalar)
            }
        }
        return String(text)
    }

    /// A modifier, as in `ESC [ 1 ; 5 A`, changes no key.
    private static func key(_ parameters: [UInt8], _ end: UInt8) -> Key? {
        guard end == UInt8(ascii: "~") else { return end == UInt8(ascii: "Z") ? .backTab : moves[end] }
        switch String(decoding: parameters.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self) {
        case "1", "7": return .home
        case "3": return .delete
        case "4", "8": return .end
        case "5": return .pageUp
        case "6": return .pageDown
        default: return nil
        }
    }

    private static let moves: [UInt8: Key] = [
        UInt8(ascii: "A"): .up, UInt8(ascii: "B"): .down, UInt8(ascii: "C"): .right, UInt8(ascii: "D"): .left, UInt8(ascii: "H"): .home,
        UInt8(ascii: "F"): .end,
    ]
}
