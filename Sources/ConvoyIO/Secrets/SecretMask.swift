/// Known secrets, to be hidden in what programs write.
package struct SecretMask: Sendable {
    /// Secrets of one byte.
    private var single = [Bool](repeating: false, count: 256)
    /// Whether a longer secret begins with a byte.
    private var begins = [Bool](repeating: false, count: 256)
    /// Whether any secret does.
    private var isFirst = [Bool](repeating: false, count: 256)
    /// Longer secrets by their first two bytes, so that thousands of them cost little more than one.
    private var longer: [UInt16: [[UInt8]]] = [:]

    /// What stands in a secret's place.
    static let mark = Array("•••".utf8)

    /// What it is made of.
    private let secrets: Set<String>

    /// - Parameter secrets: hidden as they are, percent-encoded as in a URL, escaped as in JSON, and line by line.
    package init(_ secrets: some Sequence<String>) {
        self.secrets = Set(secrets)
        for secret in Set(self.secrets.lazy.flatMap(Self.forms)) {
            let bytes = Array(secret.utf8)
            guard let first = bytes.first else { continue }
            isFirst[Int(first)] = true
            if bytes.count == 1 {
                single[Int(first)] = true
            } else {
                begins[Int(first)] = true
                longer[Self.key(first, bytes[1]), default: []].append(bytes)
            }
        }
    }

    /// How a secret may be written.
    private static func forms(of secret: String) -> [String] {
        var forms = [secret]
        var lines = secret.split(whereSeparator: \.isNewline).map(String.init)
        // One that ends with a line break is written without it, too; a short line of several is part of too much.
        if lines.count > 1 { lines.removeAll { $0.utf8.count < 4 } }
        forms += lines
        for line in [secret] + lines where line.utf8.count > 1 {
            let encoded = percentEncoded(line)
            forms += [
                encoded, percentEncoded(line, uppercase: false), encoded.replacing("%20", with: "+"), jsonEscaped(line),
                jsonEscaped(line, slash: "\\/"),
            ]
        }
        return forms
    }

    private static func percentEncoded(_ text: String, uppercase: Bool = true) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            case _ where "-._~".utf8.contains(byte): encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%" + String(UInt16(byte) + 0x100, radix: 16, uppercase: uppercase).dropFirst()
            }
        }
        return encoded
    }

    private static func jsonEscaped(_ text: String, slash: String = "/") -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": escaped += "\\\""
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\r": escaped += "\\r"
            case "\t": escaped += "\\t"
            case "/": escaped += slash
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// This one with more to hide.
    package func adding(_ more: [String]) -> SecretMask { SecretMask(secrets.union(more)) }

    /// A whole text with its secrets hidden.
    package func masked(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard bytes.contains(where: { isFirst[Int($0)] }) else { return text }
        var stream = Stream(self)
        return String(decoding: stream.add(bytes) + stream.finish(), as: UTF8.self)
    }

    private static func key(_ first: UInt8, _ second: UInt8) -> UInt16 { UInt16(first) << 8 | UInt16(second) }

    private enum Look {
        /// A secret of this number of bytes begins here; zero if none does.
        case covers(Int)
        /// More bytes are needed to decide.
        case undecided
    }

    private func look(_ bytes: ArraySlice<UInt8>, isEnd: Bool) -> Look {
        guard let first = bytes.first else { return .covers(0) }
        var covered = single[Int(first)] ? 1 : 0
        guard begins[Int(first)] else { return .covers(covered) }
        guard bytes.count > 1 else { return isEnd ? .covers(covered) : .undecided }
        for secret in longer[Self.key(first, bytes[bytes.startIndex + 1])] ?? [] {
            if bytes.starts(with: secret) {
                covered = max(covered, secret.count)
            } else if !isEnd, bytes.count < secret.count, secret.starts(with: bytes) {
                return .undecided
            }
        }
        return .covers(covered)
    }

    /// Hides the secrets of one stream, those too that come in pieces or overlap.
    struct Stream: Sendable {
        let mask: SecretMask
        /// What may be the beginning of a secret.
        private var held: [UInt8] = []
        /// How many of the bytes to come belong to a secret that was seen.
        private var covered = 0

        init(_ mask: SecretMask) {
            self.mask = mask
        }

        /// What can be shown now.
        mutating func add(_ bytes: some Sequence<UInt8>) -> [UInt8] {
            held += bytes
            return take(isEnd: false)
        }

        /// What is left when the stream ends.
        mutating func finish() -> [UInt8] { take(isEnd: true) }

        private mutating func take(isEnd: Bool) -> [UInt8] {
            var shown: [UInt8] = []
            shown.reserveCapacity(held.count)
            let isFirst = mask.isFirst
            var index = 0
            while index < held.count {
                if covered == 0 {
                    // Nearly all of most output: no secret begins there.
                    let start = index
                    while index < held.count, !isFirst[Int(held[index])] { index += 1 }
                    shown += held[start..<index]
                    if index == held.count { break }
                }
                guard case .covers(let count) = mask.look(held[index...], isEnd: isEnd) else { break }
                if count > 0, covered == 0 { shown += SecretMask.mark }
                covered = max(covered, count)
                if covered == 0 { shown.append(held[index]) } else { covered -= 1 }
                index += 1
            }
            held.removeFirst(index)
            return shown
        }
    }
}
