import Foundation

/// Measures the decisions about a run without a database, and simulates fleets that are too large for one machine. `Benchmarks/run` calls it.
@main
struct DecisionSimulation {
    static func main() throws {
        var words = CommandLine.arguments.dropFirst()
        var measure = DecisionMeasure()
        var fleet = FleetSimulation()
        var only: String?
        while let option = words.popFirst() {
            guard let value = words.popFirst() else { return fail("\(option) needs a value") }
            let number = Int(value) ?? 0
            switch option {
            case "--only": only = value
            case "--instances": (measure.instances, fleet.instances) = (max(1, number), max(1, number))
            case "--replicas": measure.replicas = max(1, number)
            case "--workers": fleet.workers = max(1, number)
            case "--slots": fleet.slots = max(1, number)
            case "--migrations": (measure.migrations, fleet.migrations) = (max(0, number), max(0, number))
            case "--work": fleet.work = max(0.001, Double(value) ?? 30)
            case "--decision": fleet.decision = max(0.0001, Double(value) ?? 0.002)
            case "--deaths": fleet.deathsPerHour = max(0, Double(value) ?? 60)
            default: return fail("there is no option \(option)")
            }
        }
        if only != "fleet" { try measure.run() }
        if only != "decide" { fleet.run() }
    }

    private static func fail(_ problem: String) {
        FileHandle.standardError.write(Data("decision-simulation: \(problem)\n".utf8))
        exit(64)
    }
}
