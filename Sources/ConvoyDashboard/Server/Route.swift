import ConvoyIO
internal import HTTPTypes
internal import Hummingbird

/// One thing that the server answers to. All of them stand in one table, which the tests walk.
struct Route: Sendable {
    /// The clients that may request it.
    enum Access: Sendable, Hashable {
        /// Every client that can reach the server: for what is needed to log in, and for what reveals nothing.
        case open
        /// Clients that have shown the token, if one is required.
        case reader
        /// Those whose token has the role, for what changes something: the request must come from our own pages, or carry the token itself.
        case change(Role)
    }

    /// The clients that its answers are for, errors included.
    enum Audience: Sendable, Hashable {
        case people, programs
    }

    var method: HTTPRequest.Method
    /// With what varies in braces: `/api/v1/runs/{run}`.
    var path: String
    var access: Access
    var audience: Audience
    var handle: @Sendable (Request, DashboardContext) async throws -> Response

    init(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ access: Access = .reader,
        for audience: Audience = .programs,
        _ handle: @escaping @Sendable (Request, DashboardContext) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.audience = audience
        self.handle = handle
    }
}
