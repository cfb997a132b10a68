import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

/// What the functions of the schema return, which the catalogue does not tell.
@Suite(.timeLimit(.minutes(10))) struct FunctionTests {
    /// Calls and what they return, at a version.
    struct Calls: Sendable, CustomTestStringConvertible {
        let version: MigrationVersion
        let results: KeyValuePairs<String, String?>

        var testDescription: String { "\(version)" }
    }

    private static let calls = [
        Calls(
            version: MigrationVersion(20200502140646),
            results: [
                "convert_km(100, 'km')": "100", "convert_km(160.934, 'mi')": "100", "convert_km(100, 'm')": nil,
                "convert_km(NULL, 'km')": nil,
                "convert_celsius(21.5, 'C')": "21.5", "convert_celsius(100, 'F')": "212", "convert_celsius(100, 'K')": nil,
                "convert_m(100, 'm')": "100", "convert_m(100, 'ft')": "328.084", "convert_m(100, 'km')": nil,
            ]
        ),
        // From 20200528175158 they take numeric, with all its digits.
        Calls(
            version: MigrationVersion(20260718160000),
            results: [
                "convert_km(100.1234, 'km')": "100.1234", "convert_km(1.60934, 'mi')": "1", "convert_km(100, 'm')": nil,
                "convert_km(NULL, 'km')": nil, "convert_celsius(21.5, 'C')": "21.5", "convert_celsius(36.66, 'F')": "97.988",
                "convert_celsius(100, 'K')": nil, "convert_m(100, 'ft')": "328.084", "convert_tire_pressure(2.9, 'bar')": "2.9",
                "convert_tire_pressure(10, 'psi')": "145.03773773", "convert_tire_pressure(10, 'kPa')": nil,
            ]
        ),
    ]

    @Test(arguments: calls)
    func conversions(calls: Calls) async throws {
        try await PostgresServer.shared().withDatabase(at: calls.version) { database in
            for (call, expected) in calls.results {
                let value = try await database.query("SELECT public.\(call)::text AS value").onlyRow().optionalText("value")
                #expect(value.map(canonicalNumber) == expected.map(canonicalNumber), "\(call)")
            }
        }
    }

    /// How numbers are compared, here and in the cases.
    @Test(arguments: [
        "12.50": "12.5", "1.25e1": "12.5", "1e-05": "0.00001", "-0.10": "-0.1", "007": "7", "100": "100", "1e+20": "100000000000000000000",
        "0.000": "0", "-0": "0", "NaN": "NaN", "-Infinity": "-Infinity", "12.34e-1": "1.234", "0.00123e5": "123",
    ])
    func numbersAreComparedByValue(text: String, canonical: String) {
        #expect(canonicalNumber(text) == canonical)
    }

    /// 2019 the functions of earthdistance get a search path so that they work in an index, later one gets another body; 2024 both are as the
    /// extension has them.
    @Test(
        arguments: [
            (20190925152807, ["earth_box search_path=public", "ll_to_earth search_path=public"]),
            (20191008191431, ["earth_box search_path=public", "ll_to_earth"]), (20240929084639, ["earth_box", "ll_to_earth"]),
        ] as [(Int64, [String])]
    )
    func theFunctionsOfEarthdistance(version: Int64, settings: [String]) async throws {
        try await PostgresServer.shared().withDatabase(at: MigrationVersion(version)) { database in
            let found = try await database.query(
                """
                SELECT concat_ws(' ', p.proname, array_to_string(p.proconfig, ', ')) AS settings,
                    p.provolatile = 'i' AND p.proparallel = 's' AS is_pure
                FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                WHERE p.proname IN ('ll_to_earth', 'earth_box') AND p.pronamespace = 'public'::regnamespace
                ORDER BY p.proname
                """
            ).rows
            #expect(try found.map { row throws(PostgresError) in try row.text("settings") } == settings)
            #expect(try found.allSatisfy { row throws(PostgresError) in try row.bool("is_pure") })
            // Munich to Berlin.
            let distance = try await database.query(
                "SELECT round(earth_distance(ll_to_earth(48.137, 11.575), ll_to_earth(52.52, 13.405))::numeric / 1000) AS km"
            ).onlyRow().text("km")
            #expect(distance == "505")
        }
    }
}
