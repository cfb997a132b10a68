extension Unicode.Scalar {
    /// Whether a terminal obeys it instead of showing it: control characters, and the format characters that reorder or hide text.
    package var isObeyedByTerminals: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }
}
