import Foundation
import TestSupport

/// A Markdown page of the repository, as its readers see it: blocks of code, links and headings.
struct DocumentationPage: Sendable {
    /// Relative to the repository's root.
    let path: String
    let text: String
    /// Fenced blocks in their order, without their fences and the indentation of the list that they stand in.
    private(set) var blocks: [Block] = []
    /// Everything outside the blocks.
    private(set) var prose: [String] = []

    struct Block: Sendable {
        var language: String
        var lines: [String] = []

        var text: String { lines.joined(separator: "\n") + "\n" }
    }

    /// Every page that people read.
    static let paths: [String] = {
        let docs = (try? FileManager.default.contentsOfDirectory(atPath: "\(repositoryRoot)/docs")) ?? []
        return [
            "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "Migrations/README.md", "Benchmarks/README.md",
            "Deploy/README.md",
        ]
            + docs.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
    }()

    init(_ path: String) throws {
        self.path = path
        text = try String(contentsOfFile: "\(repositoryRoot)/\(path)", encoding: .utf8)
        var block: Block?
        var indentation = 0
        for line in text.components(separatedBy: "\n") {
            let content = line.trimmingCharacters(in: .whitespaces)
            if content.hasPrefix("```") {
                if let ended = block { blocks.append(ended) }
                block = block == nil ? Block(language: String(content.dropFirst(3))) : nil
                indentation = line.prefix { $0 == " " }.count
            } else if block != nil {
                block?.lines.append(String(line.dropFirst(min(indentation, line.prefix { $0 == " " }.count))))
            } else {
                prose.append(line)
            }
        }
    }

    /// The text of each block in that language.
    func blocks(_ language: String) -> [String] { blocks.filter { $0.language == language }.map(\.text) }

    /// The lines of the section with that heading, down to the next heading.
    func section(_ heading: String) -> [String] {
        Array((prose.firstIndex(of: heading).map { prose[($0 + 1)...] } ?? []).prefix { !$0.hasPrefix("#") })
    }

    /// What stands in the first column of a section's table, without the table's head.
    func firstColumn(of heading: String) -> [String] {
        section(heading).filter { $0.hasPrefix("| ") }.dropFirst(2).compactMap { row in
            row.split(separator: "|").first.map { $0.trimmingCharacters(in: .whitespaces.union(["`"])) }
        }
    }

    /// Where its links lead.
    var links: [String] {
        prose.flatMap { line in line.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) } }
    }

    /// The names by which its headings can be linked to, as GitHub makes them.
    var anchors: Set<String> {
        Set(
            prose.filter { $0.hasPrefix("#") }.map { heading in
                let words = heading.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
                return words.filter { $0.isLetter || $0.isNumber || " -_".contains($0) }.replacing(" ", with: "-")
            }
        )
    }

    /// What stands between backticks in its prose, also where the line breaks in it.
    var spans: [String] {
        var paragraphs: [String] = [""]
        for line in prose {
            if line.isEmpty || line.hasPrefix("|") || line.hasPrefix("- ") { paragraphs.append("") }
            paragraphs[paragraphs.count - 1] += line.trimmingCharacters(in: .whitespaces) + " "
        }
        // Every second part stands between two of them.
        return paragraphs.flatMap { $0.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element) }
    }

    /// What stands between backticks in its prose.
    var code: Set<String> {
        Set(prose.flatMap { line in line.matches(of: /`([^`]+)`/).map { String($0.1) } })
    }
}
