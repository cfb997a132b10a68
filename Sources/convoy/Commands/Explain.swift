import ArgumentParser
import ConvoyKit
import ConvoyText

/// `convoy explain`
struct Explain: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Explain a word: an outcome, a key of the fleet file, an SQLSTATE.",
        usage: "convoy explain <word>",
        discussion: """
            Explains outcomes, SQLSTATEs, exit codes, events, reasons of a halt, terms such
            as baseline and cohort, and keys of the fleet file by their path or its last
            part. A word with several meanings gets all of them. `convoy help fleet-file`
            lists the keys of the fleet file.

              convoy explain lock-busy
              convoy explain 55P03
              convoy explain 69
              convoy explain rollout.waves.gate.soak
            """
    )

    @Argument(
        help: "The word, for example lock-busy, 55P03, 69, gate_waiting or lock_wait.",
        completion: .custom { _, _, _ in Glossary(exitCodes: CommandExit.allCases.map(Explanation.init)).allWords }
    )
    var word: String

    func execute() async throws -> CommandExit {
        let glossary = Glossary(exitCodes: CommandExit.allCases.map(Explanation.init))
        let explanations = glossary.explanations(of: word)
        guard !explanations.isEmpty else {
            let near = glossary.nearest(to: word)
            let hint =
                near.isEmpty
                ? "`convoy help explain` says what can be explained, `convoy help fleet-file` lists the keys of the fleet file"
                : "did you mean \(near.map { "`convoy explain \($0)`" }.joined(separator: ", or "))?"
            throw CommandFailure(.usage, "Convoy has no word “\(word)”", hint: hint)
        }
        StandardStreams.output.write(explanations.map(text).joined(separator: "\n"))
        try StandardStreams.output.check()
        return .success
    }

    private func text(_ explanation: Explanation) -> String {
        let lines = [explanation.meaning] + explanation.details
        return "\(explanation.word): \(explanation.kind)\n" + lines.map { "  \($0)\n" }.joined()
    }
}

extension Explanation {
    /// An exit code.
    init(_ code: CommandExit) {
        self.init(kind: "exit code", word: String(code.rawValue), meaning: code.meaning)
    }
}
