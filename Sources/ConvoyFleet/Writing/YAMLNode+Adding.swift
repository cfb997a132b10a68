import ConvoyText

extension YAMLNode {
    /// What a fleet file says with these instances at the end of its list.
    ///
    /// - Throws: never for entries whose values ``YAMLText`` has written.
    func adding(_ entries: [InstanceEntry]) throws(Problem) -> YAMLNode {
        let bytes = Array(entries.flatMap(\.lines).joined(separator: "\n").utf8)
        let list = try bytes.withUnsafeBufferPointer { bytes in
            Result { () throws(Problem) in try YAMLReader.read(bytes, file: "the new entries").node }
        }.get()
        guard case .sequence(let items) = list.content, case .mapping(var pairs) = content else { return self }
        var node = self
        if let index = pairs.firstIndex(where: { $0.key.isText("instances") }) {
            guard case .sequence(let listed) = pairs[index].value.content else { return self }
            pairs[index].value.content = .sequence(listed + items)
        } else {
            let key = YAMLNode(mark: mark, content: .scalar(Scalar(text: "instances", isPlain: true, isVerbatim: true)))
            pairs.append(Pair(key: key, value: list))
        }
        node.content = .mapping(pairs)
        return node
    }

    /// Whether it is this word.
    func isText(_ text: String) -> Bool { if case .scalar(let scalar) = content { scalar.text == text } else { false } }

    /// Whether two nodes say the same, wherever and however they are written.
    func says(_ other: YAMLNode) -> Bool {
        switch (content, other.content) {
        case (.scalar(let left), .scalar(let right)):
            left.text.isIdentical(to: right.text) && left.isNull == right.isNull
        case (.sequence(let left), .sequence(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.says($1) }
        case (.mapping(let left), .mapping(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.key.says($1.key) && $0.value.says($1.value) }
        default: false
        }
    }
}
