import ConvoyDashboard
import ConvoyIO
import ConvoyText

/// Where the tokens of `serve` come from.
enum TokenSource: Sendable {
    /// A file with names and roles.
    case list(String)
    /// A file with one token.
    case file(String)
    /// One token.
    case environment(String)

    /// The environment variable with the token.
    static let variable = "CONVOY_TOKEN"

    /// Nil if there is no token.
    ///
    /// - Parameters:
    ///   - tokenFile: the value of `--token-file`.
    ///   - tokens: that of `--tokens`.
    init?(tokenFile: String?, tokens: String?, environment: [String: String]) throws {
        let token = environment[Self.variable].flatMap { $0.isEmpty ? nil : $0 }
        switch (tokens, tokenFile) {
        case (_?, _?):
            throw CommandFailure(.usage, "--tokens and --token-file exclude each other", hint: "add that token to the file of --tokens")
        case (let path?, nil):
            guard token == nil else {
                throw CommandFailure(
                    .usage,
                    "--tokens is given, and \(Self.variable) is set",
                    hint: "unset \(Self.variable); its token would have no name and every role"
                )
            }
            self = .list(path)
        case (nil, let path?): self = .file(path)
        case (nil, nil):
            guard let token else { return nil }
            self = .environment(token)
        }
    }

    /// - Throws: a ``CommandFailure``, or all problems of a file with names.
    func read() throws -> TokenList {
        switch self {
        case .list(let path): try TokenFile.read(path)
        case .file(let path): TokenList(try Self.token(try Self.text(path), in: path))
        case .environment(let text): TokenList(try Self.token(text, in: Self.variable))
        }
    }

    /// Reads the file again; nil if the token came from the environment.
    var rereading: (@Sendable () throws(ServeProblem) -> TokenList)? {
        if case .environment = self { return nil }
        return { () throws(ServeProblem) in
            do {
                return try read()
            } catch let problems as Problems {
                throw ServeProblem(problems.problems.map(Self.line).joined(separator: "; "))
            } catch let failure as CommandFailure {
                throw ServeProblem(failure.message, hint: failure.hint)
            } catch {
                throw ServeProblem("\(error)")
            }
        }
    }

    private static func line(_ problem: Problem) -> String {
        "\(problem.file)\(problem.line.map { ":\($0)" } ?? ""): \(problem.message)" + (problem.hint.map { " (\($0))" } ?? "")
    }

    // MARK: One token

    private static func token(_ text: String, in place: String) throws -> AccessToken {
        let oddities = SecretOddity.all(in: text)
        guard oddities.isEmpty else {
            throw CommandFailure(
                .usage,
                "the token in \(place) \(SecretOddity.text(oddities))",
                hint: "remove the extra characters, or create a new token with `openssl rand -base64 24`"
            )
        }
        do throws(AccessToken.Unfit) {
            return try AccessToken(text)
        } catch {
            let reason =
                switch error {
                case .tooShort: "is shorter than \(AccessToken.minimumLength) characters"
                case .tooLong: "is too long"
                case .unusableCharacter, .noHash, .hashOfNothing: "contains a blank or a character that is not allowed in a header"
                }
            throw CommandFailure(.usage, "the token in \(place) \(reason)", hint: "create one with `openssl rand -base64 24`")
        }
    }

    private static func text(_ path: String) throws -> String {
        let contents: FileContents
        do throws(FileReadError) {
            contents = try readFileContents(path, limit: 64 << 10)
        } catch {
            throw CommandFailure(.usage, "--token-file: \(path): \(error)", hint: "use a file that contains only the token")
        }
        guard let text = String(validating: contents.bytes, as: UTF8.self) else {
            throw CommandFailure(.usage, "--token-file: \(path) is not valid UTF-8", hint: "create a token with `openssl rand -base64 24`")
        }
        if contents.isExposed {
            StandardStreams.error.write("warning: \(path.visible) can be read by other users; restrict it with `chmod 600`\n")
        }
        return text.hasSuffix("\n") || text.hasSuffix("\r\n") ? String(text.dropLast()) : text
    }
}
