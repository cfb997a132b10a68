/// The charges of one charging process, in the order of their dates.
private struct ChargeSeries {
    let charges: [Row]

    /// For each charge its power times the time since the one before, in kWh; nil where one of them is not known.
    func energies(power: (Row) -> Double?) -> [Double] {
        zip(charges.dropFirst(), charges).compactMap { charge, previous in
            guard let end = charge.microseconds("date"), let start = previous.microseconds("date"), let power = power(charge) else {
                return nil
            }
            return power * Double(end - start) / 3_600_000_000
        }
    }

    /// Current times voltage, in watts.
    static func apparentPower(_ charge: Row) -> Double? {
        guard let current = charge.number("charger_actual_current"), let voltage = charge.number("charger_voltage") else { return nil }
        return current * voltage
    }

    /// How many phases were really used, if the figures tell.
    func phases(countsNone: Bool) -> Double? {
        let ratios = charges.compactMap { charge -> Double? in
            guard let apparent = Self.apparentPower(charge), apparent != 0, let power = charge.number("charger_power") else { return nil }
            return power * 1000 / apparent
        }
        guard let ratio = mean(ratios), ratio > 0, charges.count > 15 else { return nil }
        let (nearest, reported) = (ratio.rounded(), mean(charges.compactMap { $0.number("charger_phases") })?.rounded())
        if reported == nearest { return nearest }
        if reported == 3, abs(ratio / 3.squareRoot() - 1) <= 0.1 { return 3.squareRoot() }
        return (nearest > 0 || countsNone) && abs(nearest - ratio) <= 0.3 ? nearest : nil
    }

    /// The difference between two charges, where the later has at least as much.
    func gain(_ column: String) -> Double? {
        guard let first = charges.first?.number(column), let last = charges.last?.number(column), last >= first else { return nil }
        return last - first
    }

    func mean(_ column: String) -> Double? { mean(charges.compactMap { $0.number(column) }) }

    private func mean(_ numbers: [Double]) -> Double? {
        numbers.isEmpty ? nil : numbers.reduce(0, +) / Double(numbers.count)
    }
}

extension StoredRows {
    fileprivate func chargeSeries() -> [String: ChargeSeries] {
        byDate("public.charges", of: "charging_process_id").mapValues(ChargeSeries.init)
    }
}

/// The sum of what is greater than zero; nil where nothing is.
private func positiveSum(_ terms: [Double]) -> Double? {
    let positive = terms.filter { $0 > 0 }
    return positive.isEmpty ? nil : positive.reduce(0, +)
}

func calculateEnergyUsed(_ rows: inout StoredRows, _ before: StoredRows) {
    let series = rows.chargeSeries()
    rows.change("public.charging_processes") { process in
        let energies = series[process["id"] ?? ""]?.energies { charge in
            guard let phases = charge.number("charger_phases") else { return charge.number("charger_power") }
            return ChargeSeries.apparentPower(charge).map { $0 * phases / 1000 }
        }
        process["charge_energy_used"] = positiveSum(energies ?? []).map { "\($0)" }
    }
}

func recalculateChargingProcesses(_ rows: inout StoredRows, _ before: StoredRows) {
    let series = rows.chargeSeries()
    rows.change("public.charging_processes") { process in
        guard process["start_date"] != nil else { return }
        (process["charge_energy_added"], process["charge_energy_used"]) = (nil, nil)
        guard let series = series[process["id"] ?? ""], let first = series.charges.first, let last = series.charges.last else { return }
        for (name, column) in [
            ("ideal_range_km", "ideal_battery_range_km"), ("rated_range_km", "rated_battery_range_km"), ("battery_level", "battery_level"),
        ] {
            process["start_\(name)"] = first[column]
            process["end_\(name)"] = last[column]
        }
        process["outside_temp_avg"] = series.mean("outside_temp").map { "\($0)" }
        process["charge_energy_added"] = series.gain("charge_energy_added").map { "\($0)" }
        let phases = series.phases(countsNone: true)
        let energies = series.energies { charge in
            guard charge["charger_phases"] != nil else { return charge.number("charger_power") }
            guard let phases, let apparent = ChargeSeries.apparentPower(charge) else { return nil }
            return apparent * phases / 1000
        }
        process["charge_energy_used"] = positiveSum(energies).map { "\($0)" }
        if let start = first.microseconds("date"), let end = last.microseconds("date") {
            process["duration_min"] = "\(Int((Double(end - start) / 60_000_000).rounded()))"
        }
        process["end_date"] = process["end_date"] ?? last["date"]
    }
}

func recalculateEnergyUsed(_ rows: inout StoredRows, _ before: StoredRows) {
    let series = rows.chargeSeries()
    rows.change("public.charging_processes") { process in
        guard let series = series[process["id"] ?? ""] else { return }
        let phases = series.phases(countsNone: false)
        let energies = series.energies { charge in
            let power = charge.number("charger_power")
            guard charge["charger_phases"] != nil, let phases, let apparent = ChargeSeries.apparentPower(charge) else { return power }
            return apparent * phases / 1000
        }.filter { $0 >= 0 }
        guard !energies.isEmpty else { return }
        process["charge_energy_used"] = rounded(energies.reduce(0, +), scale: 2)
    }
}
