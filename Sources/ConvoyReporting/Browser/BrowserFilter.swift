import ConvoyFleet
import ConvoyText

/// What an operator typed to see only some instances: a part of a name, server, wave or state, or a selector such as `state=failed,name~team-*`.
struct BrowserFilter: Sendable, Hashable {
    /// As it was typed.
    let text: String
    /// The part to look for, in lower case.
    private let part: [UInt8]
    /// Nil if the text is a part.
    private let selector: Selector?

    init(_ text: String) {
        self.text = text
        part = Array(text.lowercased().utf8)
        // A word alone would be a label; most often it is a part of a name.
        selector = text.contains(where: { "=~(".contains($0) }) ? try? Selector(parsing: text) : nil
    }

    /// Whether what the other one leaves out is left out by this one too.
    func narrows(_ other: BrowserFilter) -> Bool {
        selector == nil && other.selector == nil && (other.part.isEmpty || part.starts(with: other.part))
    }

    func accepts(_ row: BrowserRow, searched: [UInt8], _ facts: BrowserFacts) -> Bool {
        guard let selector else { return part.isEmpty || Self.contains(searched, part) }
        // The words of the run, unless the instance has its own label with that name.
        let labels = ["wave": row.wave, "state": row.state.text].merging(facts.labels[row.name] ?? [:]) { $1 }
        return selector.matches(name: row.name, server: row.server, database: facts.places[row.name]?.database ?? "", labels: labels)
    }

    /// The text in which parts are looked for.
    static func searched(_ row: BrowserRow) -> [UInt8] {
        // Nothing that is typed reaches from one of them into the next.
        Array([row.name, row.server, row.wave, row.state.text].joined(separator: "\0").lowercased().utf8)
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        text.withUnsafeBufferPointer { text in
            part.withUnsafeBufferPointer { part in
                guard part.count <= text.count else { return false }
                var start = 0
                while start <= text.count - part.count {
                    var length = 0
                    while length < part.count, text[start + length] == part[length] { length += 1 }
                    if length == part.count { return true }
                    start += 1
                }
                return false
            }
        }
    }
}
