import ConvoyFleet
import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension ReportPage {
    /// How many instances are on which version.
    struct VersionSection {
        struct Row {
            var version: String
            var release: String
            var note: String
            var count: String
            var share: String
            var fill: String
            var width: Int
        }

        var hasReleases: Bool
        var rows: [Row]

        init?(_ summary: FleetSummary, target: MigrationVersion?, names: [MigrationVersion: String]) {
            guard summary.instances > 0 else { return nil }
            hasReleases = !summary.releases.isEmpty
            let most = summary.versionRows.map(\.count).max() ?? 0
            rows = summary.versionRows.map { row in
                Row(
                    version: row.name,
                    release: row.release ?? "",
                    note: row.version.flatMap { names[$0] }?.visible ?? "",
                    count: row.count.grouped,
                    share: percentText(row.count, of: summary.instances),
                    fill: row.version.map { $0 == target ? "fill-good" : "fill" } ?? "fill-notable",
                    width: max(2, row.count * 1000 / max(1, most))
                )
            }
        }
    }

    /// The failures, the most frequent first.
    struct FailureSection {
        struct Group {
            var number: Int
            var kind: String
            var heading: String
            var message: String
            var statement: String?
            var details: [Fact]
        }

        var text: String
        var groups: [Group]

        /// More would not be read; the table has every instance's message.
        private static let groupLimit = 50
        private static let nameLimit = 20

        init?(_ groups: [FailureGroup], names: [MigrationVersion: String]) {
            guard !groups.isEmpty else { return nil }
            let instances = groups.reduce(0) { $0 + $1.instances.count }
            let left = groups.count - Self.groupLimit
            text =
                "\(counted(instances, "instance")) not well, for \(counted(groups.count, "reason"))"
                + (left > 0 ? "; the \(left.grouped) least frequent are only in the table of instances." : ".")
            self.groups = groups.prefix(Self.groupLimit).enumerated().map { index, group in
                let failure = group.failure
                let details: [(String, String?)] = [
                    ("Place", failure.place),
                    (
                        "Migration",
                        failure.version.map { version in [version.description, names[version]].compactMap(\.self).joined(separator: " ") }
                    ),
                    ("SQLSTATE", failure.sqlstate),
                    ("Detail", failure.detail),
                    ("Locked by", group.holderTexts.isEmpty ? nil : group.holderTexts.joined(separator: "; ")),
                    ("The server's hint", failure.serverHint),
                    ("What to do", failure.hint),
                    ("First seen", group.firstSeen?.human),
                    ("Waves", group.waves.isEmpty ? nil : listed(group.waves)),
                    ("Instances", listed(group.instances, limit: Self.nameLimit)),
                    ("Fingerprint", group.fingerprint),
                ]
                return Group(
                    number: index + 1,
                    kind: failure.kind.rawValue,
                    heading: counted(group.instances.count, "instance"),
                    message: failure.message.visible,
                    statement: failure.excerpt()?.marked().joined(separator: "\n"),
                    details: details.compactMap { term, value in value.map { Fact(term: term, value: $0.visible) } }
                )
            }
        }
    }

    /// The waves of a run.
    struct RunSection {
        struct Wave {
            var wave: String
            var size: String
            var counts: String
            var started: String
            var took: String
            var fill: String
            var offset: Int
            var width: Int
        }

        var waves: [Wave]

        init(_ report: FleetReport, at now: Date) {
            let start = report.startedAt ?? now
            let last = report.finishedAt ?? report.instances.compactMap { $0.finishedAt ?? $0.steppedAt }.max() ?? now
            let scale = 1000 / max(0.001, last.timeIntervalSince(start))
            waves = report.waves.map { wave in
                let begin = wave.startedAt.map { $0.timeIntervalSince(start) * scale }
                let end = (wave.finishedAt ?? last).timeIntervalSince(start) * scale
                let offset = Int(clamping: min(max(begin ?? 0, 0), 998))
                return Wave(
                    wave: wave.name.visible,
                    size: wave.instances.grouped,
                    counts: wave.allOutcomes.text,
                    started: wave.startedAt?.human ?? "not started",
                    took: Self.took(wave),
                    fill: wave.outcomes.keys.allSatisfy(\.isGood) ? "fill-good" : "fill-bad",
                    offset: offset,
                    width: begin == nil ? 0 : max(2, Int(clamping: min(max(end, 0), 1000)) - offset)
                )
            }
        }

        private static func took(_ wave: WaveLog) -> String {
            guard let startedAt = wave.startedAt, let finishedAt = wave.finishedAt else { return "" }
            return Duration(clampingSeconds: finishedAt.timeIntervalSince(startedAt)).human
        }
    }

    /// How long each migration took over the fleet, the slowest first.
    struct DurationSection {
        struct Row {
            var migration: String
            var label: String
            var times: String
            var median: String
            var p95: String
            var longest: String
            var p95Width: Int
            var longestX: Int
        }

        var rows: [Row]

        init?(_ migrations: [MigrationDurations], names: [MigrationVersion: String]) {
            let slowestFirst = migrations.sorted { ($0.percentile(0.95), $0.maximum) > ($1.percentile(0.95), $1.maximum) }
            guard let most = slowestFirst.map(\.maximum.seconds).max() else { return nil }
            let scale = 998 / max(most, 1e-6)
            rows = slowestFirst.map { migration in
                Row(
                    migration: migration.version.description + (migration.direction == .down ? " (down)" : ""),
                    label: names[migration.version]?.visible ?? "",
                    times: migration.count.grouped,
                    median: migration.percentile(0.5).human,
                    p95: migration.percentile(0.95).human,
                    longest: migration.maximum.human,
                    p95Width: Int(clamping: migration.percentile(0.95).seconds * scale),
                    longestX: Int(clamping: migration.maximum.seconds * scale)
                )
            }
        }
    }

    /// The instances with a bad outcome, for readers without JavaScript.
    struct TroubledSection {
        struct Row {
            var instance: String
            var badge: Badge
            var newest: String
            var wave: String
            var server: String
            var failure: String
        }

        var caption: String
        var rows: [Row]

        private static let limit = 200

        init?(_ instances: [InstanceReport]) {
            let troubled = instances.filter { !$0.judgedOutcome.isGood }
            guard !troubled.isEmpty else { return nil }
            caption =
                troubled.count > Self.limit
                ? "The first \(Self.limit) of \(troubled.count.grouped) instances that are not well"
                : "\(counted(troubled.count, "instance")) not well"
            rows = troubled.prefix(Self.limit).map { instance in
                Row(
                    instance: instance.name.visible,
                    badge: Badge(instance.outcome.rawValue, instance.outcome.emphasis),
                    newest: instance.version?.description ?? "-",
                    wave: instance.wave?.visible ?? "-",
                    server: instance.server?.visible ?? "-",
                    failure: instance.failure?.headline ?? "-"
                )
            }
        }
    }
}
