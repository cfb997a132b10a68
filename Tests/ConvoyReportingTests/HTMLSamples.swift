import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

@testable import ConvoyReporting

/// Names that would do harm in a page that trusted them.
let markupTexts = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"quoted\" 'twice' & more",
    "\"\u{301} onmouseover=alert(1) x=\"",
    "{{policy}}",
    "moc.\u{202E}elpmaxe\u{202C}.example",
    "אליס-דוד",
    "two\nlines",
]

/// The run of ``troubledRun`` with where its instances are.
let troubledReport: FleetReport = {
    var report = report(troubledRun)
    for status in statuses { report.apply(status, at: moment(-60)) }
    return report
}()

/// A halted run in which every name and text is hostile.
let markupReport: FleetReport = {
    var events = [
        Event(
            at: moment(),
            .runStarted(run: "<b>r-1</b>", fleet: "<i>fleet</i>", waves: [PlannedWave(name: "<u>one</u>", instances: markupTexts)])
        ),
        Event(at: moment(), .waveStarted(wave: "<u>one</u>")),
    ]
    for (index, name) in markupTexts.enumerated() {
        events.append(Event(at: moment(Double(index)), .instanceStarted(instance: name, wave: "<u>one</u>")))
        let failure = Failure(
            .failed,
            "invalid \(name)",
            version: newest,
            file: "\(name).sql",
            line: 1,
            statement: "SELECT '\(name)'",
            sqlstate: "22P02",
            detail: name,
            hint: name,
            lockedBy: LockHolder(pid: 1, application: name, address: name, since: nil)
        )
        let result = InstanceResult(outcome: .failed, from: older, to: older, failure: failure)
        events.append(Event(at: moment(Double(index) + 0.5), .instanceFinished(instance: name, result: result)))
    }
    events.append(Event(at: moment(20), .halted(.nothingReached(wave: "<u>one</u>"))))
    var report = report(events)
    for name in markupTexts {
        report.apply(
            InstanceStatus(
                name: name,
                server: name,
                database: name,
                labels: [name: name],
                outcome: .pending,
                version: older,
                serverVersion: name
            ),
            at: moment(-60)
        )
    }
    return report
}()

/// A run over many instances: a canary, a wave of a tenth, and the rest, five migrations each, some failures of a few kinds. Without chance, so that
/// it is the same each time.
func largeReport(instances count: Int) -> FleetReport {
    let names = (0..<count).map { "tenant-\(String(repeating: "0", count: 5 - String($0).count))\($0)" }
    let versions = (0..<5).map { MigrationVersion(20_260_808_090_000 + Int64($0)) }
    let waves = [
        PlannedWave(name: "canary", instances: Array(names[..<10])), PlannedWave(name: "early", instances: Array(names[10..<(count / 10)])),
        PlannedWave(name: "rest", instances: Array(names[(count / 10)...])),
    ]
    var report = FleetReport()
    report.apply(Event(at: moment(), .runStarted(run: "20260808-090000-large", fleet: "teslamate-eu", waves: waves)))
    var begin = 0.0
    for wave in waves {
        report.apply(Event(at: moment(begin), .waveStarted(wave: wave.name)))
        var end = begin
        for (index, name) in wave.instances.enumerated() {
            let start = begin + Double(index / 32) * 0.9 + Double(index % 32) * 0.02
            let wobble = Double((index &* 7919) % 100) / 100
            report.apply(Event(at: moment(start), .instanceStarted(instance: name, wave: wave.name)))
            report.apply(Event(at: moment(start + 0.05), .instancePlanned(instance: name, from: older, pending: versions)))
            let failure = index % 97 == 5 ? overflow : index % 211 == 7 ? busy : nil
            let applied = versions.prefix(failure == nil ? 5 : 2).enumerated().map { place, version in
                AppliedMigration(version: version, direction: .up, duration: .milliseconds(Int64(5 + wobble * 90 * Double(place + 1))))
            }
            let result = InstanceResult(
                outcome: failure?.kind ?? .migrated,
                from: older,
                to: applied.last?.version ?? older,
                applied: applied,
                failure: failure
            )
            end = max(end, start + 0.3 + wobble)
            report.apply(Event(at: moment(start + 0.3 + wobble), .instanceFinished(instance: name, result: result)))
        }
        report.apply(Event(at: moment(end), .waveFinished(wave: wave.name)))
        begin = end + 20
    }
    report.apply(Event(at: moment(begin - 20), .runFinished(status: .failed)))
    for (index, name) in names.enumerated() {
        report.apply(
            InstanceStatus(
                name: name,
                server: "eu-\(index % 40 + 1)",
                database: "teslamate_\(name)",
                labels: ["region": index % 3 == 0 ? "eu" : "us", "ring": index < 10 ? "canary" : "stable"],
                outcome: .pending,
                version: older,
                pending: versions,
                serverVersion: index % 2 == 0 ? "17.2" : "18.1",
                lastMigratedAt: moment(-86_400 * Double(index % 30 + 1))
            ),
            at: moment(-60)
        )
    }
    return report
}

let migrationNames: [MigrationVersion: String] = [newest: "narrow_charges", older: "add_cars"]
