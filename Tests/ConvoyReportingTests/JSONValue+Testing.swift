import ConvoyText
import Testing

extension JSONValue: CustomTestStringConvertible {
    /// A whole document as a test's argument would fill pages.
    package var testDescription: String { "a document of \(text.utf8.count) bytes" }
}
