"""Rows of a TeslaMate database that has been in use for two years, made with generate_series at whatever version the schema stands."""

POSITIONS, DRIVES, PROCESSES, CHARGES, ADDRESSES, GEOFENCES, CARS = 2_000_000, 20_000, 5_000, 500_000, 10_000, 40, 4

# A whole number from 0 to limit - 1 that looks random and is the same in every run.
def scattered(number, salt, limit):
    return f"((({number}) * 2654435761 + {salt} * 40503) / 65536 % {limit})"


# Car c is at n % POSITIONS: hundred positions are one drive and the time until the next.
BLOCK = "((n - 1) / 100)"
PLACE = "((n - 1) % 100)"
CHARGE = f"((n - 1) % {CHARGES // PROCESSES})"
PROCESS = f"((n - 1) / {CHARGES // PROCESSES})"
# Every tenth drive begins with two positions of the same second.
POSITION_DATE = f"timestamp '2017-01-01' + (CASE WHEN n % 1000 = 2 THEN n - 1 ELSE n END) * interval '30 seconds'"
BLOCK_DATE = "timestamp '2017-01-01' + ((n - 1) * 100 + 1) * interval '30 seconds'"
PROCESS_DATE = "timestamp '2017-01-01' + n * interval '3 hours'"
LATITUDE = f"(47.5 + {scattered(BLOCK, 1, 3000)} / 1000.0 + {PLACE} * 0.0003)::float8"
LONGITUDE = f"(8.5 + {scattered(BLOCK, 2, 4000)} / 1000.0 + {PLACE} * 0.0004)::float8"
# One process in three uses three phases; some charges do not tell.
PHASES = f"CASE WHEN {scattered('n', 3, 50)} = 0 THEN NULL WHEN {scattered('n', 4, 400)} = 0 THEN 0 WHEN {PROCESS} % 3 = 0 THEN 3 ELSE 1 END"
CURRENT = f"(10 + {PROCESS} % 20)"

# For each table how many rows, and for each column it ever had the expression that fills it for row n. What is not here keeps its default.
TABLES = {
    "cars": (CARS, {"id": "n", "eid": "1000 + n", "vid": "2000 + n", "model": "'S'", "efficiency": "0.153", "vin": "'VIN' || n", "name": "'car ' || n"}),
    "addresses": (
        ADDRESSES,
        {
            "id": "n", "display_name": "'Street ' || n", "place_id": "n", "osm_id": "n", "osm_type": "'way'", "city": "'City ' || n % 500",
            "country": "'Country'", "road": "'Road ' || n % 3000", "house_number": "n % 200",
            "latitude": f"(47.5 + {scattered('n', 1, 3000)} / 1000.0)::float8", "longitude": f"(8.5 + {scattered('n', 2, 4000)} / 1000.0)::float8",
            "raw": """jsonb_build_object('place_id', n, 'display_name', repeat('a part of the address, ', 8), 'address', jsonb_build_object(
                'road', 'Road ' || n % 3000, 'country', 'Country', CASE n % 5 WHEN 0 THEN 'village' WHEN 1 THEN 'hamlet' WHEN 2 THEN 'town' ELSE 'city' END,
                'Place ' || n % 700))""",
        },
    ),
    "geofences": (
        GEOFENCES,
        {
            "id": "n", "name": "'Fence ' || n", "address_id": "n", "radius": "400 + n * 20",
            "latitude": f"(47.5 + {scattered('n', 5, 3000)} / 1000.0)::float8", "longitude": f"(8.5 + {scattered('n', 6, 4000)} / 1000.0)::float8",
        },
    ),
    "drives": (
        DRIVES,
        {
            "id": "n", "car_id": f"(n - 1) % {CARS} + 1", "start_date": BLOCK_DATE, "end_date": f"{BLOCK_DATE} + interval '42 minutes'",
            "start_address_id": f"n % {ADDRESSES} + 1", "end_address_id": f"(n + 1) % {ADDRESSES} + 1", "distance": "n % 90 + 0.5",
            "start_km": "n * 20.5", "end_km": "n * 20.5 + n % 90 + 0.5", "duration_min": "42", "speed_max": "130", "power_max": "120", "power_min": "-40",
            "outside_temp_avg": "n % 30 + 0.25", "inside_temp_avg": "20.5", "efficiency": "CASE WHEN n % 20 <> 0 THEN 0.5 + n % 97 / 100.0 END",
            "start_range_km": "300 + n % 90", "end_range_km": "290 + n % 90", "start_ideal_range_km": "300 + n % 90", "end_ideal_range_km": "290 + n % 90",
        },
    ),
    "positions": (
        POSITIONS,
        {
            "id": "n", "date": POSITION_DATE, "car_id": f"{BLOCK} % {CARS} + 1", "latitude": LATITUDE, "longitude": LONGITUDE,
            # The last of each hundred are those of a parked car.
            "trip_id": f"CASE WHEN {PLACE} < 85 THEN {BLOCK} + 1 END", "drive_id": f"CASE WHEN {PLACE} < 85 THEN {BLOCK} + 1 END",
            "speed": f"{scattered('n', 7, 130)}", "power": f"{scattered('n', 8, 150)} - 30", "odometer": "n * 0.2", "battery_level": "90 - n % 70",
            "usable_battery_level": "89 - n % 70", "outside_temp": f"{scattered('n', 9, 300)} / 10.0", "inside_temp": f"20 + {scattered('n', 10, 30)} / 10.0",
            "driver_temp_setting": "21.5", "passenger_temp_setting": "21.5", "fan_status": "n % 5", "is_climate_on": "n % 3 = 0",
            "altitude": f"400 + {scattered('n', 11, 600)}", "elevation": f"CASE WHEN n % 11 <> 0 THEN 400 + {scattered('n', 11, 600)} END",
            "battery_range_km": "400 - n % 300 * 0.5", "ideal_battery_range_km": "410 - n % 300 * 0.5",
            "rated_battery_range_km": "400 - n % 300 * 0.5", "est_battery_range_km": "350 - n % 300 * 0.5",
        },
    ),
    "charging_processes": (
        PROCESSES,
        {
            "id": "n", "car_id": f"(n - 1) % {CARS} + 1", "position_id": f"n * {POSITIONS // PROCESSES}", "start_date": PROCESS_DATE,
            "end_date": f"CASE WHEN n % 25 <> 0 THEN {PROCESS_DATE} + interval '100 minutes' END", "charge_energy_added": "n % 60 + 0.25",
            "address_id": f"n % {ADDRESSES} + 1", "duration_min": "100", "start_battery_level": "20", "end_battery_level": "80", "outside_temp_avg": "n % 30",
            "start_soc": "100", "end_soc": "300", "start_range_km": "100", "end_range_km": "300", "start_ideal_range_km": "100", "end_ideal_range_km": "300",
            "start_rated_range_km": "100", "end_rated_range_km": "300",
        },
    ),
    "charges": (
        CHARGES,
        {
            "id": "n",
            # One process in forty has only ten charges, another none, and the next one has theirs.
            "charging_process_id": f"{PROCESS} + CASE WHEN {PROCESS} % 40 = 20 OR ({PROCESS} % 40 = 0 AND {CHARGE} >= 10) THEN 2 ELSE 1 END",
            "date": f"timestamp '2017-01-01' + ({PROCESS} + 1) * interval '3 hours' + {CHARGE} * interval '1 minute'",
            "battery_level": f"20 + {CHARGE} * 60 / 100", "usable_battery_level": f"20 + {CHARGE} * 60 / 100", "charge_energy_added": f"{CHARGE} * 0.31",
            "charger_actual_current": f"CASE WHEN {scattered('n', 14, 80)} <> 0 THEN {CURRENT} END", "charger_pilot_current": "32", "charger_voltage": f"225 + {scattered('n', 12, 10)}", "charger_phases": PHASES,
            "charger_power": f"CASE WHEN {scattered('n', 15, 200)} = 0 THEN -1 ELSE 1 END * round({CURRENT} * 230 * (CASE WHEN {PROCESS} % 3 = 0 THEN 3 ELSE 1 END) / 1000.0)",
            "ideal_battery_range_km": f"100 + {CHARGE} * 2.5", "rated_battery_range_km": f"95 + {CHARGE} * 2.5", "outside_temp": f"{scattered('n', 13, 300)} / 10.0",
            "fast_charger_present": "false", "conn_charge_cable": "'IEC'",
        },
    ),
}
TABLES["trips"] = TABLES["drives"]


def fill(cluster, database):
    """Fills those of the tables that are empty, and leaves the database as after a VACUUM."""
    listed = cluster.sql(
        """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull AND NOT a.atthasdef
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped""",
        database=database,
    )
    columns = {}
    for line in listed.splitlines():
        table, column, kind, needed = line.split("|")
        columns.setdefault(table, []).append((column, kind, needed == "t"))
    # The rows refer to each other as they should, so the checks of the foreign keys can be left out.
    script = ["SET session_replication_role = replica"]
    if "car_settings" in columns:
        script.append(f"INSERT INTO car_settings (id) SELECT n FROM generate_series(1, {CARS}) AS n WHERE NOT EXISTS (SELECT FROM car_settings)")
    for table, (count, expressions) in TABLES.items():
        if table not in columns:
            continue
        chosen = []
        for column, kind, needed in columns[table]:
            if column in ("inserted_at", "updated_at"):
                chosen.append((column, "timestamp '2017-01-01'"))
            elif column == "settings_id":
                chosen.append((column, "n"))
            elif column in expressions:
                chosen.append((column, f"({expressions[column]})::{kind}"))
            elif needed:
                raise SystemExit(f"Benchmarks/run: there is no rule for {table}.{column}")
        script.append(
            f"INSERT INTO {table} ({', '.join(column for column, _ in chosen)}) SELECT {', '.join(expression for _, expression in chosen)}"
            f" FROM generate_series(1::bigint, {count}) AS n WHERE NOT EXISTS (SELECT FROM {table})"
        )
    cluster.sql(*script, database=database)
    cluster.sql("VACUUM (ANALYZE)", database=database)
