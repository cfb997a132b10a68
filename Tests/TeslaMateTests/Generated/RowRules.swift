import ConvoyMigrations
import TestSupport

/// What TeslaMate's migration of a version does to the rows, beyond what the catalogue tells.
///
/// - Parameters:
///   - rows: as they are once tables and columns are those of the version.
///   - before: as they were with the columns that the migration takes away.
typealias RowRule = @Sendable (_ rows: inout StoredRows, _ before: StoredRows) throws -> Void

/// Every rule. They are written without regard to the SQL of the migrations: row by row, as TeslaMate's own code goes about it.
let rowRules: [MigrationVersion: RowRule] = [
    MigrationVersion(20190729181314): { rows, _ in
        rows.change("public.trips") { row in
            if let efficiency = row.number("efficiency") { row["efficiency"] = "\(1 / efficiency)" }
        }
    },
    MigrationVersion(20190731154452): { rows, _ in
        rows["public.settings"] = [
            ["id": "1", "use_imperial_units": "f", "inserted_at": StoredRows.anyTime, "updated_at": StoredRows.anyTime]
        ]
        rows.sequences["public.settings_id_seq"] = 1
    },
    MigrationVersion(20190810105216): { rows, before in
        let isImperial = try before.settings()["use_imperial_units"] == "t"
        rows.change("public.settings") { row in
            row["unit_of_length"] = isImperial ? "mi" : "km"
            row["unit_of_temperature"] = isImperial ? "F" : "C"
        }
    },
    MigrationVersion(20190814152810): { rows, _ in
        rows.change("public.settings") { row in
            if let minutes = row.number("suspend_min"), minutes < 21 { row["suspend_min"] = "21" }
        }
    },
    MigrationVersion(20190913175543): setRatedRanges,
    MigrationVersion(20190925182253): assignGeofencesToAddresses,
    MigrationVersion(20191003132415): assignPositionsAndGeofences,
    MigrationVersion(20191026185642): calculateEnergyUsed,
    MigrationVersion(20191117171307): giveEachCarItsSettings,
    MigrationVersion(20191212230527): recalculateChargingProcesses,
    MigrationVersion(20200120142602): { rows, _ in
        rows.change("public.drives") { row in (row["start_address_id"], row["end_address_id"]) = (nil, nil) }
        rows.change("public.charging_processes") { row in row["address_id"] = nil }
        rows["public.addresses"] = []
        rows.sequences.updateValue(nil, forKey: "public.addresses_id_seq")
    },
    MigrationVersion(20200306130218): nameSmallPlaces,
    MigrationVersion(20200401171923): { rows, _ in
        rows.change("public.car_settings") { row in row["use_streaming_api"] = "t" }
    },
    // Nothing but casts, yet more of them than anywhere else.
    MigrationVersion(20200410112005): { _, _ in },
    // Seen in plain text the tokens stay what they are.
    MigrationVersion(20220123131732): { _, _ in },
    MigrationVersion(20250613133700): sumUpElevations,
    MigrationVersion(20250924215353): { _, _ in },
    MigrationVersion(20260715081000): { rows, _ in
        rows.change("public.cars") { row in
            if row["vin"] == nil { row["vin"] = "__legacy_null_vin__:\(row["id"] ?? "")" }
        }
    },
    MigrationVersion(20260807090000): { rows, _ in
        rows.change("public.charges") { row in
            if let phases = row.number("charger_phases"), phases <= 0 { row["charger_phases"] = nil }
        }
    },
    MigrationVersion(20260808090000): recalculateEnergyUsed,
]

extension StoredRows {
    mutating func change(_ table: String, _ body: (inout Row) throws -> Void) rethrows {
        self[table] = try self[table].map { row in
            var row = row
            try body(&row)
            return row
        }
    }

    /// The rows of a table that refer to another by a column, in the order of their dates; of equal dates the one stored first comes first.
    func byDate(_ table: String, of column: String) -> [String: [Row]] {
        let grouped = Dictionary(grouping: self[table].filter { $0[column] != nil }) { $0[column] ?? "" }
        // Sorting keeps the order of what is equal.
        return grouped.mapValues { rows in rows.sorted { $0["date"] ?? "" < $1["date"] ?? "" } }
    }

    fileprivate func settings() throws -> Row {
        guard let row = self["public.settings"].first, self["public.settings"].count == 1 else {
            throw TestSupportError("there must be one row of settings")
        }
        return row
    }
}

/// The first position of a drive and its last; of several at the same time the one stored first counts in both places.
func ends(of positions: [Row]) -> (first: Row, last: Row)? {
    guard let first = positions.first, let last = positions.first(where: { $0["date"] == positions.last?["date"] }) else { return nil }
    return (first, last)
}

private func setRatedRanges(_ rows: inout StoredRows, _ before: StoredRows) {
    let positions = rows.byDate("public.positions", of: "drive_id")
    rows.change("public.drives") { drive in
        guard drive["start_rated_range_km"] == nil || drive["end_rated_range_km"] == nil,
            let (first, last) = ends(of: positions[drive["id"] ?? ""] ?? []), first["id"] != last["id"]
        else { return }
        drive["start_rated_range_km"] = first["rated_battery_range_km"]
        drive["end_rated_range_km"] = last["rated_battery_range_km"]
    }
}

private func giveEachCarItsSettings(_ rows: inout StoredRows, _ before: StoredRows) throws {
    let settings = try before.settings()
    for (index, car) in rows["public.cars"].enumerated() {
        var copy: Row = ["id": "\(index + 1)"]
        for column in [
            "suspend_min", "suspend_after_idle_min", "req_no_shift_state_reading", "req_no_temp_reading", "req_not_unlocked",
        ] {
            copy[column] = settings[column]
        }
        rows["public.car_settings"].append(copy)
        rows["public.cars"][index] = car.merging(["settings_id": "\(index + 1)"]) { $1 }
        rows.sequences["public.car_settings_id_seq"] = Int64(index + 1)
    }
}

private func sumUpElevations(_ rows: inout StoredRows, _ before: StoredRows) {
    let positions = rows.byDate("public.positions", of: "drive_id")
    rows.change("public.drives") { drive in
        let elevations = (positions[drive["id"] ?? ""] ?? []).compactMap { $0.number("elevation") }
        guard !elevations.isEmpty else { return }
        let steps = zip(elevations.dropFirst(), elevations).map { $0 - $1 }
        let (ascent, descent) = (steps.filter { $0 > 0 }.reduce(0, +), -steps.filter { $0 < 0 }.reduce(0, +))
        drive["ascent"] = "\(ascent > 32767 ? 0 : Int(ascent))"
        drive["descent"] = "\(descent > 32767 ? 0 : Int(descent))"
    }
}
