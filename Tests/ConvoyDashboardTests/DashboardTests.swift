import Testing

@testable import ConvoyDashboard

struct DashboardTests {
}
