import TestSupport

extension PlausibleInstallation {
    /// What the car reports while it charges.
    private struct Scenario {
        /// Phases reported; of several, each charge has one of them.
        let phases: [Int?]
        /// Power in relation to current times voltage; nil where current and voltage are not known.
        let ratio: Double?
        var count = 16...22

        static let all = [
            Scenario(phases: [1], ratio: 1), Scenario(phases: [3], ratio: 3), Scenario(phases: [2], ratio: 1.6),
            // A voltage between two of three phases, and nearly so.
            Scenario(phases: [3], ratio: 1.732), Scenario(phases: [3], ratio: 1.92), Scenario(phases: [3], ratio: 1.5576),
            // One reported, three used; nothing that can be told; nothing used.
            Scenario(phases: [1], ratio: 2.97), Scenario(phases: [1], ratio: 2.42), Scenario(phases: [2], ratio: 0.12),
            Scenario(phases: [1, 2], ratio: 1.9), Scenario(phases: [nil, 1, 1, 1], ratio: 1.02), Scenario(phases: [nil], ratio: 1),
            Scenario(phases: [nil], ratio: nil), Scenario(phases: [2], ratio: nil), Scenario(phases: [1], ratio: -1),
            // Too few to tell.
            Scenario(phases: [3], ratio: 3, count: 2...15), Scenario(phases: [1], ratio: 1, count: 1...1),
            Scenario(phases: [1], ratio: 1, count: 0...0), Scenario(phases: [0, 1], ratio: 1), Scenario(phases: [-1, 2], ratio: 2),
        ]
    }

    /// The charging processes of a car with their charges.
    mutating func addCharging(of car: Int) {
        var now = random.int(70...80) * Self.day
        for scenario in Scenario.all.shuffled(using: &random).prefix(random.int(4...8)) {
            let (process, start) = (nextID("charging_processes"), now)
            let position = addPosition(of: car, drive: nil, at: now - 5000, elevation: 520, odometer: 1234.5)
            addCharges(scenario, of: process, at: &now)
            let isDone = !random.once(in: 5)
            let figures: PlausibleRow = [
                "charge_energy_added": maybe(.number(random.pick(12.345, 0, 999_999.99))),
                "charge_energy_used": maybe(.number(random.pick(13.005, 0, -4.25, 999_999.99))),
                "charge_energy_used_confidence": maybe(.number(0.98)),
                "interval_sec": maybe(.number(30)), "start_soc": range(), "end_soc": range(), "start_range_km": range(),
                "end_range_km": range(),
                "start_ideal_range_km": range(), "end_ideal_range_km": range(), "start_rated_range_km": range(),
                "end_rated_range_km": range(),
                "start_battery_level": level(), "end_battery_level": level(), "calculated_max_range": maybe(.number(480)),
                "duration_min": maybe(.number(random.pick(90, 0, 32767))), "outside_temp_avg": temperature(),
                "cost": maybe(.number(random.pick(7.5, 0, 9999.99, -9999.99))),
            ]
            add(
                figures.merging([
                    "id": .number(process), "car_id": .number(car), "position_id": .number(position), "start_date": .time(start),
                    "end_date": isDone ? .time(now) : .null, "address_id": reference(to: addresses),
                    "geofence_id": reference(to: geofences),
                ]) { $1 },
                to: "charging_processes"
            )
            now += random.int(1...20) * 3_600_000
        }
    }

    private mutating func addCharges(_ scenario: Scenario, of process: Int, at now: inout Int) {
        let apparent = random.pick((5, 240), (13, 230), (16, 230), (32, 120), (24, 400), (48, 240))
        let isWhole = !isBefore(20200410112005)
        var energy = random.quarters(0...20)
        let step = random.once(in: 6) ? -0.25 : 0.25
        // Current and voltage are missing now and then, and are zero.
        let irregularity = random.pick(0, 0, 5, 7)
        var charges: [PlausibleRow] = []
        for index in 0..<random.int(scenario.count) {
            let isRegular = irregularity == 0 || !index.isMultiple(of: irregularity)
            let (current, voltage) = isRegular ? apparent : random.pick((0, apparent.1), (apparent.0, 0))
            let power = (scenario.ratio ?? 3) * Double(apparent.0 * apparent.1) / 1000
            let isKnown = scenario.ratio != nil && (isRegular || random.once(in: 2))
            let phases = scenario.phases[index % scenario.phases.count]
            charges.append(
                [
                    "charging_process_id": .number(process), "date": .time(now),
                    "battery_heater_on": maybe(flag()), "battery_heater": maybe(flag()), "battery_heater_no_power": maybe(flag()),
                    "not_enough_power_to_heat": maybe(flag()), "battery_level": level(), "usable_battery_level": level(),
                    "charge_energy_added": .number(energy), "charger_actual_current": isKnown ? .number(current) : .null,
                    "charger_voltage": isKnown ? .number(voltage) : .null,
                    "charger_pilot_current": maybe(.number(random.pick(16, 32767, -32768))),
                    "charger_phases": isBefore(20260807090000) || phases ?? 1 > 0 ? .number(phases) : .null,
                    "charger_power": .number(isWhole ? power.rounded() : (power * 4).rounded() / 4),
                    "fast_charger_present": maybe(flag()), "conn_charge_cable": maybe(.text("IEC")),
                    "fast_charger_brand": maybe(.text("<invalid>")),
                    "fast_charger_type": maybe(.text("")), "ideal_battery_range_km": .number(random.pick(210.25, 0, 9999.994, 1.005)),
                    "rated_battery_range_km": range(), "outside_temp": maybe(.number(random.quarters(-30...45))),
                ]
            )
            energy += step
            // Hours in steps of 0.04 make sums of energy that never lie in the middle between two hundredths.
            now += random.int(1...6) * 144_000
        }
        // What came first need not have the lowest id.
        if random.once(in: 3) { charges.reverse() }
        for charge in charges { add(charge.merging(["id": .number(nextID("charges"))]) { $1 }, to: "charges") }
    }
}
