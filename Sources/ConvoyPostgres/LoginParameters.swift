import ConvoyIO

/// The parameters of one attempt to log in, with all that secret commands give filled in.
struct LoginParameters {
    let parameters: ConnectionParameters
    private let secrets: [String: LateSecret.Value]
    /// What was asked for the password, if a secret command gave it.
    private let passwordReference: SecretReference?

    /// The SQLSTATEs of a login that was refused because of its password, and what PgBouncer says then.
    private static let refusals: Set<String> = ["28P01", "28000", "08P01"]

    /// Whether another password may help.
    static func isRefusal(_ error: PostgresError) -> Bool { error.sqlstate.map(refusals.contains) ?? false }

    /// The error of a login with these parameters, which are the second that were tried, with what is known of the password.
    func explaining(_ error: PostgresError) -> PostgresError {
        guard Self.isRefusal(error), let reference = passwordReference, let password = secrets["password"]?.secret else { return error }
        var explained = error
        let oddities = password.oddities
        if !oddities.isEmpty {
            explained.passwordHint =
                "secret command \(reference.command) gave a value for “\(reference.key)” that \(SecretOddity.text(oddities)): "
                + "remove what does not belong to it"
        } else if error.sqlstate == "28P01" {
            explained.passwordHint =
                "the password is wrong: secret command \(reference.command) gave it for “\(reference.key)”, also when it was asked again: "
                + "check what the program prints for that key"
        }
        return explained
    }

    /// Asks for what is not known.
    ///
    /// - Parameter refused: what the server did not take; it is asked for anew.
    /// - Throws: `.secretUnavailable`, `.cancelled`.
    static func asking(
        _ parameters: ConnectionParameters,
        insteadOf refused: LoginParameters? = nil,
        _ cancellation: Cancellation
    ) async throws(PostgresError) -> LoginParameters {
        guard !parameters.lateSecrets.isEmpty else { return LoginParameters(parameters: parameters, secrets: [:], passwordReference: nil) }
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
            let reference = parameters[late: "password"]?.references.first
            return .success(LoginParameters(parameters: filled, secrets: secrets, passwordReference: reference))
        } catch {
            return .failure(error)
        }
    }
}
