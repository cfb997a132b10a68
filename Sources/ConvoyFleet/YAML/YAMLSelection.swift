/// Which parts of a file are read.
indirect enum YAMLSelection {
    case everything
    /// Of a mapping, the values of these keys.
    case keys([String: YAMLSelection])
    /// Of every item of a list, and of every value of a mapping, the same.
    case each(YAMLSelection)

    /// What is read of the items of a list.
    var ofItems: YAMLSelection { if case .each(let selection) = self { selection } else { self } }

    /// What is read of the value under a key; nil if nothing is.
    func ofValue(under key: YAMLNode) -> YAMLSelection? {
        switch self {
        case .everything: return self
        case .each(let selection): return selection
        case .keys(let keys):
            guard case .scalar(let scalar) = key.content else { return nil }
            return keys[scalar.text]
        }
    }
}
