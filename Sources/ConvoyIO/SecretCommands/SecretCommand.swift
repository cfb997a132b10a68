import ConvoyText

/// A program that prints secrets: an entry of `secret_commands`.
package struct SecretCommand: Sendable, Hashable {
    /// What `${command:NAME:KEY}` calls it.
    package var name: String
    /// The program, by path or to be found in `PATH`.
    package var program: String
    /// The program's arguments, each as the texts between which the key stands.
    package var arguments: [[String]]
    /// The variables of our own environment that it gets besides those that every program gets.
    package var environment: Set<String>
    /// How long a secret is used before the program is asked again, counted from the question; zero asks each time.
    package var timeToLive: Duration
    /// How long the program may take.
    package var timeout: Duration

    /// `ttl` and `timeout` without a key of the fleet file.
    package static let standardTimeToLive = Duration.seconds(300)
    package static let standardTimeout = Duration.seconds(30)

    package init(
        name: String,
        program: String,
        arguments: [[String]],
        environment: Set<String> = [],
        timeToLive: Duration = Self.standardTimeToLive,
        timeout: Duration = Self.standardTimeout
    ) {
        self.name = name
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.timeToLive = timeToLive
        self.timeout = timeout
    }

    /// The most that a program may write, in bytes.
    static let outputLimit = 64 << 10
    /// How long it has to end by itself when its time is over.
    private static let grace = Duration.seconds(1)

    /// Runs the program for a key.
    ///
    /// - Parameters:
    ///   - environment: all that it gets.
    ///   - mask: hides what is known already in what it writes about a failure.
    func ask(for key: String, environment: [String: String], mask: SecretMask) async -> Result<Secret, SecretFailure> {
        var program = Program(
            arguments: [self.program] + arguments.map { $0.joined(separator: key) },
            environment: environment,
            timeout: timeout,
            grace: Self.grace,
            mask: mask
        )
        program.captureLimit = Self.outputLimit
        let outcome = await program.run()
        if case .cancelled = outcome.ending { return .failure(.cancelled) }
        func failure(_ reason: String) -> Result<Secret, SecretFailure> {
            .failure(SecretFailure("secret command \(name) gave no secret for “\(key)”: \(reason)"))
        }
        if let problem = outcome.problem {
            // A program that traces what it does may repeat what it was about to print.
            let printed = String(decoding: outcome.captured, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
            let words = Self.shortened(SecretMask(printed.filter { $0.utf8.count >= Self.shortest }).masked(outcome.output))
            return failure(words.isEmpty ? problem : "\(problem): \(words)")
        }
        do throws(SecretOutputError) {
            return .success(Secret(try Self.secret(in: outcome.captured)))
        } catch {
            return failure(error.reason)
        }
    }

    /// A shorter line of output is part of too much.
    private static let shortest = 4

    /// The one line that a program printed.
    static func secret(in output: [UInt8]) throws(SecretOutputError) -> String {
        guard !output.isEmpty else { throw SecretOutputError(reason: "it printed nothing") }
        guard !output.contains(0) else { throw SecretOutputError(reason: "its output holds a NUL character") }
        guard var text = String(validating: output, as: UTF8.self) else { throw SecretOutputError(reason: "its output is not UTF-8") }
        // To Swift, both line breaks are one character.
        if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
        guard !text.isEmpty else { throw SecretOutputError(reason: "it printed an empty line") }
        let breaks = text.unicodeScalars.filter { $0 == "\n" || $0 == "\r" }
        if breaks.count == 1, text.unicodeScalars.last == "\r" {
            throw SecretOutputError(reason: "its line ends with a carriage return and no line feed")
        }
        guard breaks.isEmpty else { throw SecretOutputError(reason: "it printed more than one line") }
        return text
    }

    private static let longestWords = 300

    /// What a program said, on one line; of a long text the beginning and the end.
    static func shortened(_ output: String) -> String {
        let lines = output.split(whereSeparator: \.isNewline)
            .map { line in String(line.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()) }
            .filter { !$0.isEmpty }
        let text = Array(lines.joined(separator: "; ").unicodeScalars)
        func string(_ part: some Sequence<Unicode.Scalar>) -> String {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: part)
            return String(view)
        }
        guard text.count > longestWords else { return string(text) }
        return string(text.prefix(longestWords / 2)) + " … " + string(text.suffix(longestWords / 2))
    }
}

/// Why what a program printed is not a secret, in words that show none of it.
struct SecretOutputError: Error, Hashable {
    var reason: String
}

/// Why a secret could not be had, in one sentence without secrets.
package struct SecretFailure: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String
    /// Whether the task that wanted it was cancelled.
    package var isCancellation = false

    init(_ description: String) {
        self.description = description
    }

    static let cancelled = {
        var failure = SecretFailure("cancelled while a secret command was asked")
        failure.isCancellation = true
        return failure
    }()
}
