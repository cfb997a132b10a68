package import ConvoyFleet
package import ConvoyRun
import ConvoyText

extension RunTargets {
    /// What the fleet file says of the instances of a plan, those included that were discovered when the plan was made.
    ///
    /// No server is asked: the plan says which databases there are, and the file how they are reached. So every process that has the same file gets the
    /// same instances, whichever servers it can reach. An instance that the file does not describe is missing.
    package init(of plan: RunPlan, in fleet: Fleet) {
        let planned = Dictionary(plan.instances.map { ($0.name, $0) }) { first, _ in first }
        var instances = fleet.instances.filter { planned[$0.name] != nil }
        var known = Set(instances.map(\.name))
        let discovered = planned.values.filter { !known.contains($0.name) }
        let databases = Dictionary(grouping: discovered, by: \.server).mapValues { $0.map(\.database) }
        for discovery in fleet.discoveries {
            for instance in discovery.instances(among: databases[discovery.server] ?? []) {
                // Another database of the server may get the name of one that this entry does not find.
                guard let wanted = planned[instance.name], wanted.server == instance.server,
                    ExactText(wanted.database) == ExactText(instance.database), known.insert(instance.name).inserted
                else { continue }
                instances.append(instance)
            }
        }
        self.init(instances, of: fleet)
    }
}
