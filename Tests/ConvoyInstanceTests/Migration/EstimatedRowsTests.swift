import ConvoyFleet
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// About how many rows a rollback would delete, as far as the catalogue knows.
@Suite(.timeLimit(.minutes(3))) struct EstimatedRowsTests {
    @Test(arguments: PostgresServer.Release.tested) func whatWasNotAnalysedIsNotKnown(_ release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase { database in
            let runner = InstanceRunner(set)
            #expect(await runner.up(database.instance()).failure == nil)
            try await database.execute([
                "CREATE TABLE public.known (id int)", "INSERT INTO public.known SELECT generate_series(1, 500)", "ANALYZE public.known",
                "CREATE TABLE public.parts (id int) PARTITION BY RANGE (id)",
                "CREATE TABLE public.low PARTITION OF public.parts FOR VALUES FROM (0) TO (100)",
                "CREATE TABLE public.high PARTITION OF public.parts FOR VALUES FROM (100) TO (1000)",
                "INSERT INTO public.parts SELECT generate_series(0, 299)", "ANALYZE public.parts",
                "CREATE TABLE public.empty (id int)", "CREATE TABLE public.mixed (id int) PARTITION BY RANGE (id)",
                "CREATE TABLE public.part PARTITION OF public.mixed FOR VALUES FROM (0) TO (100)",
            ])
            let tables = [["known"], ["public", "parts"], ["empty"], ["mixed"], ["missing"]]
            let rows = try #require(await runner.estimatedRows(of: tables, on: database.instance()))
            #expect(Set(rows.keys) == [["known"], ["public", "parts"]])
            // A server that analyses what the same session has just inserted counts it twice.
            #expect([500, 1000].contains(rows[["known"]]))
            #expect([300, 600].contains(rows[["public", "parts"]]))
        }
    }
}
