import ConvoyIO

/// The parameters of one attempt to log in, with all that secret commands give filled in.
struct LoginParameters {
    let parameters: ConnectionParameters
    private let secrets: [String: LateSecret.Value]

    /// The SQLSTATEs of a login that was refused because of its password, and what PgBouncer says then.
    private static let refusals: Set<String> = ["28P01", "28000", "08P01"]

    /// Whether another password may help.
    static func isRefusal(_ error: PostgresError) -> Bool { error.sqlstate.map(refusals.contains) ?? false }

    /// Asks for what is not known.
    ///
    /// - Parameter refused: what the server did not take; it is asked for anew.
    /// - Throws: `.secretUnavailable`, `.cancelled`.
    static func asking(
        _ parameters: ConnectionParameters,
        insteadOf refused: LoginParameters? = nil,
        _ cancellation: Cancellation
    ) async throws(PostgresError) -> LoginParameters {
        guard !parameters.lateSecrets.isEmpty else { return LoginParameters(parameters: parameters, secrets: [:]) }
        let result: Result<LoginParameters, SecretFailure>
        switch cancellation {
        case .observed: result = await filled(parameters, insteadOf: refused)
        // A task of its own is not cancelled with ours.
        case .ignored: result = await Task { await filled(parameters, insteadOf: refused) }.value
        }
        do throws(SecretFailure) {
            return try result.get()
        } catch {
            throw PostgresError(error.isCancellation ? .cancelled : .secretUnavailable, error.description)
        }
    }

    private static func filled(
        _ parameters: ConnectionParameters,
        insteadOf refused: LoginParameters?
    ) async -> Result<LoginParameters, SecretFailure> {
        var (filled, secrets) = (parameters, [String: LateSecret.Value]())
        do throws(SecretFailure) {
            for (keyword, secret) in parameters.lateSecrets {
                let value = try await secret.value(insteadOf: refused?.secrets[keyword])
                secrets[keyword] = value
                filled[keyword] = value.secret.reveal()
            }
            return .success(LoginParameters(parameters: filled, secrets: secrets))
        } catch {
            return .failure(error)
        }
    }
}
