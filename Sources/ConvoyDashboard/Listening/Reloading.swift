internal import ConvoyIO
internal import FoundationEssentials
internal import ServiceLifecycle
internal import UnixSignals

/// Reads the files again that the dashboard began with. What is not valid changes nothing.
struct Reloading: Sendable {
    let certificate: ServerCertificate?
    let access: AccessControl
    let readTokens: (@Sendable () throws(ServeProblem) -> TokenList)?
    let log: @Sendable (String) -> Void

    /// Longer than any file takes that is there.
    private static let patience = Duration.seconds(30)

    /// Whether there is a file to read.
    private var isUseful: Bool { certificate != nil || readTokens != nil }

    func reload() async {
        guard isUseful else { return log("SIGHUP: there is no file to read again") }
        let lines = await runBlocking(until: .now + Self.patience, cancellation: .observed) { reloadTokens() + reloadCertificate() }
        for line in lines ?? ["warning: the files could not be read in time; what was read before stays"] { log(line) }
    }

    private func reloadTokens() -> [String] {
        guard let readTokens else { return [] }
        do throws(ServeProblem) {
            let tokens = try readTokens()
            return ["the tokens were read again: \(tokens.changes(from: access.accept(tokens)))"]
        } catch {
            return ["warning: the tokens stay as they were: \(error)"]
        }
    }

    private func reloadCertificate() -> [String] {
        guard let certificate else { return [] }
        do throws(ServeProblem) {
            try certificate.reload(at: Date())
            return certificate.warnings.map { "warning: \($0)" } + ["the certificate was read again; new connections get it"]
        } catch {
            return ["warning: the certificate stays as it was: \(error)"]
        }
    }
}

/// Reads the files again at each SIGHUP.
struct OnHangUp: Service {
    let signals: UnixSignalsSequence
    let files: Reloading

    func run() async {
        await cancelWhenGracefulShutdown {
            for await _ in signals { await files.reload() }
        }
    }
}
