import ConvoyIO
import ConvoyPostgres
import ConvoyText

/// What is known of an instance so far: the defaults first, then its server's keys over them, then its own.
struct InstanceDraft {
    /// libpq's keywords and their values.
    var parameters = ConnectionParameters()
    var labels: [String: String] = [:]
    var secrets = StepSecrets()
    /// What the `admin` connection has of its own; nil if the file does not describe one.
    var admin: ConnectionParameters?
    /// What the `direct` connection has of its own; nil if the file does not describe one.
    var direct: ConnectionParameters?
    var settings = InstanceSettings()
    /// False if some of it could not be read, so that the database is unknown.
    var isComplete = true

    /// The way past a pooler: the instance's parameters with its own, but never the pooler's port with another host.
    var directConnection: ConnectionParameters? {
        guard let direct else { return nil }
        var inherited = parameters
        if ["host", "hostaddr", "service"].contains(where: { direct[$0] != nil }) {
            for keyword in ["host", "hostaddr", "port"] { inherited[keyword] = nil }
        }
        return inherited.overridden(by: direct)
    }

    /// The same database and TLS as all other work there, with a login of its own.
    var adminConnection: ConnectionParameters? {
        guard let admin else { return nil }
        var inherited = directConnection ?? parameters
        inherited["user"] = nil
        inherited["password"] = nil
        if admin["host"] != nil { inherited["hostaddr"] = nil }
        return inherited.overridden(by: admin)
    }

    /// Puts one level's parameters over what is there. A host replaces the address of another one, a password file a password.
    static func merge(_ parameters: ConnectionParameters, over base: inout ConnectionParameters) {
        if parameters["host"] != nil { base["hostaddr"] = nil }
        if parameters["passfile"] != nil { base["password"] = nil }
        base = base.overridden(by: parameters)
    }
}

/// What `secrets` gives: a name has one of the two.
struct StepSecrets {
    var known: [String: Secret] = [:]
    var late: [String: LateSecret] = [:]

    /// Puts what another level says over it.
    mutating func merge(_ other: StepSecrets) {
        for name in other.known.keys { late[name] = nil }
        for name in other.late.keys { known[name] = nil }
        known.merge(other.known) { $1 }
        late.merge(other.late) { $1 }
    }
}

/// Where a database is, as far as a connection's parameters say without asking a server.
package struct DatabaseTarget: Hashable {
    var host: String
    var port: String
    /// PostgreSQL compares the names of databases by their bytes.
    var database: ExactText

    /// Nil if a service file decides.
    init?(_ parameters: ConnectionParameters) {
        guard parameters["service"] == nil else { return nil }
        host = parameters["hostaddr"] ?? parameters["host"] ?? ""
        port = parameters["port"].flatMap { $0.isEmpty ? nil : $0 } ?? "5432"
        database = ExactText(parameters["dbname"] ?? parameters["user"] ?? "")
    }

    /// The same for different spellings of what is most likely one host.
    package var normalised: DatabaseTarget {
        var target = self
        if !host.hasPrefix("/") {
            target.host = host.lowercased()
            while target.host.hasSuffix(".") { target.host.removeLast() }
        }
        if ["127.0.0.1", "::1", ""].contains(target.host) { target.host = "localhost" }
        return target
    }
}

extension Instance {
    /// Every way in which it is reached.
    var connections: [ConnectionParameters] { [connection, direct, admin].compactMap(\.self) }

    /// Where all work on the instance goes.
    package var target: DatabaseTarget? { DatabaseTarget(direct ?? connection) }
}
