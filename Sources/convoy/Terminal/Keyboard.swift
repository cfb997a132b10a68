import ConvoyFleet
import ConvoyRollout
import ConvoyRun
import Dispatch
import Glibc

/// What the operator types while a run waits at a gate.
enum Keyboard {
    /// An approval for each yes that the operator types; nothing is read if no gate of the plan requires approval.
    static func approvals(_ plan: RunPlan) -> AsyncStream<OperatorRequest.Kind> {
        let (answers, answer) = AsyncStream.makeStream(of: OperatorRequest.Kind.self)
        guard plan.waves.contains(where: { $0.gate?.approve == true }) else {
            answer.finish()
            return answers
        }
        // In the background of a shell, reading would stop the whole process in the middle of its work; with the signal ignored, it only fails.
        signal(SIGTTIN, SIG_IGN)
        // Reading blocks, and the threads of the cooperative pool must stay free. It ends with the process.
        DispatchQueue.global().async {
            while let line = readLine() {
                if ["y", "yes"].contains(line.lowercased().filter { !$0.isWhitespace }) { answer.yield(.approve(wave: nil)) }
            }
            answer.finish()
        }
        return answers
    }
}
