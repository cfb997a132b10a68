import ConvoyText

/// Adds instances to the text of a fleet file, and leaves every other byte as it is: comments, order and layout.
package enum FleetFileAddition {
    /// Why the text cannot be extended, in words that follow “the file”.
    package struct Refusal: Error, Sendable, Hashable {
        package var reason: String

        package init(reason: String) {
            self.reason = reason
        }
    }

    /// The file with the entries at the end of its list of instances. What it says is compared before it is returned: the same, and the entries.
    ///
    /// - Throws: a ``Refusal`` for a list in brackets, and for every layout in which the end of the list is not plain.
    package static func text(_ bytes: [UInt8], adding entries: [InstanceEntry], file: String) throws(Refusal) -> [UInt8] {
        guard let old = node(bytes, file) else { throw Refusal(reason: "is not valid YAML") }
        guard case .mapping(let pairs) = old.content else { throw Refusal(reason: "is not a mapping") }
        let lines = lines(of: bytes)
        let new: [UInt8]
        if let list = pairs.first(where: { $0.key.isText("instances") })?.value {
            new = try extending(list, lines, entries)
        } else {
            let line = lines.last ?? []
            let end = ending(of: line)
            let indented = entries.flatMap(\.lines).map { "  \($0)" }
            let gap = line.isEmpty || line.last == UInt8(ascii: "\n") ? "" : end
            new = bytes + Array((gap + end + (["instances:"] + indented).map { $0 + end }.joined()).utf8)
        }
        guard new.count <= FleetFile.sizeLimit else { throw Refusal(reason: "would be larger than \(FleetFile.sizeLimit >> 20) MiB") }
        guard let wanted = try? old.adding(entries), let found = node(new, file), found.says(wanted) else {
            throw Refusal(reason: "has a layout in which the end of `instances` cannot be found safely")
        }
        return new
    }

    /// A list with dashes: the entries follow the last line that belongs to its last item.
    private static func extending(_ list: YAMLNode, _ lines: [ArraySlice<UInt8>], _ entries: [InstanceEntry]) throws(Refusal) -> [UInt8] {
        guard case .sequence(let items) = list.content, let last = items.last else {
            throw Refusal(reason: "has an empty list of `instances`: write the entries with dashes, or remove the key")
        }
        let indentation = list.mark.column - 1
        guard lines.indices.contains(list.mark.line - 1), lines.indices.contains(last.mark.line - 1),
            self.indentation(of: lines[list.mark.line - 1]) == indentation,
            lines[list.mark.line - 1].dropFirst(indentation).first == UInt8(ascii: "-")
        else { throw Refusal(reason: "has its `instances` in brackets: write them with dashes, a line for each key") }
        var end = last.mark.line
        for index in last.mark.line..<max(lines.count, last.mark.line) {
            guard let depth = self.indentation(of: lines[index]) else { continue }
            guard depth > indentation else { break }
            end = index + 1
        }
        let newline = ending(of: lines[end - 1])
        var text: [UInt8] = []
        for line in lines[..<end] { text += line }
        if text.last != UInt8(ascii: "\n") { text += newline.utf8 }
        for line in entries.flatMap(\.lines) { text += "\(String(repeating: " ", count: indentation))\(line)\(newline)".utf8 }
        for line in lines[end...] { text += line }
        return text
    }

    /// How many spaces a line begins with; nil for a line without anything else.
    private static func indentation(of line: ArraySlice<UInt8>) -> Int? {
        let spaces = line.prefix { $0 == UInt8(ascii: " ") }.count
        guard let first = line.dropFirst(spaces).first, first != UInt8(ascii: "\n"), first != UInt8(ascii: "\r") else { return nil }
        return spaces
    }

    /// The lines with their ends.
    private static func lines(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.endIndex
            lines.append(bytes[start..<end])
            start = end
        }
        return lines
    }

    private static func ending(of line: ArraySlice<UInt8>) -> String { line.suffix(2) == [0x0D, 0x0A] ? "\r\n" : "\n" }

    private static func node(_ bytes: [UInt8], _ file: String) -> YAMLNode? {
        bytes.withUnsafeBufferPointer { bytes in
            let result = Result { () throws(Problem) in try YAMLReader.read(bytes, file: file) }
            guard let read = try? result.get(), read.problems.isEmpty else { return nil }
            return read.node
        }
    }
}
