import ConvoyInstance
import ConvoyMigrations
import ConvoyRun

/// One tenant that is to be made, and where it stands in the plan.
struct TenantWork: Sendable {
    var index: Int
    var tenant: Tenant
    var maker: TenantMaker
}

/// Makes tenants, a number of them at a time. An error of one does not stop the others.
struct TenantQueue: Sendable {
    let work: [TenantWork]
    let width: Int
    let version: MigrationVersion?
    let run: String

    private enum Step: Sendable {
        case made(Int, TenantMaker.Result)
        case stopRequested
        /// No further request can come.
        case listenerEnded
    }

    /// - Returns: the results by the tenants' places in the plan; one that was not begun is interrupted.
    func results(stopRequests: AsyncStream<Void>, onProgress: @Sendable (Int) -> Void) async -> [(Int, TenantMaker.Result)] {
        await withTaskGroup(of: Step.self) { group in
            var results: [(Int, TenantMaker.Result)] = []
            var (next, running, stops) = (0, 0, 0)
            func listen() {
                group.addTask {
                    for await _ in stopRequests { return .stopRequested }
                    return .listenerEnded
                }
            }
            listen()
            while true {
                while stops == 0, running < width, next < work.count {
                    let item = work[next]
                    group.addTask { .made(item.index, await item.maker.make(item.tenant, to: version, run: run)) }
                    (next, running) = (next + 1, running + 1)
                }
                guard running > 0, let step = await group.next() else { break }
                switch step {
                case .made(let index, let result):
                    running -= 1
                    results.append((index, result))
                    onProgress(results.count)
                case .stopRequested:
                    stops += 1
                    if stops > 1 { group.cancelAll() } else { listen() }
                case .listenerEnded: break
                }
            }
            group.cancelAll()
            for item in work[next...] {
                let failure = Failure(.interrupted, "stopped before this tenant was begun", hint: "run the command again")
                results.append((item.index, TenantMaker.Result(standing: .absent, failure: failure)))
            }
            return results
        }
    }
}
