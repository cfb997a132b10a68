package import ConvoyRun
import ConvoyText

/// What is there of a tenant, and so what `convoy provision` does: a rule over facts alone.
package enum TenantStanding: Sendable, Hashable {
    /// Nothing: everything is made.
    case absent
    /// An earlier process was ended before it was done: the rest is made.
    case begun
    /// Everything: nothing is done.
    case complete
    /// Something that Convoy has not made, and does not touch.
    case refused(Failure)
}

extension Tenant {
    /// Judges what a server has, and whether the administrator may make what is missing.
    package func standing(_ facts: TenantFacts) -> TenantStanding {
        let standing = whatIsThere(facts)
        guard standing == .absent || standing == .begun, let refusal = adminRefusal(facts, isBegun: standing == .begun) else {
            return standing
        }
        return .refused(refusal)
    }

    private func whatIsThere(_ facts: TenantFacts) -> TenantStanding {
        if let reason = roleRefusal(facts) { return .refused(reason) }
        guard let database = facts.database else { return facts.role == nil || !hasOwnRole ? .absent : .begun }
        guard facts.role != nil, database.owner.isIdentical(to: role) else {
            return .refused(
                Failure(
                    .blocked,
                    "database “\(self.database)” exists and belongs to role “\(database.owner)”",
                    hint: "choose another name, or list the database in the fleet file"
                )
            )
        }
        if database.isUnfinished { return .begun }
        guard database.acceptsConnections, !database.isTemplate, database.connectionLimit != -2 else {
            return .refused(
                Failure(
                    .blocked,
                    "database “\(self.database)” exists and accepts no connections, or is a template",
                    hint: "find out who made it; Convoy does not change it"
                )
            )
        }
        if database.comment == begunMark { return .begun }
        if database.comment == doneMark || isListed { return .complete }
        return .refused(
            Failure(
                .blocked,
                "database “\(self.database)” exists, and `convoy provision` did not make it for this instance",
                hint: "choose another name, or list the database in the fleet file: `convoy migrate` then works on it"
            )
        )
    }

    /// What the administrator lacks, said before anything is made.
    private func adminRefusal(_ facts: TenantFacts, isBegun: Bool) -> Failure? {
        guard !facts.adminIsSuperuser else { return nil }
        // What Convoy has begun is not something that it leaves alone.
        let kind: Outcome = isBegun ? .failed : .blocked
        let admin = quotedIdentifier(facts.admin)
        if hasOwnRole, facts.role == nil, !facts.adminMayCreateRoles {
            return Failure(
                kind,
                "the admin role “\(facts.admin)” may not create roles",
                hint: "use a superuser as `admin`, or: ALTER ROLE \(admin) CREATEROLE"
            )
        }
        if facts.database == nil, !facts.adminMayCreateDatabases {
            return Failure(
                kind,
                "the admin role “\(facts.admin)” may not create databases",
                hint: "use a superuser as `admin`, or: ALTER ROLE \(admin) CREATEDB"
            )
        }
        if hasOwnRole, let found = facts.role, !found.isAdministered {
            return Failure(
                kind,
                "role “\(role)” exists, and the admin role “\(facts.admin)” may not act as it",
                hint: "use as `admin` the role that began to make it, or a superuser"
            )
        }
        guard hasOwnRole, !adminEnters, let version = facts.beyondOwner else { return nil }
        return Failure(
            kind,
            "migration \(version) needs more rights than “\(role)” would have, and “\(facts.admin)” is no superuser",
            hint: "use a superuser as `admin`; trust_owner: true lets another role work in the database, and trusts its owner with "
                + "all that this role may do"
        )
    }

    private func roleRefusal(_ facts: TenantFacts) -> Failure? {
        guard let found = facts.role else {
            guard !hasOwnRole else { return nil }
            return Failure(
                .blocked,
                "role “\(role)”, which is to own the database, does not exist",
                hint: "create it: Convoy creates only roles that `provision` names with `role`"
            )
        }
        guard found.mayLogIn else {
            return Failure(.blocked, "role “\(role)” may not log in", hint: "ALTER ROLE \(quotedIdentifier(role)) LOGIN")
        }
        guard hasOwnRole else {
            guard !facts.adminIsSuperuser, !found.mayBecome else { return nil }
            return Failure(
                .blocked,
                "the admin role “\(facts.admin)” may not create databases for role “\(role)”",
                hint: "GRANT \(quotedIdentifier(role)) TO \(quotedIdentifier(facts.admin))"
            )
        }
        // An instance that the fleet has keeps its role, also one that an administrator made.
        if facts.database.map({ $0.owner.isIdentical(to: role) && isListed && !isMarked($0) }) == true { return nil }
        let name = quotedIdentifier(role)
        let objection: (reason: String, advice: String)? =
            if !found.powers.isEmpty {
                (
                    "has \(found.powers.joined(separator: ", "))",
                    "; if the role is meant, take that from it: ALTER ROLE \(name) \(found.powers.map { "NO\($0)" }.joined(separator: " "))"
                )
            } else if found.otherDatabases > 0 {
                ("owns \(counted(found.otherDatabases, "other database"))", "")
            } else if found.memberships > 0 {
                (
                    "is a member of \(counted(found.memberships, "other role"))",
                    "; if the role is meant, remove it from the other roles with REVOKE"
                )
            } else if found.comment != roleMark {
                (
                    "was not made by `convoy provision` for this instance",
                    "; if the role is meant, and nothing else uses it: COMMENT ON ROLE \(name) IS \(quotedLiteral(roleMark))"
                )
            } else {
                nil
            }
        return objection.map { Failure(.blocked, "role “\(role)” exists and \($0.reason)", hint: "choose another name\($0.advice)") }
    }

    private func isMarked(_ database: TenantFacts.Database) -> Bool { database.isUnfinished || database.comment == begunMark }
}
