import ConvoyFleet
import ConvoyIO
import ConvoyInstance
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// What is there of new tenants, before anything is made.
extension FleetClient {
    /// Reads the fleet file and asks the server what it has; changes nothing.
    ///
    /// - Throws: `FleetError` if the fleet file does not allow it, and the fleet file's problems. What concerns one tenant is part of the plan.
    package func provisionPlan(_ request: ProvisionRequest) async throws -> ProvisionPlan {
        let (server, provisioning) = try provisioningServer(request.server)
        var plan = ProvisionPlan(request: request, server: server, provisioning: provisioning, items: [])
        plan.items = request.names.map { item($0, server, provisioning, labels: request.labels) }
        // The password is not needed to look, and its file may not be there yet.
        let entries = plan.items.compactMap(\.entry).map { entry in
            var entry = entry
            entry.password = nil
            return entry
        }
        let extended = try readFleet(adding: entries)
        for index in plan.items.indices {
            let probe = complete(&plan.items[index], plan, extended)
            plan.items[index].probe = probe
        }
        await judge(&plan)
        plan.entryProblem = entryProblem(of: plan)
        return plan
    }

    /// Asks the server what it has of the tenants that nothing stands against yet.
    func judge(_ plan: inout ProvisionPlan) async {
        let asked = plan.items.indices.filter { plan.items[$0].tenant != nil && plan.items[$0].problem == nil }
        guard let first = asked.first, let instance = plan.items[first].probe else { return }
        let maker = TenantMaker(runner, instance, maintenanceDatabase: plan.provisioning.maintenanceDatabase)
        do throws(Failure) {
            let facts = try await maker.facts(of: asked.compactMap { plan.items[$0].tenant }, to: plan.request.version)
            for (index, facts) in zip(asked, facts) {
                let standing = plan.items[index].tenant?.standing(facts)
                if case .refused(let failure)? = standing { plan.items[index].problem = failure }
                (plan.items[index].facts, plan.items[index].standing) = (facts, standing)
            }
        } catch {
            for index in asked { plan.items[index].problem = error.masked(secrets.wordMask) }
        }
    }

    /// Why the fleet file cannot be extended, as far as it shows before anything is made; nil if it can.
    private func entryProblem(of plan: ProvisionPlan) -> String? {
        let entries = plan.items.filter { $0.problem == nil }.compactMap(\.entry)
        guard !entries.isEmpty else { return nil }
        if let reason = LockedFile.obstacle(at: fleetFile) { return "cannot be extended: \(reason)" }
        do {
            let bytes = try readFile(fleetFile, limit: FleetFile.sizeLimit)
            let names = Set(try FleetFile.read(bytes, file: fleetFile, environment: environment).instances.map(\.name))
            _ = try FleetFileAddition.text(bytes, adding: entries.filter { !names.contains($0.name) }, file: fleetFile)
            return nil
        } catch let error as FleetFileAddition.Refusal {
            return error.reason
        } catch {
            // It could be read a moment ago; what is wrong now, the addition itself says.
            return nil
        }
    }

    /// The fleet file as it is now, and as if it had these entries too; one that another process has added meanwhile is not added again.
    func readFleet(adding entries: [InstanceEntry]) throws(Problems) -> Fleet {
        let contents: FileContents
        do throws(FileReadError) {
            contents = try readFileContents(fleetFile, limit: FleetFile.sizeLimit)
        } catch {
            throw Problems([Problem(file: fleetFile, error.description, hint: error.hint)])
        }
        let fleet = try FleetFile.read(contents.bytes, file: fleetFile, environment: environment)
        let names = Set(fleet.instances.map(\.name))
        let missing = entries.filter { !names.contains($0.name) }
        if missing.isEmpty { return fleet }
        return try FleetFile.read(contents.bytes, file: fleetFile, environment: environment, adding: missing)
    }

    /// The server that is named, or the only one that allows it.
    private func provisioningServer(_ name: String?) throws(FleetError) -> (Server, Provisioning) {
        let lines = "provision: {database: \"teslamate_{name}\", role: \"teslamate_{name}\"}"
        let allowed = fleet.servers.compactMap { server in server.provisioning.map { (server, $0) } }
        if let name {
            guard let server = fleet.servers.first(where: { $0.name == name }) else {
                throw FleetError(
                    .selection,
                    "--server: the fleet file has no server “\(name)”",
                    hint: nearestWord(to: name, among: fleet.servers.map(\.name)).map { "did you mean \($0)?" }
                )
            }
            guard let provisioning = server.provisioning else {
                throw FleetError(
                    .provisioning,
                    "\(fleetFile): server `\(name)` does not allow `convoy provision`",
                    hint: "add to the server: \(lines); it needs an `admin` connection too"
                )
            }
            return (server, provisioning)
        }
        guard let only = allowed.first else {
            throw FleetError(
                .provisioning,
                "\(fleetFile): no server allows `convoy provision`",
                hint: "add to a server under `servers`: \(lines); it needs an `admin` connection too"
            )
        }
        guard allowed.count == 1 else {
            throw FleetError(
                .selection,
                "several servers allow `convoy provision`: \(allowed.map(\.0.name).joined(separator: ", "))",
                hint: "name one with --server"
            )
        }
        return only
    }

    /// What a name stands for, by the fleet file alone.
    private func item(_ name: String, _ server: Server, _ provisioning: Provisioning, labels: [String: String]) -> ProvisionPlan.Item {
        let database = Provisioning.filled(provisioning.database, name: name)
        let role = provisioning.role.map { Provisioning.filled($0, name: name) }
        var item = ProvisionPlan.Item(name: name, instance: name, database: database, role: role ?? "", entryState: .due)
        if let complaint = Provisioning.complaint(instance: name) {
            item.problem = Failure(.blocked, "“\(name)” \(complaint)")
        } else if let complaint = Provisioning.complaint(database, isRole: false) {
            item.problem = Failure(.blocked, "the name of the database, “\(database)”, \(complaint)", hint: "choose another name")
        } else if let role, let complaint = Provisioning.complaint(role, isRole: true) {
            item.problem = Failure(.blocked, "the name of the role, “\(role)”, \(complaint)", hint: "choose another name")
        } else if let listed = fleet.instances.first(where: { $0.name == name }) {
            item.entryState = .listed
            if let reason = listed.skip { item.problem = Failure(.blocked, "the fleet file skips the instance: \(reason)") }
        } else if let other = fleet.instances.first(where: { $0.server == server.name && $0.database.isIdentical(to: database) }) {
            item.problem = Failure(.blocked, "the fleet file lists database “\(database)” as instance “\(other.name)”")
        } else if discovery(of: database, on: server) != nil {
            item.entryState = .discovered
            if !labels.isEmpty {
                item.problem = Failure(
                    .blocked,
                    "`discover` finds the database, so that no entry can have labels",
                    hint: "omit --label, or exclude the database with `exclude`"
                )
            }
        } else {
            item.entry = InstanceEntry(
                name: name,
                server: server.name,
                database: database,
                user: role,
                password: role.map { _ in Provisioning.filled(provisioning.password, name: name) },
                labels: labels
            )
            if role != nil, let path = provisioning.passwordFile {
                let written = Provisioning.filled(provisioning.password, name: name)
                item.passwordFile = (String(written.dropFirst("${file:".count).dropLast()), Provisioning.filled(path, name: name))
            }
        }
        return item
    }

    private func discovery(of database: String, on server: Server) -> Discovery? {
        fleet.discoveries.first { discovery in
            discovery.server == server.name && discovery.databases.matches(database) && !discovery.exclude.contains { $0.matches(database) }
        }
    }

    /// Fills in what the instance says that the fleet has, or will have.
    ///
    /// - Returns: that instance.
    private func complete(_ item: inout ProvisionPlan.Item, _ plan: ProvisionPlan, _ fleet: Fleet) -> Instance? {
        guard item.problem == nil else { return nil }
        guard let instance = instance(of: item, plan, in: fleet) else {
            item.problem = Failure(.blocked, "the fleet cannot have an instance of this database", hint: "choose another name")
            return nil
        }
        item.instance = instance.name
        let login = instance.direct ?? instance.connection
        let loginRole = instance.loginRole
        if plan.provisioning.role == nil { item.role = loginRole }
        if let database = login["dbname"], !database.isIdentical(to: item.database) {
            item.problem = Failure(
                .blocked,
                "instance “\(instance.name)” of the fleet is database “\(database)”, not “\(item.database)”",
                hint: "choose another name, or correct its `database` in the fleet file"
            )
        } else if loginRole.isEmpty {
            item.problem = Failure(
                .blocked,
                "the fleet file does not say which role owns the database",
                hint: "give the server a `user`, or `provision` a `role`"
            )
        } else if !loginRole.isIdentical(to: item.role) {
            let why = item.entryState == .discovered ? "as `discover` finds it" : "in the fleet file"
            item.problem = Failure(
                .blocked,
                "instance “\(instance.name)”, \(why), logs in as “\(loginRole)”, not as “\(item.role)”",
                hint: item.entryState == .discovered
                    ? "exclude the database from `discover`, or remove `role` from `provision`" : "correct its `user` in the fleet file"
            )
        } else {
            item.tenant = Tenant(
                name: item.name,
                fleet: fleet.name,
                database: item.database,
                role: item.role,
                hasOwnRole: plan.provisioning.role != nil,
                isListed: item.entryState != .due,
                adminEnters: instance.settings.trustsOwner,
                locale: plan.provisioning.locale,
                connectionLimit: plan.provisioning.connectionLimit
            )
        }
        return instance
    }

    /// The instance that a fleet has of a tenant.
    func instance(of item: ProvisionPlan.Item, _ plan: ProvisionPlan, in fleet: Fleet) -> Instance? {
        if item.entryState == .discovered {
            return discovery(of: item.database, on: plan.server)?.sorted([item.database]).instances.first
        }
        return fleet.instances.first { $0.name == item.name }
    }
}
