internal import CLibPQ
package import ConvoyIO

extension PostgresConnection {
    /// A server that asks for more rounds than this costs a login seconds too.
    private static let mostIterations = 1_000_000

    /// What a server keeps of a password (`SCRAM-SHA-256$…`), made here: the password itself is never sent, and stands in no log of the server.
    ///
    /// - Throws: `.invalidParameters` for a password that a C string cannot hold, `.unexpectedResult` if libpq cannot make it.
    package func passwordVerifier(of password: Secret, role: String) throws(PostgresError) -> String {
        guard let handle else { throw PostgresError(.connectionLost, "the connection is closed") }
        let text = password.reveal()
        guard !text.isEmpty, !text.hasZeroByte, !role.hasZeroByte else {
            throw PostgresError(.invalidParameters, "the password is empty or holds a zero byte")
        }
        // libpq takes the number of rounds from the server.
        if let iterations = parameterStatus("scram_iterations").flatMap({ Int($0) }), iterations > Self.mostIterations {
            throw PostgresError(.unexpectedResult, "the server asks for \(iterations) rounds of SCRAM, more than \(Self.mostIterations)")
        }
        guard let verifier = PQencryptPasswordConn(handle, text, role, "scram-sha-256") else {
            throw PostgresError(.unexpectedResult, "libpq could not prepare the password")
        }
        defer { PQfreemem(verifier) }
        return String(cString: verifier)
    }
}
