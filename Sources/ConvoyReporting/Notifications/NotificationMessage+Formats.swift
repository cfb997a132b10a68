import ConvoyFleet
internal import ConvoyMigrations
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// The messages of other programs, made of the same words.
extension NotificationMessage {
    // MARK: Slack

    var slackText: String {
        let text = lines.map { line in line.map(Self.slack).joined() }.joined(separator: "\n• ")
        return text + (link.map { "\n<\($0)|page of the run>" } ?? "")
    }

    /// Foreign text as code: nothing in it can become a mention, a link or an emphasis.
    private static func slack(_ piece: Piece) -> String {
        switch piece {
        case .own(let text): return text
        case .foreign(let text, let limit):
            var escaped = ""
            for character in shortened(text, limit) {
                switch character {
                case "&": escaped += "&amp;"
                case "<": escaped += "&lt;"
                case ">": escaped += "&gt;"
                // It would end the code.
                case "`": escaped += "'"
                default: escaped.append(character)
                }
            }
            return escaped.allSatisfy(\.isWhitespace) ? "-" : "`\(escaped)`"
        }
    }

    // MARK: Teams

    /// A message with an adaptive card, which a workflow of Teams posts. Its runs of text are shown as they are: only blocks of text know Markdown.
    var teamsCard: JSONValue {
        let blocks = lines.enumerated().map { index, line -> JSONValue in
            let mark: [Piece] = index == 0 ? [] : [.own("• ")]
            let runs = (mark + line).map { Self.teams($0, isHeadline: index == 0) }
            return ["type": "RichTextBlock", "inlines": .array(runs)]
        }
        var content: [(String, JSONValue)] = [
            ("$schema", "http://adaptivecards.io/schemas/adaptive-card.json"), ("type", "AdaptiveCard"), ("version", "1.4"),
            ("body", .array(blocks)),
        ]
        if let link {
            content.append(("actions", .array([["type": "Action.OpenUrl", "title": "Page of the run", "url": .string(link)]])))
        }
        let attachment: JSONValue = [
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": .object(.init(content)),
        ]
        return ["type": "message", "attachments": .array([attachment])]
    }

    private static func teams(_ piece: Piece, isHeadline: Bool) -> JSONValue {
        switch piece {
        case .own(let text): ["type": "TextRun", "text": .string(text), "weight": isHeadline ? "Bolder" : "Default"]
        case .foreign(let text, let limit): ["type": "TextRun", "text": .string(cut(text, limit)), "fontType": "Monospace"]
        }
    }

    /// Also in bytes, so that one tenant's text does not make the message longer than a receiver takes.
    private static func shortened(_ text: String, _ limit: Int) -> String {
        String(text.prefix(bytes: 4 * limit).visible.prefix(bytes: 4 * limit).prefix(limit))
    }

    private static func cut(_ text: String, _ limit: Int) -> String {
        let shown = shortened(text, limit)
        return shown.allSatisfy(\.isWhitespace) ? "-" : shown
    }

    // MARK: Grafana

    /// An annotation, as `POST /api/annotations` takes it. Tags are what panels choose annotations by.
    var grafanaAnnotation: JSONValue {
        let start = occasion == .runFinished ? report.startedAt ?? at : at
        var text = lines.map { line in line.map(Self.grafana).joined() }.joined(separator: "<br>")
        if let link { text += "<br><a href=\"\(Self.escaped(link))\">page of the run</a>" }
        let status = occasion == .runFinished ? report.endState.text : "running"
        var members: [(String, JSONValue)] = [("time", .integer(start.milliseconds))]
        if occasion == .runFinished { members.append(("timeEnd", .integer(at.milliseconds))) }
        members += [
            (
                "tags",
                .array(["convoy", .string(occasion.rawValue), .string("fleet:\(Self.cut(report.fleet, 64))"), .string("status:\(status)")])
            ),
            ("text", .string(text)),
        ]
        return .object(.init(members))
    }

    private static func grafana(_ piece: Piece) -> String {
        switch piece {
        case .own(let text): escaped(text)
        case .foreign(let text, let limit): escaped(cut(text, limit))
        }
    }

    /// Text as HTML, which is what Grafana takes an annotation for.
    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}

extension Date {
    /// Milliseconds since 1970.
    fileprivate var milliseconds: Int { Int(clamping: timeIntervalSince1970 * 1000) }
}
