internal import ConvoyMigrations
import ConvoyText
internal import Foundation

extension FleetReader {
    static let windowKeys: Set<String> = ["days", "from", "to", "timezone"]

    func window(_ field: Field) -> MaintenanceWindow? {
        guard let section = section(field, "`window`", keys: Self.windowKeys) else { return nil }
        let days = section["days"].map(days) ?? Set(MaintenanceWindow.Day.allCases)
        for key in ["from", "to", "timezone"] where section.lacks(key) {
            note(
                at: section.mark,
                "`window` has no `\(key)`",
                hint: "write for example {from: \"01:00\", to: \"05:00\", timezone: Europe/Berlin}"
            )
        }
        let from = timeOfDay(section["from"], upTo: 23 * 60 + 59)
        let to = timeOfDay(section["to"], upTo: MaintenanceWindow.minutesOfDay)
        if let from, from == to, let field = section["to"] {
            note(
                field,
                "the maintenance window has no length",
                hint: "give different times for `from` and `to`; the whole day is from \"00:00\" to \"24:00\""
            )
            return nil
        }
        guard let from, let to, let timezone = timezone(section["timezone"]), !days.isEmpty else { return nil }
        return MaintenanceWindow(days: days, from: from, to: to, timezone: timezone)
    }

    private func days(_ field: Field) -> Set<MaintenanceWindow.Day> {
        guard let items = list(field) else { return [] }
        if items.isEmpty { note(field, "`days` is empty", hint: "remove it to allow every day") }
        let words = MaintenanceWindow.Day.allCases.map(\.rawValue)
        return Set(items.compactMap { choice($0, among: words) }.compactMap(MaintenanceWindow.Day.init))
    }

    private func timezone(_ field: Field?) -> String? {
        guard let field, let name = text(field) else { return nil }
        guard MaintenanceWindow.zone(named: name) != nil else {
            let nearest = name.contains("/") ? nearestWord(to: name, among: TimeZone.knownTimeZoneIdentifiers) : nil
            note(
                field,
                "`timezone` is not the name of a time zone",
                hint: nearest.map { "did you mean `\($0)`?" } ?? "write for example Europe/Berlin or UTC"
            )
            return nil
        }
        return name
    }

    /// Minutes since midnight.
    private func timeOfDay(_ field: Field?, upTo latest: Int) -> Int? {
        guard let field, let text = text(field) else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let areDigits = parts.allSatisfy { $0.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }
        guard parts.count == 2, areDigits, let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60,
            hour * 60 + minute <= latest
        else {
            note(field, "`\(field.key)` is not a time of day", hint: "write hours and minutes in quotes, for example \"01:00\"")
            return nil
        }
        return hour * 60 + minute
    }
}
