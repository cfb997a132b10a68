internal import Glibc

/// Lends Swift strings to C.
enum CStrings {
    /// Pointers to NUL-terminated copies, nil where the string is nil, and a nil after the last.
    static func withPointers<Value>(_ strings: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Value) -> Value {
        let pointers = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() {
            (pointers + index).initialize(to: string.map { UnsafePointer(strdup($0)) })
        }
        (pointers + strings.count).initialize(to: nil)
        defer {
            for index in strings.indices { free(UnsafeMutablePointer(mutating: pointers[index])) }
            pointers.deallocate()
        }
        return body(pointers)
    }
}

extension String {
    /// Whether C would see only a part of it.
    var hasZeroByte: Bool {
        utf8.withContiguousStorageIfAvailable { bytes in bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false }
            ?? utf8.contains(0)
    }
}
