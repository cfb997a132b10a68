extension Unicode.Scalar {
    /// Whether a terminal obeys it instead of showing it: control characters, and the format characters that reorder or hide text.
    package var isObeyedByTerminals: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }

    /// The way to write it out, for example `\u{1B}`.
    package var writtenOut: String { "\\u{\(String(value, radix: 16, uppercase: true))}" }
}
