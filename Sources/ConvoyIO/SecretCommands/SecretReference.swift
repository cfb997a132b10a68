/// What `${command:NAME:KEY}` names: a secret command and a key. It is no secret itself.
package struct SecretReference: Sendable, Hashable, CustomStringConvertible {
    package var command: String
    package var key: String

    package init(command: String, key: String) {
        self.command = command
        self.key = key
    }

    package var description: String { "command:\(command):\(key)" }
}

/// What a secret command gave for a key.
package struct SecretAnswer: Sendable, Hashable {
    package let secret: Secret
    /// A later answer has a greater number.
    let number: Int
    /// When the program was started.
    let askedAt: Duration
}

/// A value that a secret command gives a part of, so that it is known only when it is needed: when a connection is opened, for example.
///
/// Two are equal if they ask for the same; what they will get is not known.
package struct LateSecret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package enum Piece: Sendable, Hashable {
        /// What stands in the file, or in a variable or file that it names.
        case text(Secret)
        case reference(SecretReference)
    }

    package let pieces: [Piece]
    /// Whether the operator says that what looks odd in it belongs to it.
    package let isExact: Bool
    private let commands: SecretCommands

    package init(_ pieces: [Piece], isExact: Bool = false, commands: SecretCommands) {
        self.pieces = pieces
        self.isExact = isExact
        self.commands = commands
    }

    /// What it asks for.
    package var references: [SecretReference] {
        pieces.compactMap { if case .reference(let reference) = $0 { reference } else { nil } }
    }

    /// The whole value, and the answers that it is made of.
    package struct Value: Sendable {
        package let secret: Secret
        fileprivate let answers: [SecretReference: SecretAnswer]
    }

    /// Asks for what is not known.
    ///
    /// - Parameter refused: a value that a server did not take: none of its answers is used again.
    package func value(insteadOf refused: Value? = nil) async throws(SecretFailure) -> Value {
        var text = ""
        var answers: [SecretReference: SecretAnswer] = [:]
        for piece in pieces {
            switch piece {
            case .text(let secret):
                text += secret.reveal()
            case .reference(let reference):
                // A value that names one twice gets the same for both.
                let answer: SecretAnswer
                if let known = answers[reference] {
                    answer = known
                } else {
                    answer = try await commands.answer(to: reference, insteadOf: refused?.answers[reference])
                }
                answers[reference] = answer
                text += answer.secret.reveal()
            }
        }
        return Value(secret: Secret(text, isExact: isExact), answers: answers)
    }

    package static func == (left: LateSecret, right: LateSecret) -> Bool { left.pieces == right.pieces && left.isExact == right.isExact }

    package func hash(into hasher: inout Hasher) { hasher.combine(pieces) }

    /// What it asks for, and dots for the rest.
    package var description: String {
        pieces.map { if case .reference(let reference) = $0 { "${\(reference)}" } else { "•••" } }.joined()
    }

    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
