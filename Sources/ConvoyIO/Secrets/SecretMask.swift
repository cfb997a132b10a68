/// Known secrets, to be hidden in what programs write.
package struct SecretMask: Sendable {
    /// The secrets that are known from the start.
    private let table: SecretTable
    /// Those that become known later.
    private let late: LateMask?
    /// What stands in a secret's place.
    static let mark = Array("•••".utf8)

    /// What the table is made of.
    private let secrets: Set<String>

    /// - Parameters:
    ///   - secrets: hidden as they are, percent-encoded as in a URL, escaped as in JSON, and line by line.
    ///   - late: more of them, which are hidden from the moment on at which they are known.
    package init(_ secrets: some Sequence<String>, late: LateMask? = nil) {
        self.secrets = Set(secrets)
        self.late = late
        var table = SecretTable()
        // Different secrets may be written alike.
        for form in Set(self.secrets.lazy.flatMap(SecretTable.forms)) { table.add(form: form) }
        self.table = table
    }

    /// This one with more to hide.
    package func adding(_ more: [String]) -> SecretMask { SecretMask(secrets.union(more), late: late) }

    /// A whole text with its secrets hidden.
    package func masked(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let late = late?.table
        guard bytes.contains(where: { table.mayBegin(with: $0) || late?.mayBegin(with: $0) == true }) else { return text }
        var stream = Stream(self)
        return String(decoding: stream.add(bytes) + stream.finish(), as: UTF8.self)
    }

    /// Hides the secrets of one stream, those too that come in pieces or overlap.
    struct Stream: Sendable {
        let mask: SecretMask
        /// What may be the beginning of a secret.
        private var held: [UInt8] = []
        /// How many of the bytes to come belong to a secret that was seen.
        private var covered = 0

        init(_ mask: SecretMask) {
            self.mask = mask
        }

        /// What can be shown now.
        mutating func add(_ bytes: some Sequence<UInt8>) -> [UInt8] {
            held += bytes
            return take(isEnd: false)
        }

        /// What is left when the stream ends.
        mutating func finish() -> [UInt8] { take(isEnd: true) }

        private mutating func take(isEnd: Bool) -> [UInt8] {
            var shown: [UInt8] = []
            shown.reserveCapacity(held.count)
            let table = mask.table
            // As they are now: a program may run for longer than it takes to learn a new one.
            let late = mask.late?.table
            func mayBegin(with byte: UInt8) -> Bool { table.mayBegin(with: byte) || late?.mayBegin(with: byte) == true }
            var index = 0
            while index < held.count {
                if covered == 0 {
                    // Nearly all of most output: no secret begins there.
                    let start = index
                    while index < held.count, !mayBegin(with: held[index]) { index += 1 }
                    shown += held[start..<index]
                    if index == held.count { break }
                }
                guard case .covers(var count) = table.look(held[index...], isEnd: isEnd) else { break }
                if let late {
                    guard case .covers(let other) = late.look(held[index...], isEnd: isEnd) else { break }
                    count = max(count, other)
                }
                if count > 0, covered == 0 { shown += SecretMask.mark }
                covered = max(covered, count)
                if covered == 0 { shown.append(held[index]) } else { covered -= 1 }
                index += 1
            }
            held.removeFirst(index)
            return shown
        }
    }
}
