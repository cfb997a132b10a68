extension String {
    /// The text up to that many bytes of UTF-8, cut between two code points.
    ///
    /// A limit in characters is not enough: one character may have a million combining marks.
    package func prefix(bytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: max(0, limit))
        while end > startIndex, end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(unicodeScalars[..<end])
    }
}
