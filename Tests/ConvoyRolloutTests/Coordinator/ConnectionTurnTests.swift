import ConvoyFleet
import ConvoyInstance
import ConvoyPostgres
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

@Suite("Limits of connections that are not the server's")
struct ConnectionTurnTests {
    @Test(
        arguments: [
            (nil, 1, 100 - ServerSlots.spare), (3, 1, 2), (3, 2, 4), (2, 1, 1), (1, 3, 3), (0, 1, 0), (-2, 1, 0),
            (1000, 1, 100 - ServerSlots.spare), (.max, .max, 100 - ServerSlots.spare),
        ] as [(Int?, Int, Int)]
    )
    func aRolesLimitLowersTheBudget(forRole: Int?, connections: Int, available: Int) {
        var slots = ServerSlots(maximum: 105, reserved: 3, others: 2, forRole: forRole)
        slots.countRole(connections: connections)
        #expect(slots.available == available)
    }

    @Test func aRoleOfOtherInstancesDoesNotCount() {
        #expect(ServerSlots(maximum: 105, reserved: 3, others: 2, forRole: 1).available == 100 - ServerSlots.spare)
    }

    @Test(arguments: [
        ("53300", "too many connections for role \"teslamate\"", true), ("53300", "sorry, too many clients already", true),
        ("53300", "too many connections for database \"tm\"", true),
        ("08P01", "no more connections allowed (max_client_conn)", true), ("08P01", "query_wait_timeout", true),
        ("XX000", "Max client connections reached", true), ("08P01", "client connections exceeded the limit", true),
        ("08P01", "unsupported startup parameter: x", false),
        ("28P01", "password authentication failed for user \"too many clients\"", false),
        ("3D000", "database \"no more connections allowed\" does not exist", false), ("57P03", "the database system is starting up", false),
        ("53200", "out of memory", false),
    ])
    func fullIsLaterAndNotUnreachable(_ sqlstate: String, _ message: String, _ isFull: Bool) {
        let error = PostgresError(.connectFailed, message, server: ServerMessage(severity: "FATAL", sqlstate: sqlstate, message: message))
        #expect(error.saysNoConnectionIsLeft == isFull)
        #expect(!PostgresError(.connectFailed, message).saysNoConnectionIsLeft)
    }
}
