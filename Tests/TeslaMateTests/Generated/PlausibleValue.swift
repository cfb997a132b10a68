import FoundationEssentials
import TeslaMate
import TestSupport

/// What a column of a generated row holds, before the type that the column has at some version decides how it is written.
enum PlausibleValue: Sendable {
    case null
    case number(Double)
    case text(String)
    case flag(Bool)
    /// Milliseconds since the beginning of 2019.
    case time(Int)

    /// A number or a reference; nil is NULL.
    static func number(_ value: Int?) -> PlausibleValue { value.map { .number(Double($0)) } ?? .null }

    /// The text of the value in a column of a type; nil for NULL.
    func written(as type: String, encryptedBy cipher: TokenCipher) throws -> String? {
        switch self {
        case .null: return nil
        case .flag(let flag): return flag ? "t" : "f"
        case .text(let text): return type == "bytea" ? "\\x" + hexadecimal(try cipher.encrypt(text)) : text
        case .number(let number):
            if type == "double precision" { return "\(number)" }
            let scale = type.hasPrefix("numeric(") ? Int(type.split(separator: ",")[1].dropLast()) ?? 0 : 0
            // Nothing that was near a limit may be rounded over it.
            return rounded(scale == 0 ? number.rounded(.towardZero) : number, scale: scale)
        case .time(let milliseconds):
            let instant = Date(timeIntervalSince1970: 1_546_300_800 + Double(milliseconds) / 1000)
            return instant.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: !type.hasPrefix("timestamp(0)")))
        }
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String(256 + Int($0), radix: 16).dropFirst() }.joined()
    }
}

/// A generated row, with all names that its columns had at any version.
typealias PlausibleRow = [String: PlausibleValue]
