import TestSupport

extension PlausibleInstallation {
    /// Where a drive is special.
    private enum Kind: CaseIterable {
        case ordinary
        /// Still going on.
        case open
        case withoutPositions
        case withOnePosition
        /// Two positions of the same second, which have no order.
        case withTwins
        /// Up and down so often that the sum does not fit `smallint`, or just fits.
        case overMountains
    }

    /// The drives of a car with their positions, and positions while it stands.
    mutating func addDrives(of car: Int) {
        var now = random.int(20...30) * Self.day
        var odometer = random.quarters(0...90_000)
        for kind in Kind.allCases.filter({ _ in !random.once(in: 5) }).shuffled(using: &random) + [.ordinary] {
            let drive = nextID("drives")
            let start = now
            let (path, end) = addPath(kind, of: drive, car, from: now, odometer: &odometer)
            now = end + random.int(60...9000) * 1000
            let isDone = kind != .open
            let ends: PlausibleRow = [
                "end_date": isDone ? .time(end) : .null, "end_address_id": isDone ? reference(to: addresses) : .null,
                "end_geofence_id": isDone ? reference(to: geofences) : .null, "end_position_id": isDone ? maybe(.number(path.last)) : .null,
                "end_range_km": range(), "end_ideal_range_km": range(), "end_rated_range_km": range(), "end_km": .number(odometer),
                "end_address": .text("Ziel"), "distance": isDone ? .number(random.pick(0, 12.345678901)) : .null,
                "duration_min": isDone ? .number(random.pick((end - start) / 60_000, 32767, 0)) : .null,
            ]
            add(
                ends.merging([
                    "id": .number(drive), "car_id": .number(car), "start_date": .time(start), "outside_temp_avg": temperature(),
                    "inside_temp_avg": temperature(), "speed_max": .number(random.pick(130, 0, 261, 32767)),
                    "power_max": .number(random.pick(250.5, 251.5, 32767)), "power_min": .number(random.pick(-60.5, -0.5, -32768)),
                    "power_avg": maybe(.number(14.2)), "start_range_km": range(), "start_ideal_range_km": range(),
                    "start_rated_range_km": range(), "start_km": maybe(.number(odometer)), "start_address": maybe(.text("Anfang")),
                    "start_address_id": reference(to: addresses), "start_geofence_id": reference(to: geofences),
                    "start_position_id": maybe(.number(path.first)),
                    "efficiency": maybe(.number(random.pick(0.153, 1.25, -2, .infinity, .nan))),
                    "consumption_kWh": maybe(.number(4.5)), "consumption_kWh_100km": maybe(.number(17.25)),
                    "ascent": maybe(.number(random.int(0...900))), "descent": maybe(.number(32767)),
                ]) { $1 },
                to: "drives"
            )
            if random.once(in: 2) { _ = addPosition(of: car, drive: nil, at: now - 30_000, elevation: nil, odometer: odometer) }
        }
    }

    private mutating func addPath(
        _ kind: Kind,
        of drive: Int,
        _ car: Int,
        from start: Int,
        odometer: inout Double
    ) -> (positions: [Int], end: Int) {
        var elevations: [Double?]
        switch kind {
        case .ordinary, .open:
            elevations = (0..<random.int(2...9)).map { _ in random.once(in: 5) ? nil : Double(random.int(-800...1200)) / 2 }
        case .withoutPositions: elevations = []
        case .withOnePosition: elevations = [random.once(in: 3) ? nil : 521.5]
        case .withTwins: elevations = [520, 520]
        case .overMountains:
            elevations = random.pick([0, 16384, 0, 16383], [0, 16384, 0, 16384], [-400, 8800, -400, 8800, -400, 8800, -400, 8800])
        }
        var now = start
        let samples = elevations.map { elevation in
            defer { if kind != .withTwins { now += random.int(1...90) * 1000 + random.pick(0, 500, 999) } }
            odometer += random.quarters(0...3)
            return (time: now, elevation: elevation, odometer: odometer)
        }
        // What came first need not have the lowest id.
        let isBackwards = random.once(in: 3)
        let ids = (isBackwards ? samples.reversed() : samples).map { sample in
            addPosition(of: car, drive: drive, at: sample.time, elevation: sample.elevation, odometer: sample.odometer)
        }
        return (isBackwards ? ids.reversed() : ids, now)
    }

    /// - Returns: its id.
    mutating func addPosition(of car: Int, drive: Int?, at time: Int, elevation: Double?, odometer: Double) -> Int {
        let id = nextID("positions")
        let (latitude, longitude) = random.once(in: 8) ? coordinates() : nearHome()
        let measured: PlausibleRow = [
            "elevation": elevation.map { .number($0) } ?? .null, "altitude": elevation.map { .number($0) } ?? .null,
            "speed": maybe(.number(random.pick(0, 130, 32767, -32768))),
            "power": maybe(.number(random.pick(-0.5, 10.5, 11.5, -120, 32767.4, -32768.4))), "odometer": maybe(.number(odometer)),
            "ideal_battery_range_km": range(), "est_battery_range_km": range(), "battery_range_km": range(),
            "rated_battery_range_km": range(),
            "battery_level": level(), "usable_battery_level": level(), "outside_temp": temperature(), "inside_temp": temperature(),
            "driver_temp_setting": temperature(), "passenger_temp_setting": temperature(),
            "fan_status": maybe(.number(random.pick(0, 7, 2_147_483_647))),
        ]
        let flags = [
            "is_climate_on", "is_rear_defroster_on", "is_front_defroster_on", "battery_heater", "battery_heater_on",
            "battery_heater_no_power",
        ].map { ($0, maybe(flag())) }
        let pressures = ["fl", "fr", "rl", "rr"].map { ("tpms_pressure_\($0)", maybe(.number(random.pick(2.9, 3.1, 0, 999.9)))) }
        add(
            measured.merging(flags + pressures) { $1 }.merging([
                "id": .number(id), "date": .time(time), "latitude": latitude, "longitude": longitude, "car_id": .number(car),
                "drive_id": .number(drive), "trip_id": .number(drive),
            ]) { $1 },
            to: "positions"
        )
        return id
    }
}
