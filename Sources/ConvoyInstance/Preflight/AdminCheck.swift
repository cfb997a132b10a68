import ConvoyFleet
import ConvoyPostgres
import ConvoyRun

/// Tries the admin connection before anything is changed: whether it gets in, and into the same database.
struct AdminCheck {
    let instance: Instance

    /// Why the administrator could not work; nil if nothing is in the way.
    func failure(beside identity: SessionIdentity) async -> Failure? {
        guard let parameters = instance.admin else { return nil }
        do {
            let connection = try await InstanceProbe(instance: instance).session(parameters)
            defer { connection.close() }
            let found = try await SessionIdentity(of: connection)
            guard found.systemIdentifier == identity.systemIdentifier, found.databaseOID == identity.databaseOID else {
                return Failure(.blocked, "the admin connection reaches another database", hint: "correct admin in the fleet file")
            }
            return nil
        } catch let error as PostgresError {
            return Self.blocked(Failure(error, doing: "opening the admin connection", settings: instance.settings))
        } catch let failure as Failure {
            return Self.blocked(failure)
        } catch {
            return Failure(.failed, "opening the admin connection: \(error)")
        }
    }

    /// The instance itself was reached: what keeps the administrator out blocks the migrations.
    static func blocked(_ failure: Failure) -> Failure {
        var failure = failure
        if failure.kind == .unreachable || failure.kind == .unprovisioned { failure.kind = .blocked }
        if !failure.message.contains("the admin connection") { failure.message = "the admin connection: \(failure.message)" }
        return failure
    }
}

extension InstanceChange {
    /// Opens the administrator's session before the first change.
    func openAdminSession() async throws(Failure) {
        do {
            _ = try await adminSession()
        } catch {
            throw AdminCheck.blocked(error)
        }
    }
}
