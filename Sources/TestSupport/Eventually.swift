import ConvoyText

/// Waits for a condition that something else brings about: asks every 10 ms until it holds.
///
///     try await eventually("the holder has the lock") { try await holds(lock) }
///
/// This is the only place in the tests that waits between two looks.
///
/// - Parameters:
///   - limit: how long to ask; generous, because it is only used up by a failing test.
/// - Throws: ``TestSupportError`` when the limit is over; what the condition throws.
public func eventually(
    _ condition: String,
    within limit: Duration = .seconds(10),
    fileID: String = #fileID,
    line: Int = #line,
    _ holds: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while true {
        if try await holds() { return }
        guard clock.now < deadline else {
            throw TestSupportError("\(fileID):\(line): not within \(limit): \(condition)")
        }
        try await clock.sleep(for: .milliseconds(10))
    }
}

/// Runs a body that must end in time, and cancels it where it does not.
///
/// - Throws: ``TestSupportError`` when the limit is over and the body has ended; what the body throws.
public func within<Value: Sendable>(
    _ limit: Duration,
    fileID: String = #fileID,
    line: Int = #line,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await ContinuousClock().sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let value = first else {
            throw TestSupportError("\(fileID):\(line): took longer than \(limit)")
        }
        return value
    }
}
