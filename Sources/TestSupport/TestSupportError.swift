/// Why a helper could not do its part. A test that gets one fails with these words.
public struct TestSupportError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
