import ConvoyFleet
import ConvoyRun
import ConvoyText

/// Which login may work on an instance: a rule over facts of the catalogue alone, decided before anything of the tenant's is read.
///
/// Whatever belongs to a tenant can hold code: triggers, views, functions, policies. Code that a session meets has all that its login has, for
/// `SET ROLE` can be undone. So a session works with a tenant's objects only where its login has no more than their owner.
struct LoginRights: Sendable, Hashable {
    /// The role that logged in.
    var login: RoleReach
    /// The role that owns the ledger; without a ledger, the role that would own a new one.
    var owner: RoleReach
    var databaseOwner: RoleReach
    /// Whether the login is the ledger's owner, or may act as it.
    var mayActAsOwner: Bool

    /// What a login may do with an instance.
    enum Verdict: Sendable, Hashable {
        /// Its code and the tenant's are equal: everything.
        case works
        /// It is not a member of the owner: it may read the ledger, in a way that runs none of the tenant's code, and nothing else.
        case reads
        /// It could become more than the tenant.
        case refused(over: String, [RoleReach.Surplus])
    }

    var verdict: Verdict {
        let surplus = login.surplus(over: owner)
        guard mayActAsOwner || login.superuser != nil else { return .reads }
        if !surplus.isEmpty { return .refused(over: owner.name, surplus) }
        // The owner of the database can put other objects beside the ledger, or in its place.
        guard !databaseOwner.rules(over: login) else { return .works }
        let beyond = login.surplus(over: databaseOwner).filter { surplus in
            if case .superuser = surplus { return true }
            // What a member has, the owner of the tables has too: that is between the two owners.
            return login.name.isIdentical(to: owner.name)
        }
        return beyond.isEmpty ? .works : .refused(over: databaseOwner.name, beyond)
    }

    /// What the fleet file accepts.
    func verdict(_ settings: InstanceSettings) -> Verdict {
        let verdict = verdict
        guard case .refused = verdict else { return verdict }
        if settings.trustsOwner { return .works }
        // A superuser has no other surplus.
        if settings.allowsForeignSuperuser, login.role.attributes.contains(.superuser) { return .works }
        return verdict
    }

    /// Why an `admin` login is refused; nil if it is not.
    func adminFailure(_ settings: InstanceSettings) -> Failure? {
        guard !login.role.attributes.contains(.superuser), case .refused(let tenant, let surplus) = verdict(settings) else { return nil }
        var failure = failure(over: tenant, surplus)
        failure.hint =
            "use a superuser or a role with no more rights than \(tenant) as admin; trust_owner: true allows this, and trusts the owner of "
            + "the database and every role that may create objects in it with all that \(login.name) may do"
        return failure
    }

    /// The words for a refusal.
    func failure(over tenant: String, _ surplus: [RoleReach.Surplus]) -> Failure {
        let what = tenant == owner.name && owner.name != databaseOwner.name ? "the ledger" : "the database"
        var reasons: [String] = []
        for surplus in surplus {
            switch surplus {
            case .superuser where login.role.attributes.contains(.superuser):
                return Failure(
                    .blocked,
                    "\(login.name) is a superuser, but \(tenant) owns \(what): code of that role would run with a superuser's rights",
                    sqlstate: "42501",
                    hint:
                        "log in as \(tenant); allow_superuser: true allows this, and trusts the owner of the database and every role that may create "
                        + "objects in it with a superuser's rights"
                )
            case .superuser(let name): reasons.append("can become the superuser \(name)")
            case .attributes(let attributes): reasons.append("has \(attributes.map(\.rawValue).sorted().joined(separator: ", "))")
            case .roles(let roles):
                let more = roles.count > 3 ? " and \(roles.count - 3) more roles" : ""
                reasons.append("can become \(roles.prefix(3).joined(separator: ", "))\(more)")
            case .holdings: reasons.append("owns objects in other databases, or has rights on what all databases share")
            }
        }
        return Failure(
            .blocked,
            "\(login.name) may do more than \(tenant), which owns \(what): it \(reasons.joined(separator: ", and it ")); "
                + "code of \(tenant) would run with these rights",
            sqlstate: "42501",
            hint:
                "log in as \(tenant), or as a role that is a member of \(tenant) only; trust_owner: true allows this, and trusts the owner of the "
                + "database and every role that may create objects in it with all that \(login.name) may do"
        )
    }
}
