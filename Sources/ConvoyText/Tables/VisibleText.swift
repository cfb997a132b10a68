extension String {
    /// The text with everything that a terminal would obey written out: `\n`, `\t`, `\u{1B}`.
    ///
    /// Names and server messages come from elsewhere; printed raw they could clear the screen, or make one instance look like another.
    package var visible: String {
        if utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return self }
        var result = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.isObeyedByTerminals: result += scalar.writtenOut
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
