/// A value of a YAML file, with the place where it begins.
struct YAMLNode {
    var mark: Mark
    var content: Content

    /// A place, in lines and characters that are counted from 1.
    struct Mark: Hashable {
        var line: Int
        var column: Int
    }

    enum Content {
        case scalar(Scalar)
        case sequence([YAMLNode])
        case mapping([Pair])
        /// A value that was refused; its problem is already reported.
        case refused
    }

    struct Scalar {
        var text: String
        /// Neither quoted nor a block, so that `null` and an empty text mean nothing.
        var isPlain: Bool
        /// Written in one piece on one line, so that a place in the text is also a place in the file.
        var isVerbatim: Bool

        var isNull: Bool {
            guard isPlain else { return false }
            switch text {
            case "", "~", "null", "Null", "NULL": return true
            default: return false
            }
        }
    }

    struct Pair {
        var key: YAMLNode
        var value: YAMLNode
    }

    /// What the node is, as messages call it.
    var kind: String {
        switch content {
        case .scalar(let scalar): scalar.isNull ? "nothing" : "a single value"
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .refused: "something refused"
        }
    }
}
