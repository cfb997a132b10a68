internal import ConvoyIO
package import ConvoyText
internal import FoundationEssentials

/// A file of tokens: on each line a name, a role or several with commas between them, and the token or `sha256:` and its hash.
///
///     # who    role      token
///     ann      operator  sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
///     grafana  viewer    correct-horse-battery-staple
///
/// A problem shows none of a line's text: what stands in the wrong place may be a token.
package struct TokenFile: Sendable {
    /// More lines of tokens than this are refused: each wrong token is compared with all.
    static let mostTokens = 1000
    private static let mostBytes = 256 << 10
    private static let longestName = 64
    private static let hashPrefix = "sha256:"
    private static let format = "write “NAME ROLE TOKEN”, for example: ann operator sha256:…"

    private let file: String
    private var problems: [Problem] = []
    private var holders: [TokenHolder] = []
    private var lines: (ofNames: [String: Int], ofTokens: [AccessToken: Int]) = ([:], [:])

    private init(_ file: String) {
        self.file = file
    }

    /// Reads a file.
    ///
    /// - Throws: everything that is wrong with it, a token that other users can read included.
    package static func read(_ path: String) throws(Problems) -> TokenList {
        let contents: FileContents
        do throws(FileReadError) {
            contents = try readFileContents(path, limit: mostBytes)
        } catch {
            let make = "make the file, readable by this user only, with a line for each token: NAME ROLE TOKEN"
            let hint = error.cause == .missing ? make : format
            throw Problems([Problem(file: path, "the file of tokens \(error.reason)", hint: error.hint ?? hint)])
        }
        guard !contents.isExposed else {
            throw Problems([
                Problem(
                    file: path,
                    "the file of tokens can be read by its group or by other users",
                    hint: "restrict it with `chmod 600`, and replace its tokens if others may know them"
                )
            ])
        }
        guard let text = String(validating: contents.bytes, as: UTF8.self) else {
            throw Problems([Problem(file: path, "the file of tokens is not UTF-8 text", hint: format)])
        }
        return try parse(text, file: path)
    }

    /// Reads the text of a file.
    static func parse(_ text: String, file: String) throws(Problems) -> TokenList {
        var reading = TokenFile(file)
        // Not by characters: a carriage return and a line feed are one.
        for (index, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            reading.read(String(decoding: line, as: UTF8.self), index + 1)
        }
        if reading.holders.isEmpty, reading.problems.isEmpty { reading.report(nil, "the file has no token", format) }
        if reading.holders.count > mostTokens {
            reading.report(nil, "the file has more than \(mostTokens) tokens", "remove what is not used")
        }
        guard reading.problems.isEmpty else { throw Problems(reading.problems) }
        return TokenList(reading.holders)
    }

    private mutating func read(_ line: String, _ number: Int) {
        let fields = line.split { $0 == " " || $0 == "\t" }.map(String.init)
        guard let first = fields.first, !first.hasPrefix("#") else { return }
        guard line.utf8.allSatisfy({ (0x20..<0x7f).contains($0) || $0 == UInt8(ascii: "\t") }) else {
            let odd = OddCharacter(in: line.replacing("\t", with: " "))
            report(
                number,
                "the line holds \(odd?.description ?? "a character beyond ASCII")",
                "write names and tokens in ASCII, and end lines with a line feed"
            )
            return
        }
        guard fields.count == 3 else {
            report(number, "the line has \(fields.count) words, not a name, a role and a token", Self.format)
            return
        }
        let count = problems.count
        let name = name(first, number)
        let roles = roles(fields[1], number)
        let token = token(fields[2], number)
        if problems.count == count, let token { holders.append(TokenHolder(name: name, roles: roles, token: token)) }
    }

    private mutating func name(_ text: String, _ number: Int) -> String {
        let known = Self.asReadersKnow(text)
        let isName = text.utf8.count <= Self.longestName && text.utf8.allSatisfy(Self.isOfName) && !known.isEmpty
        if !isName {
            report(number, "the name is not one", "a name has up to \(Self.longestName) letters, digits and ._@-")
        } else if let earlier = lines.ofNames.updateValue(number, forKey: known) {
            report(
                number,
                "line \(earlier) has the same name, apart from case and the punctuation around it",
                "give each token a name of its own; one who may do more has several roles: operator,approver"
            )
        }
        return text
    }

    /// Two names of which this is the same are easily taken for one: `ann` and `ANN.`.
    private static func asReadersKnow(_ name: String) -> String {
        let punctuation: Set<Character> = [".", "_", "@", "-"]
        let rest = name.lowercased().drop { punctuation.contains($0) }
        guard let last = rest.lastIndex(where: { !punctuation.contains($0) }) else { return "" }
        return String(rest[...last])
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "@"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private mutating func roles(_ text: String, _ number: Int) -> Set<Role> {
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        let roles = words.compactMap { Role(rawValue: String($0)) }
        if roles.count < words.count {
            report(number, "the role is unknown", "the roles are \(Role.names); several have commas between them, without blanks")
        } else if Set(roles).count < roles.count {
            report(number, "a role stands there twice", "remove one of the two")
        }
        return Set(roles)
    }

    private mutating func token(_ text: String, _ number: Int) -> AccessToken? {
        let token: AccessToken
        do throws(AccessToken.Unfit) {
            token =
                text.hasPrefix(Self.hashPrefix)
                ? try AccessToken(hash: String(text.dropFirst(Self.hashPrefix.count))) : try AccessToken(text)
        } catch {
            let (message, hint) = Self.words(error)
            report(number, message, hint)
            return nil
        }
        if let earlier = lines.ofTokens.updateValue(number, forKey: token) {
            report(number, "line \(earlier) has the same token", "create one for each name with `openssl rand -base64 24`")
        }
        return token
    }

    private static func words(_ error: AccessToken.Unfit) -> (message: String, hint: String) {
        let create = "create one with `openssl rand -base64 24`"
        return switch error {
        case .tooShort: ("the token is shorter than \(AccessToken.minimumLength) characters", create)
        case .tooLong: ("the token is too long", create)
        case .unusableCharacter: ("the token contains a character that is not allowed in a header", create)
        case .noHash:
            ("what follows “\(hashPrefix)” is not the 64 hexadecimal digits of a hash", "use the first word that sha256sum prints")
        case .hashOfNothing:
            ("the hash is that of an empty text", "make it of the token, without a line break: `tr -d '\\n' <token | sha256sum`")
        }
    }

    private mutating func report(_ line: Int?, _ message: String, _ hint: String) {
        problems.append(Problem(file: file, line: line, message, hint: hint))
    }
}
