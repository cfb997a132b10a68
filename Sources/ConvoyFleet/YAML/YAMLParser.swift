internal import CLibYAML

/// libyaml's parser over bytes that outlive it; hands out one event after the other.
struct YAMLParser: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// Why libyaml stopped. Its words are fixed texts that never quote the file.
    struct Failure: Error {
        var reason: String
        var place: Place

        enum Place {
            case mark(YAMLNode.Mark)
            /// A byte that is not UTF-8 or a control character, from the first byte on.
            case offset(Int)
            case none
        }
    }

    /// - Parameter bytes: must stay where they are for as long as the parser lives.
    init?(bytes: UnsafeBufferPointer<UInt8>) {
        parser = .allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            return nil
        }
        // Otherwise a byte order mark could switch to UTF-16, in which positions cannot be counted.
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// The next event; after `streamEnd` it must not be called again.
    mutating func next() throws(Failure) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        return YAMLEvent(event)
    }

    /// Passes over the next value, whatever it is, without copying anything of it.
    mutating func skipValue() throws(Failure) {
        var depth = 0
        repeat {
            var event = yaml_event_t()
            guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
            switch event.type {
            case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT: depth += 1
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: depth -= 1
            // Not within a value.
            case YAML_STREAM_END_EVENT, YAML_DOCUMENT_END_EVENT: depth = 0
            default: break
            }
            yaml_event_delete(&event)
        } while depth > 0
    }

    private func failure() -> Failure {
        let state = parser.pointee
        let reason = state.problem.map { String(cString: $0) } ?? "out of memory"
        switch state.error {
        case YAML_READER_ERROR: return Failure(reason: reason, place: .offset(state.problem_offset))
        case YAML_SCANNER_ERROR, YAML_PARSER_ERROR: return Failure(reason: reason, place: .mark(YAMLNode.Mark(state.problem_mark)))
        default: return Failure(reason: reason, place: .none)
        }
    }
}

/// What libyaml found, copied out of its memory.
struct YAMLEvent {
    var mark: YAMLNode.Mark
    var kind: Kind

    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias
        case scalar(YAMLNode.Scalar, Properties)
        case sequenceStart(Properties)
        case mappingStart(Properties)
        case sequenceEnd, mappingEnd
    }

    /// What stands before a value.
    struct Properties {
        var hasAnchor: Bool
        var tag: String?
    }

    fileprivate init(_ event: yaml_event_t) {
        mark = YAMLNode.Mark(event.start_mark)
        kind =
            switch event.type {
            case YAML_STREAM_START_EVENT: .streamStart
            case YAML_DOCUMENT_START_EVENT: .documentStart
            case YAML_DOCUMENT_END_EVENT: .documentEnd
            case YAML_ALIAS_EVENT: .alias
            case YAML_SCALAR_EVENT: Self.scalar(event)
            case YAML_SEQUENCE_START_EVENT:
                .sequenceStart(Properties(anchor: event.data.sequence_start.anchor, tag: event.data.sequence_start.tag))
            case YAML_MAPPING_START_EVENT:
                .mappingStart(Properties(anchor: event.data.mapping_start.anchor, tag: event.data.mapping_start.tag))
            case YAML_SEQUENCE_END_EVENT: .sequenceEnd
            case YAML_MAPPING_END_EVENT: .mappingEnd
            default: .streamEnd
            }
    }

    private static func scalar(_ event: yaml_event_t) -> Kind {
        let scalar = event.data.scalar
        let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
        let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
        let quotes = isPlain ? 0 : 2
        let isVerbatim =
            event.start_mark.line == event.end_mark.line
            && event.end_mark.column - event.start_mark.column == text.unicodeScalars.count + quotes
        // `!!str null` is the text “null”.
        let isImplicit = scalar.plain_implicit == 1 || scalar.tag == nil
        return .scalar(
            YAMLNode.Scalar(text: text, isPlain: isPlain && isImplicit, isVerbatim: isVerbatim),
            Properties(anchor: scalar.anchor, tag: scalar.tag)
        )
    }
}

extension YAMLEvent.Properties {
    fileprivate init(anchor: UnsafePointer<yaml_char_t>?, tag: UnsafePointer<yaml_char_t>?) {
        hasAnchor = anchor != nil
        self.tag = tag.map { String(cString: $0) }
    }
}

extension YAMLNode.Mark {
    fileprivate init(_ mark: yaml_mark_t) {
        line = mark.line + 1
        column = mark.column + 1
    }
}
