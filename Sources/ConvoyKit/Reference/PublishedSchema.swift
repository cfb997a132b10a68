package import ConvoyFleet
internal import ConvoyText
internal import Foundation

/// A JSON Schema that ships with the program: one for each document that it writes, and one for the fleet file. The files are those of `docs/schemas`.
package struct PublishedSchema: Sendable {
    /// The word that a person asks for: `report`, `fleet`.
    package let name: String
    /// The schema as the file has it.
    package let bytes: [UInt8]

    /// The name of its file, which has the version of the document in it.
    package var fileName: String { "\(name)-1.json" }

    /// What the document is called: `convoy.report/1`.
    package var title: String { head.title }

    /// What the document is, in its first sentence and without the full stop.
    package var summary: String {
        let sentence = head.description.components(separatedBy: ". ")[0]
        return sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
    }

    private struct Head: Decodable {
        var title = ""
        var description = ""
    }

    private var head: Head { (try? JSONDecoder().decode(Head.self, from: Data(bytes))) ?? Head() }
}

extension PublishedSchema {
    /// The schema of the fleet file.
    package static let fleet = PublishedSchema(name: "fleet", bytes: PackageResources.fleet_1_json)

    /// All of them: the fleet file first, then the documents in the order of their names.
    package static let all = [
        fleet,
        PublishedSchema(name: "comparison", bytes: PackageResources.comparison_1_json),
        PublishedSchema(name: "drift", bytes: PackageResources.drift_1_json),
        PublishedSchema(name: "durations", bytes: PackageResources.durations_1_json),
        PublishedSchema(name: "groups", bytes: PackageResources.groups_1_json),
        PublishedSchema(name: "history", bytes: PackageResources.history_1_json),
        PublishedSchema(name: "instance", bytes: PackageResources.instance_1_json),
        PublishedSchema(name: "ndjson", bytes: PackageResources.ndjson_1_json),
        PublishedSchema(name: "notification", bytes: PackageResources.notification_1_json),
        PublishedSchema(name: "plan", bytes: PackageResources.plan_1_json),
        PublishedSchema(name: "progress", bytes: PackageResources.progress_1_json),
        PublishedSchema(name: "provision", bytes: PackageResources.provision_1_json),
        PublishedSchema(name: "prune", bytes: PackageResources.prune_1_json),
        PublishedSchema(name: "report", bytes: PackageResources.report_1_json),
        PublishedSchema(name: "run", bytes: PackageResources.run_1_json),
        PublishedSchema(name: "runs", bytes: PackageResources.runs_1_json),
        PublishedSchema(name: "status", bytes: PackageResources.status_1_json),
    ]

    /// The schema that a word names: `report`, `report-1`, `report-1.json` or `convoy.report/1`.
    package static func named(_ word: String) -> PublishedSchema? {
        all.first { [$0.name, "\($0.name)-1", $0.fileName, $0.title].contains(word) }
    }

    /// The name that a person most likely meant.
    package static func nearest(to word: String) -> String? { nearestWord(to: word, among: all.map(\.name)) }
}

extension FleetFileKey {
    /// Every key of the fleet file, in the order of its schema.
    package static let all = all(inSchema: PublishedSchema.fleet.bytes)
}
