import ConvoyFleet
import ConvoyText

/// A role and a database for one instance, as `convoy provision` makes them.
package struct Tenant: Sendable, Hashable {
    /// The name that the operator gave.
    package var name: String
    /// The fleet's name.
    package var fleet: String
    /// The name of the database.
    package var database: String
    /// The role that owns it.
    package var role: String
    /// Whether the role is made for this database alone; if not, it is there already.
    package var hasOwnRole: Bool
    /// Whether the fleet file has the instance already.
    package var isListed: Bool
    /// Whether an administrator who is no superuser may work in the database: `trust_owner`. He then keeps the right to connect.
    package var adminEnters: Bool
    /// The locale of the database; nil: the server's.
    package var locale: String?
    /// The most sessions of the database; nil: any number.
    package var connectionLimit: Int?

    package init(
        name: String,
        fleet: String,
        database: String,
        role: String,
        hasOwnRole: Bool,
        isListed: Bool = false,
        adminEnters: Bool = false,
        locale: String? = nil,
        connectionLimit: Int? = nil
    ) {
        (self.name, self.fleet, self.database, self.role) = (name, fleet, database, role)
        (self.hasOwnRole, self.isListed, self.adminEnters) = (hasOwnRole, isListed, adminEnters)
        (self.locale, self.connectionLimit) = (locale, connectionLimit)
    }

    // A kill may leave any part of the work done. Comments on roles and databases say what Convoy has made; they are written in the same transaction
    // as what they speak of. CREATE DATABASE takes neither a transaction nor a comment, so a new database says it with two settings that a person
    // would not choose together: it accepts no connections, and allows this number of them.

    /// The letters “conv”, as a number.
    static let unfinishedLimit = 0x636F_6E76

    /// The comment on the role.
    var roleMark: String { "convoy: role of \(owner)" }
    /// The comment on a database that is not completely migrated yet.
    var begunMark: String { "convoy: provisioning \(owner)" }
    /// The comment on a database that is complete.
    var doneMark: String { "convoy: database of \(owner)" }

    private var owner: String { "instance \(name) of fleet \(fleet)" }

    /// The second number of the advisory lock that keeps two processes from making the same database; the first is ``unfinishedLimit``.
    var lockNumber: Int32 { Int32(truncatingIfNeeded: stableHash(database)) }
}
