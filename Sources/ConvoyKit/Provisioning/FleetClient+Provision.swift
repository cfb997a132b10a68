import ConvoyFleet
import ConvoyIO
import ConvoyInstance
package import ConvoyReporting
import ConvoyRollout
import ConvoyRun
package import ConvoyText
import FoundationEssentials

/// New tenants: role, database, migrations and the entry of the fleet file.
extension FleetClient {
    /// Makes what a plan names, several tenants at a time within the server's connection limits.
    ///
    /// - Parameters:
    ///   - stopRequests: the first request starts no further tenant; the second cancels those in progress. What is left is made by the same command.
    ///   - onProgress: called after each tenant with the number of those that ended.
    /// - Throws: the fleet file's problems with the new entries. What goes wrong with one tenant is part of the report.
    package func provision(
        _ plan: ProvisionPlan,
        stopRequests: AsyncStream<Void> = AsyncStream { $0.finish() },
        onProgress: @Sendable (_ finished: Int) -> Void = { _ in }
    ) async throws(Problems) -> ProvisionReport {
        var plan = plan
        // Meanwhile an operator has read it: no password is made for what is refused now.
        await judge(&plan)
        for index in plan.items.indices where plan.items[index].problem == nil {
            plan.items[index].problem = await passwordProblem(of: plan.items[index])
        }
        let full = try readFleet(adding: plan.items.filter { $0.problem == nil }.compactMap(\.entry))
        let runner = runner.hiding(KnownSecrets(full, environment: environment))
        var work: [TenantWork] = []
        // The administrator's session beside what a migration holds at most.
        var connections = 1
        for (index, item) in plan.items.enumerated() where item.problem == nil {
            guard let tenant = item.tenant, let instance = instance(of: item, plan, in: full) else { continue }
            let maker = TenantMaker(runner, instance, maintenanceDatabase: plan.provisioning.maintenanceDatabase)
            connections = max(connections, runner.connections(for: instance) + 1)
            work.append(TenantWork(index: index, tenant: tenant, maker: maker))
        }
        let run = RunID(startedAt: Date()).description
        let limit = min(fleet.limits.total, plan.server.maxConnections ?? fleet.limits.perServer)
        let results = await TenantQueue(work: work, width: max(1, limit / connections), version: plan.request.version, run: run).results(
            stopRequests: stopRequests,
            onProgress: onProgress
        )
        var report = plan.report(fleet: fleet, fleetFile: fleetFile, isDryRun: false)
        for (index, result) in results { report.tenants[index].take(result) }
        await addEntries(of: plan, to: &report)
        // Complete before, and another process has added the entry.
        for (index, result) in results
        where result.standing == .complete && report.tenants[index].entryState == .listed && report.tenants[index].outcome == .completed {
            report.tenants[index].outcome = .present
        }
        return report
    }

    /// Makes the file of a new role's password.
    ///
    /// - Returns: why the tenant cannot be made; nil if it can.
    private func passwordProblem(of item: ProvisionPlan.Item) async -> Failure? {
        guard let (written, path) = item.passwordFile else { return nil }
        let isMade = item.standing == .complete
        // What Convoy has made or begun is not something that it leaves alone.
        let kind: Outcome = item.standing == .absent ? .blocked : .failed
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let outcome = await runBlocking(until: .now + .seconds(60), cancellation: .ignored) { () -> Result<Void, Failure> in
            Result { () throws(Failure) in
                do {
                    let bytes = try readFile(path, limit: 64 << 10)
                    guard bytes.contains(where: { $0 > 0x20 }) else {
                        throw Failure(
                            kind,
                            "the password's file “\(written)” is empty",
                            hint: "remove the file: Convoy makes a new one"
                        )
                    }
                } catch let error as FileReadError where error.cause == .missing {
                    guard !isMade else {
                        throw Failure(
                            kind,
                            "the database is complete, and the password's file “\(written)” is missing",
                            hint: "restore the file, or set a new password with ALTER ROLE and write it into the file"
                        )
                    }
                    guard folder.isEmpty || makeFolder(folder) else {
                        throw Failure(.failed, "the folder “\(folder)” for passwords cannot be made", hint: "make it with mode 700")
                    }
                    do throws(FileWriteError) {
                        // Another process may have been faster: then its password holds.
                        _ = try createSecretFile(path, Array("\(Secret.generated().reveal())\n".utf8))
                    } catch {
                        throw Failure(.failed, "the password's file “\(written)” cannot be made: \(error.reason)")
                    }
                } catch let error as FileReadError {
                    throw Failure(.failed, "the password's file “\(written)” \(error.reason)", hint: error.hint)
                } catch let failure as Failure {
                    throw failure
                } catch {
                    throw Failure(.failed, "the password's file “\(written)”: \(error)")
                }
            }
        }
        switch outcome {
        case .success?: return nil
        case .failure(let failure)?: return failure
        case nil: return Failure(.failed, "the disk of the password's file “\(written)” does not answer")
        }
    }

    // MARK: The fleet file

    /// Adds the entries of the tenants that are complete.
    private func addEntries(of plan: ProvisionPlan, to report: inout ProvisionReport) async {
        let done = plan.items.indices.filter { report.tenants[$0].outcome.isGood && plan.items[$0].entry != nil }
        guard !done.isEmpty else { return }
        let entries = done.compactMap { plan.items[$0].entry }
        do throws(FleetFileAddition.Refusal) {
            let added = try await add(entries)
            for index in done {
                let isAdded = plan.items[index].entry.map { added.contains($0.name) } == true
                report.tenants[index].entryState = isAdded ? .written : .listed
            }
        } catch {
            report.entryProblem = error.reason
            for index in done { report.tenants[index].entryState = .manual }
        }
    }

    /// - Returns: the names of those that this command has added.
    private func add(_ entries: [InstanceEntry]) async throws(FleetFileAddition.Refusal) -> Set<String> {
        func refusal(_ reason: String) -> FleetFileAddition.Refusal { FleetFileAddition.Refusal(reason: "cannot be extended: \(reason)") }
        let (path, environment) = (fleetFile, environment)
        do {
            let file = try await LockedFile.lock(path, within: .seconds(30))
            let bytes = try file.contents(limit: FleetFile.sizeLimit)
            // Another process may have added one of them meanwhile.
            let names = Set(try FleetFile.read(bytes, file: path, environment: environment).instances.map(\.name))
            let missing = entries.filter { !names.contains($0.name) }
            guard !missing.isEmpty else { return [] }
            let text = try FleetFileAddition.text(bytes, adding: missing, file: path)
            let read = try FleetFile.read(text, file: path, environment: environment)
            guard Set(read.instances.map(\.name)).isSuperset(of: missing.map(\.name)) else { throw refusal("it would lack the instances") }
            let outcome = await runBlocking(until: .now + .seconds(60), cancellation: .ignored) { () -> Result<Void, FileWriteError> in
                Result { () throws(FileWriteError) in try file.replace(with: text) }
            }
            guard let outcome else { throw refusal("the disk does not answer") }
            try outcome.get()
            return Set(missing.map(\.name))
        } catch let error as FleetFileAddition.Refusal {
            throw error
        } catch let error as FileWriteError {
            throw refusal(error.reason)
        } catch let error as FileReadError {
            throw refusal("it \(error.reason)")
        } catch is Problems {
            throw refusal("it has errors now; `convoy validate` shows them")
        } catch {
            throw refusal("\(error)")
        }
    }
}

extension ProvisionReport.Tenant {
    /// What became of it.
    fileprivate mutating func take(_ result: TenantMaker.Result) {
        (version, creating, duration) = (result.version, result.creating, result.duration)
        if let failure = result.failure {
            self.failure = failure
            outcome = ProvisionReport.Outcome(failure)
            return
        }
        outcome =
            switch result.standing {
            case .absent: .created
            case .complete where entryState == .due: .completed
            case .complete: .present
            case .begun, .refused: .completed
            }
    }
}
