import ConvoyFleet
import ConvoyMigrations
import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// `Deploy/grafana/convoy-fleet.json` asks only for what Convoy writes, and is a dashboard that Grafana can show.
struct GrafanaBoardTests {
    private let board: [String: Any]

    init() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(repositoryRoot)/Deploy/grafana/convoy-fleet.json"))
        board = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    // MARK: What Convoy writes

    /// The labels of each metric, from reports that have everything: a run, a probe, releases, an edited migration.
    private static let written: [String: Set<String>] = {
        var edited = statuses
        edited[1].edited = [older]
        var probed = FleetReport(fleet: "teslamate-eu", target: newest, statuses: edited, at: moment())
        probed.apply(ReleaseList([.init(name: "v4.1.1", date: "2026-08-15", version: newest)]))
        var labels: [String: Set<String>] = [:]
        for report in [probed, report(troubledRun)] {
            for line in report.openMetrics(totals: RunTotals(), at: moment(60)).split(separator: "\n") where !line.hasPrefix("#") {
                let names = line.matches(of: /([a-zA-Z_]+)="/).map { String($0.1) }.filter { !$0.hasPrefix("label_") }
                // A histogram is known by the name of its family.
                let metric = String(line.prefix { $0 != "{" }).replacing(/_(bucket|count|sum)$/, with: "")
                labels[metric, default: []].formUnion(names)
            }
        }
        return labels
    }()

    /// What a scrape adds.
    private static let scraped: Set = ["instance", "job"]

    // MARK: Reading the board

    private func panels() throws -> [[String: Any]] { try #require(board["panels"] as? [[String: Any]]) }

    private func targets(_ panel: [String: Any]) -> [[String: Any]] { panel["targets"] as? [[String: Any]] ?? [] }

    private func variables() throws -> [[String: Any]] {
        try #require((board["templating"] as? [String: Any])?["list"] as? [[String: Any]])
    }

    private static func title(_ panel: [String: Any]) -> String { panel["title"] as? String ?? "" }

    /// Every text in a value, keys left out.
    private static func texts(_ value: Any) -> [String] {
        switch value {
        case let text as String: [text]
        case let object as [String: Any]: object.values.flatMap(texts)
        case let list as [Any]: list.flatMap(texts)
        default: []
        }
    }

    /// Every value of a key, wherever it is.
    private static func values(of key: String, in value: Any) -> [Any] {
        switch value {
        case let object as [String: Any]: object.flatMap { $0.key == key ? [$0.value] : values(of: key, in: $0.value) }
        case let list as [Any]: list.flatMap { values(of: key, in: $0) }
        default: []
        }
    }

    // MARK: Its form

    @Test func itIsNewWhereItIsImported() {
        #expect(board["id"] is NSNull)
        #expect(board["uid"] as? String == "convoy-fleet")
        #expect(board["title"] as? String == "Convoy: fleet")
        // That of Grafana 12.1; Grafana itself migrates older ones.
        #expect(board["schemaVersion"] as? Int == 42)
    }

    @Test func panelsHaveTheirOwnNumbersAndTitles() throws {
        let panels = try panels()
        #expect(panels.count > 20)
        let numbers = panels.compactMap { $0["id"] as? Int }
        #expect(numbers.count == panels.count && Set(numbers).count == panels.count)
        let kinds: Set = ["stat", "timeseries", "bargauge", "state-timeline", "table", "row"]
        for panel in panels {
            #expect(kinds.contains(panel["type"] as? String ?? ""), "\(Self.title(panel))")
            #expect(!Self.title(panel).isEmpty)
            #expect(targets(panel).isEmpty == (panel["type"] as? String == "row"), "\(Self.title(panel))")
            let names = targets(panel).compactMap { $0["refId"] as? String }
            #expect(names.count == targets(panel).count && Set(names).count == names.count, "\(Self.title(panel))")
        }
    }

    @Test func panelsFillTheGridWithoutOverlaps() throws {
        var taken: [[Int]: String] = [:]
        var bottom = 0
        for panel in try panels() {
            let place = try #require(panel["gridPos"] as? [String: Int])
            let (x, y) = (try #require(place["x"]), try #require(place["y"]))
            let (width, height) = (try #require(place["w"]), try #require(place["h"]))
            #expect(x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 24, "\(Self.title(panel))")
            bottom = max(bottom, y + height)
            for row in y..<(y + height) {
                for column in x..<(x + width) {
                    let other = taken.updateValue(Self.title(panel), forKey: [row, column])
                    #expect(other == nil, "\(Self.title(panel)) over \(other ?? "")")
                }
            }
        }
        #expect(taken.count == 24 * bottom, "the grid has gaps")
    }

    @Test func everyDataSourceIsTheChosenOne() throws {
        let sources = Self.values(of: "datasource", in: board)
        #expect(sources.count > 40)
        for source in sources {
            let source = try #require(source as? [String: String])
            #expect(
                source == ["type": "prometheus", "uid": "${datasource}"] || source == ["type": "grafana", "uid": "-- Grafana --"],
                "\(source)"
            )
        }
        for panel in try panels() where panel["type"] as? String != "row" {
            #expect(panel["datasource"] != nil)
            #expect(targets(panel).allSatisfy { $0["datasource"] != nil })
        }
        let variable = try #require(try variables().first)
        #expect(variable["name"] as? String == "datasource" && variable["type"] as? String == "datasource")
        #expect(variable["query"] as? String == "prometheus")
    }

    @Test func everyVariableIsDefinedAndUsed() throws {
        var defined: [String] = []
        var used: Set<String> = []
        for variable in try variables() {
            // A variable may use those before it.
            let names = Self.texts(variable).flatMap(Self.names)
            used.formUnion(names)
            #expect(Set(names).subtracting(defined + ["__all"]).isEmpty, "\(names)")
            defined.append(try #require(variable["name"] as? String))
        }
        #expect(Set(defined).count == defined.count)
        for part in ["panels", "annotations"] { used.formUnion(Self.texts(try #require(board[part])).flatMap(Self.names)) }
        #expect(used.subtracting(["__all"]) == Set(defined))
    }

    private static func names(in text: String) -> [String] {
        text.matches(of: /\$\{?([A-Za-z_]+)/).map { String($0.1) }
    }

    // MARK: Its queries

    @Test func everyQueryReadsWhatConvoyWrites() throws {
        #expect(Self.written.count == 21)
        for panel in try panels() {
            for target in targets(panel) {
                let text = try #require(target["expr"] as? String)
                try check(PromQLExpression(text), "\(Self.title(panel)): \(text)")
            }
        }
        for variable in try variables() where variable["type"] as? String == "query" {
            let text = try #require(variable["definition"] as? String)
            #expect((variable["query"] as? [String: Any])?["query"] as? String == text)
            let parts = try #require(text.wholeMatch(of: /label_values\((.*), ([a-z_]+)\)/))
            let expression = PromQLExpression(String(parts.1))
            try check(expression, text)
            #expect(Self.written[expression.selections.first?.metric ?? ""]?.contains(String(parts.2)) == true, "\(text)")
        }
    }

    private func check(_ expression: PromQLExpression, _ comment: String) throws {
        #expect(expression.problems == [], "\(comment)")
        #expect(!expression.selections.isEmpty, "\(comment)")
        var known = Self.scraped
        for selection in expression.selections {
            let labels = try #require(Self.written[selection.metric], "\(comment): Convoy writes no \(selection.metric)")
            known.formUnion(labels)
            for (label, value) in selection.matchers {
                #expect(labels.contains(label), "\(comment): \(selection.metric) has no \(label)")
                guard !value.hasPrefix("$") else { continue }
                let words = label == "outcome" ? Outcome.allCases.map(\.rawValue) : RunState.allCases.map(\.text)
                #expect(words.contains(value), "\(comment): \(value)")
            }
        }
        #expect(Set(expression.groupings).subtracting(known).isEmpty, "\(comment)")
    }

    /// Series of other fleets in the same Prometheus are not mixed in.
    @Test func everyQueryIsAboutOneFleet() throws {
        for panel in try panels() {
            for expression in targets(panel).compactMap({ $0["expr"] as? String }).map(PromQLExpression.init) {
                for selection in expression.selections {
                    #expect(selection.matchers.contains { $0 == ("fleet", "$fleet") }, "\(Self.title(panel)): \(selection.metric)")
                }
            }
        }
    }

    @Test func legendsNameLabelsThatTheQueryKeeps() throws {
        for panel in try panels() {
            for target in targets(panel) {
                let expression = PromQLExpression(target["expr"] as? String ?? "")
                for match in (target["legendFormat"] as? String ?? "").matches(of: /\{\{([a-z_]+)\}\}/) {
                    let label = String(match.1)
                    #expect((expression.groupings + expression.made).contains(label), "\(Self.title(panel)): \(label)")
                }
            }
        }
    }

    @Test func everyMetricIsOnTheBoard() throws {
        let expressions = try panels().flatMap(targets).compactMap { $0["expr"] as? String }.map(PromQLExpression.init)
        #expect(Set(expressions.flatMap(\.selections).map(\.metric)) == Set(Self.written.keys))
    }

    /// A time is shown as such, which Grafana counts in milliseconds, or as what has passed since.
    @Test func unitsFitWhatIsShown() throws {
        for panel in try panels() where panel["type"] as? String != "row" {
            let defaults = (panel["fieldConfig"] as? [String: Any])?["defaults"] as? [String: Any]
            let unit = try #require(defaults?["unit"] as? String)
            #expect(["none", "s", "dateTimeFromNow"].contains(unit), "\(Self.title(panel))")
            guard panel["type"] as? String != "table" else { continue }
            for text in targets(panel).compactMap({ $0["expr"] as? String }) {
                let expected =
                    switch (text.contains("_timestamp_seconds{"), text.contains("time() -"), text.contains(/_duration_seconds(_bucket)?\{/))
                    {
                    case (true, true, _), (_, _, true): "s"
                    case (true, false, _): "dateTimeFromNow"
                    default: "none"
                    }
                #expect(unit == expected, "\(Self.title(panel))")
                #expect(text.contains("* 1000") == (unit == "dateTimeFromNow"), "\(Self.title(panel))")
            }
        }
    }

    @Test func theTableNamesEachColumnThatItGets() throws {
        let table = try #require(try panels().first { $0["type"] as? String == "table" })
        let columns = targets(table).flatMap { target -> [String] in
            let expression = PromQLExpression(target["expr"] as? String ?? "")
            #expect(target["format"] as? String == "table" && target["instant"] as? Bool == true)
            return expression.groupings + ["Value #\(target["refId"] as? String ?? "")"]
        }
        let organize = try #require((table["transformations"] as? [[String: Any]])?.last?["options"] as? [String: Any])
        let hidden = try #require(organize["excludeByName"] as? [String: Bool])
        let named = try #require(organize["renameByName"] as? [String: String])
        let places = try #require(organize["indexByName"] as? [String: Int])
        #expect(Set(columns + ["Time"]) == Set(named.keys).union(hidden.keys))
        #expect(Set(places.keys) == Set(named.keys) && places.values.sorted() == Array(0..<places.count))
        let overrides = (table["fieldConfig"] as? [String: Any])?["overrides"] as? [[String: Any]] ?? []
        for override in overrides {
            let column = (override["matcher"] as? [String: Any])?["options"] as? String ?? ""
            #expect(named.values.contains(column), "\(column)")
        }
    }

    /// A series' own color, for outcomes that there are.
    @Test func coloredSeriesAreOutcomes() throws {
        for panel in try panels() where panel["type"] as? String == "timeseries" {
            let overrides = (panel["fieldConfig"] as? [String: Any])?["overrides"] as? [[String: Any]] ?? []
            for override in overrides {
                let name = (override["matcher"] as? [String: Any])?["options"] as? String ?? ""
                #expect(Outcome(rawValue: name) != nil, "\(name)")
            }
        }
    }

    // MARK: Notifications

    /// It shows the annotations that a notification of the format `grafana` makes.
    @Test func itsAnnotationsAreThoseOfTheNotifications() throws {
        let list = try #require((board["annotations"] as? [String: Any])?["list"] as? [[String: Any]])
        let target = try #require(list.last?["target"] as? [String: Any])
        #expect(target["type"] as? String == "tags" && target["matchAny"] as? Bool == false)
        let asked = try #require(target["tags"] as? [String]).map { $0.replacing("$fleet", with: "teslamate-eu") }
        #expect(asked.count == 2)
        var report = FleetReport()
        for event in troubledRun {
            report.apply(event)
            guard let message = NotificationMessage(event, report) else { continue }
            let object = try JSONSerialization.jsonObject(with: Data(message.body(.grafana).utf8)) as? [String: Any]
            #expect(Set(asked).isSubset(of: object?["tags"] as? [String] ?? []))
        }
    }

    // MARK: Documentation

    /// The page lists each metric with its labels.
    @Test func theMetricsAreDocumented() throws {
        let page = try String(contentsOfFile: "\(repositoryRoot)/docs/dashboard.md", encoding: .utf8)
        var documented: [String: Set<String>] = [:]
        for row in page.matches(of: /\| `(convoy_[a-z_]+)` \|([^|]*)\|/) {
            documented[String(row.1)] = Set(row.2.matches(of: /`([a-z_]+)`/).map { String($0.1) } + ["fleet"])
        }
        #expect(documented == Self.written)
    }
}
