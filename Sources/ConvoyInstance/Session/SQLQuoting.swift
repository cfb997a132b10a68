/// A text as an SQL identifier: `my"table` becomes `"my""table"`.
package func quotedIdentifier(_ name: String) -> String { "\"" + doubling("\"", in: name) + "\"" }

/// The name that an identifier stands for, as a server writes it: quoted where it must be.
package func unquotedIdentifier(_ identifier: String) -> String {
    var name = identifier.unicodeScalars
    guard name.count > 2, name.first == "\"", name.last == "\"" else { return identifier }
    name.removeFirst()
    name.removeLast()
    var result = String.UnicodeScalarView()
    var isDoubled = false
    for scalar in name {
        isDoubled = scalar == "\"" && !isDoubled
        if !isDoubled { result.append(scalar) }
    }
    return String(result)
}

/// A text as an SQL literal, whatever `standard_conforming_strings` says.
package func quotedLiteral(_ text: String) -> String {
    let doubled = doubling("'", in: text)
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return "'\(doubled)'" }
    return "E'" + doubling("\\", in: doubled) + "'"
}

/// By scalars, as the server reads it: to Swift, a quote with a combining mark after it is another character, and would end the name early.
private func doubling(_ quote: Unicode.Scalar, in text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        if scalar == quote { result.append(quote) }
        result.append(scalar)
    }
    return String(result)
}
