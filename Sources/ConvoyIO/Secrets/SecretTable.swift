/// Secrets in every form in which they may be written, ordered so that thousands of them cost little more than one.
struct SecretTable: Sendable {
    /// Secrets of one byte.
    private var single = [Bool](repeating: false, count: 256)
    /// Whether a longer secret begins with a byte.
    private var begins = [Bool](repeating: false, count: 256)
    /// Whether any secret does.
    private var isFirst = [Bool](repeating: false, count: 256)
    /// Longer secrets by their first two bytes.
    private var longer: [UInt16: [[UInt8]]] = [:]

    /// Adds one form of a secret.
    mutating func add(form: String) {
        let bytes = Array(form.utf8)
        guard let first = bytes.first else { return }
        isFirst[Int(first)] = true
        if bytes.count == 1 {
            single[Int(first)] = true
        } else {
            begins[Int(first)] = true
            longer[Self.key(first, bytes[1]), default: []].append(bytes)
        }
    }

    /// Takes one form away that was added once more than others need it. Of a single byte nothing is taken away.
    mutating func remove(form: String) {
        let bytes = Array(form.utf8)
        guard bytes.count > 1 else { return }
        let key = Self.key(bytes[0], bytes[1])
        guard let index = longer[key]?.firstIndex(of: bytes) else { return }
        longer[key]?.remove(at: index)
    }

    /// Whether a secret may begin with a byte.
    func mayBegin(with byte: UInt8) -> Bool { isFirst[Int(byte)] }

    private static func key(_ first: UInt8, _ second: UInt8) -> UInt16 { UInt16(first) << 8 | UInt16(second) }

    enum Look {
        /// A secret of this number of bytes begins here; zero if no secret does.
        case covers(Int)
        /// More bytes are needed to decide.
        case undecided
    }

    /// What begins with these bytes.
    func look(_ bytes: ArraySlice<UInt8>, isEnd: Bool) -> Look {
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

    /// How a secret may be written.
    static func forms(of secret: String) -> [String] {
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
}
