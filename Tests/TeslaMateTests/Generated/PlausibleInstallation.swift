import ConvoyMigrations
import TestSupport

/// The rows of a TeslaMate installation that a seed makes up: what an app of the version could have stored, and what TeslaMate's own
/// migrations take. Limits of types, rows that are rewritten or deleted later, and values that are missing are more frequent than in life.
struct PlausibleInstallation {
    /// By the newest name of each table, without its schema; in the order in which they are stored.
    private(set) var rows: [String: [PlausibleRow]] = [:]
    let version: MigrationVersion
    /// In milliseconds.
    static let day = 86_400_000
    var random: SeededGenerator
    var cars: [Int] = []
    var addresses: [Int] = []
    var geofences: [Int] = []
    private var lastID: [String: Int] = [:]

    init(seed: UInt64, version: MigrationVersion) {
        self.version = version
        random = SeededGenerator(seed: seed)
        addPlaces()
        addCars()
        addSettingsAndTokens()
        for car in cars {
            addDrives(of: car)
            addCharging(of: car)
            addStatesAndUpdates(of: car)
        }
        addImports()
        // A row's place in its table says nothing about its id.
        for table in ["cars", "geofences", "addresses"] { rows[table]?.shuffle(using: &random) }
        if random.once(in: 2) { rows["positions"]?.shuffle(using: &random) }
    }

    mutating func add(_ row: PlausibleRow, to table: String) { rows[table, default: []].append(row) }

    /// The next id in a table, now and then with a gap before it.
    mutating func nextID(_ table: String) -> Int {
        let id = (lastID[table] ?? 0) + (random.once(in: 5) ? random.int(2...40) : 1)
        lastID[table] = id
        return id
    }

    /// Whether the rows are older than what the migration of a version does to them.
    func isBefore(_ migration: Int64) -> Bool { version.value < migration }

    /// The value, or one time in five NULL.
    mutating func maybe(_ value: PlausibleValue) -> PlausibleValue { random.once(in: 5) ? .null : value }

    mutating func reference(to ids: [Int]) -> PlausibleValue { random.once(in: 3) ? .null : .number(random.pick(from: ids)) }

    mutating func flag() -> PlausibleValue { .flag(random.once(in: 2)) }

    /// Degrees Celsius that `numeric(4,1)` can hold, not all of them with one digit.
    mutating func temperature() -> PlausibleValue {
        maybe(.number(random.pick(random.quarters(-40...50), random.quarters(-40...50), 0, -0.04, 99.95, -40.05, 999.94, -999.9)))
    }

    /// Kilometres that `numeric(6,2)` can hold.
    mutating func range() -> PlausibleValue {
        maybe(.number(random.pick(random.quarters(0...520), random.quarters(0...520), 0, 1.005, 2.675, 432.105, 9999.994, -1.5)))
    }

    mutating func level() -> PlausibleValue { maybe(.number(random.int(0...100))) }

    mutating func coordinates() -> (latitude: PlausibleValue, longitude: PlausibleValue) {
        let (latitude, longitude) = random.pick((0, 0), (90, 180), (-90, -180), (-33.8567844, 151.2152967), (69.6496, 18.956))
        return (.number(latitude), .number(longitude))
    }
}

extension PlausibleInstallation {
    /// Where the cars live; geofences lie around it, some over each other.
    private static let home = (latitude: 48.137154, longitude: 11.576124)

    /// A place within a kilometre of home.
    mutating func nearHome() -> (latitude: PlausibleValue, longitude: PlausibleValue) {
        let (north, east) = (Double(random.int(-8000...8000)), Double(random.int(-8000...8000)))
        return (.number(Self.home.latitude + north / 1e6), .number(Self.home.longitude + east / 1e6))
    }

    private mutating func addPlaces() {
        for id in random.ids(random.int(8...20)) {
            let (latitude, longitude) = random.once(in: 6) ? coordinates() : nearHome()
            let hasPlace = !random.once(in: 5)
            addresses.append(id)
            add(
                [
                    "id": .number(id), "display_name": maybe(.text("\(id) Hauptstraße, Großstadt")),
                    "latitude": hasPlace ? latitude : .null,
                    "longitude": hasPlace ? longitude : .null, "name": maybe(.text("Supercharger \(id)")), "house_number": .text("\(id) a"),
                    "road": .text(""), "neighbourhood": .null, "city": maybe(.text("Großstadt")), "county": .text("O'Brien"),
                    "postcode": .text("0\(id)"), "state": .text("Bayern"), "state_district": .null, "country": .text("日本"),
                    "place_id": maybe(.number(1000 + id)), "osm_id": maybe(.number(4_000_000_000 + id)), "osm_type": .text("way"),
                    "raw": random.once(in: 9) ? .null : .text(geocoderAnswer()), "inserted_at": .time(id * 1000),
                    "updated_at": .time(id * 1000),
                    "geofence_id": .null,
                ],
                to: "addresses"
            )
        }
        for (index, id) in random.ids(min(random.int(2...5), addresses.count)).enumerated() {
            let (latitude, longitude) = random.once(in: 6) ? coordinates() : nearHome()
            geofences.append(id)
            add(
                [
                    "id": .number(id), "name": .text(random.pick("Home", "Büro", "")), "latitude": latitude, "longitude": longitude,
                    "radius": .number(random.pick(25, 20.5, 21.5, 150, 400, 800, 5000, 32767)), "address_id": .number(addresses[index]),
                    "phase_correction": maybe(.number(random.int(1...3))), "cost_per_kwh": maybe(.number(random.pick(0.25, 99.99, 0, -1))),
                    "cost_per_unit": maybe(.number(random.pick(0.2965, 99.9999, 0, -1))),
                    "session_fee": maybe(.number(random.pick(1.5, 9999.99, 0))),
                    "billing_type": .text(random.pick("per_kwh", "per_minute")),
                    "inserted_at": .time(id * 1000), "updated_at": .time(id * 2000),
                ],
                to: "geofences"
            )
        }
    }

    /// What the geocoder said, as JSON; in small places the city has another name.
    private mutating func geocoderAnswer() -> String {
        let city = random.pick(#""city": "Großstadt", "#, #""town": "Kleinstadt", "#, #""city": null, "#, "", "", "")
        let place = random.pick(
            #""village": "Dorf""#,
            #""hamlet": "St. \"John\"""#,
            #""croft": "a\\b""#,
            #""locality": null"#,
            #""village": 7"#,
            #""road": "A""#
        )
        return random.once(in: 6) ? #"{"osm_id": 1}"# : "{\"address\": {\(city)\(place)}}"
    }

    private mutating func addCars() {
        cars = random.ids(random.int(2...3))
        if random.once(in: 4) { cars.append(32767) }
        let settings = random.ids(cars.count, from: 3).shuffled(using: &random)
        for (car, settings) in zip(cars, settings) {
            let mayLackModel = !isBefore(20190828150058)
            add(
                [
                    "id": .number(car), "eid": .number(1_000_000_000_000 + car), "vid": .number(car),
                    "model": mayLackModel ? maybe(.text("3")) : .text("S"),
                    "efficiency": mayLackModel ? maybe(.number(0.153)) : .number(0.19),
                    "vin": !isBefore(20260715081000) || !random.once(in: 3) ? .text("5YJ3E7EB\(car)") : .null,
                    "name": maybe(.text(random.pick("Grünling", ""))), "version": maybe(.text("P100D")),
                    "trim_badging": maybe(.text("74D")),
                    "settings_id": .number(settings), "exterior_color": maybe(.text("Red")), "spoiler_type": .null,
                    "wheel_type": maybe(.text("Pinwheel18")), "display_priority": .number(random.pick(1, 2, 32767)),
                    "marketing_name": maybe(.text("LR AWD")), "inserted_at": .time(car * 1000), "updated_at": .time(car * 1000),
                ],
                to: "cars"
            )
            add(
                [
                    "id": .number(settings), "suspend_min": .number(random.pick(21, 1, 90)),
                    "suspend_after_idle_min": .number(random.pick(15, 1, 60)), "req_no_shift_state_reading": flag(),
                    "req_no_temp_reading": flag(), "req_not_unlocked": flag(), "sleep_mode_enabled": flag(), "free_supercharging": flag(),
                    "use_streaming_api": flag(), "enabled": flag(), "lfp_battery": flag(),
                ],
                to: "car_settings"
            )
            for table in ["geofence_sleep_mode_whitelist", "geofence_sleep_mode_blacklist"] {
                for geofence in geofences where random.once(in: 3) {
                    add(["car_id": .number(car), "geofence_id": .number(geofence)], to: table)
                }
            }
        }
    }

    private mutating func addSettingsAndTokens() {
        // What is less than 21 is raised to it; later on, the app has its limits.
        let minutes = isBefore(20190814152810) ? random.pick(12, 0, -5, 30) : random.pick(21, 1, 90)
        add(
            [
                "id": .number(random.pick(1, 7)), "use_imperial_units": flag(), "unit_of_length": .text(random.pick("km", "mi")),
                "unit_of_temperature": .text(random.pick("C", "F")), "unit_of_pressure": .text(random.pick("bar", "psi")),
                "preferred_range": .text(random.pick("ideal", "rated")), "suspend_min": .number(minutes),
                "suspend_after_idle_min": .number(random.pick(15, 1, 60)), "req_no_shift_state_reading": flag(),
                "req_no_temp_reading": flag(),
                "req_not_unlocked": flag(), "base_url": maybe(.text("https://teslamate.example")), "grafana_url": maybe(.text("")),
                "language": .text(random.pick("en", "de")), "theme_mode": .text(random.pick("system", "dark")), "inserted_at": .time(5000),
                "updated_at": .time(9000),
            ],
            to: "settings"
        )
        for _ in 0..<random.int(0...2) {
            add(
                [
                    "id": .number(nextID("tokens")),
                    "access": .text(random.pick("qts-1a2b", "", "schlüssel ✓", String(repeating: "x", count: 255))),
                    "refresh": .text(isBefore(20210130174838) ? "eyJh" : String(repeating: "eyJh", count: 300)), "inserted_at": .time(1000),
                    "updated_at": .time(2000),
                ],
                to: "tokens"
            )
        }
    }

    private mutating func addStatesAndUpdates(of car: Int) {
        var now = random.int(10...20) * Self.day
        for isLast in [false, false, false, true] {
            let end = now + random.pick(0, 1000, Self.day, 3_600_500)
            add(
                [
                    "id": .number(nextID("states")), "state": .text(random.pick("online", "offline", "asleep")), "start_date": .time(now),
                    "end_date": isLast && random.once(in: 2) ? .null : .time(end), "car_id": .number(car),
                ],
                to: "states"
            )
            add(
                [
                    "id": .number(nextID("updates")), "version": maybe(.text("2019.5.15 c9ccf5c")), "start_date": .time(now),
                    "end_date": maybe(.time(end)), "car_id": .number(car),
                ],
                to: "updates"
            )
            now = end
        }
    }

    private mutating func addImports() {
        for run in random.ids(random.int(1...3)) {
            let times: PlausibleRow = ["inserted_at": .time(123_456), "updated_at": .time(123_457)]
            let file: PlausibleRow = ["run_id": .number(run), "file_name": .text("TeslaFi82019.csv"), "file_fingerprint": .text("\(run)f")]
            add(
                times.merging([
                    "id": .number(run), "source_key": .text("key \(run)"), "status": .text(random.pick("running", "completed")),
                    "timezone": .text("Europe/Berlin"), "date_limit": maybe(.time(Self.day)), "date_limit_captured": flag(),
                    "car_id": reference(to: cars),
                ]) { $1 },
                to: "import_runs"
            )
            add(
                times.merging(file) { $1 }.merging(["id": .number(nextID("import_file_checkpoints")), "completed_at": .time(Self.day)]) {
                    $1
                },
                to: "import_file_checkpoints"
            )
            add(
                times.merging(file) { $1 }.merging([
                    "id": .number(nextID("import_rejections")), "row": .number(random.int(1...9000)), "reason": .text("no date"),
                    "fields": .text(random.pick("{}", #"{"a, b",NULL}"#)),
                ]) { $1 },
                to: "import_rejections"
            )
        }
    }
}
