package import ConvoyFleet

/// Runs health checks on an instance, in order and on one connection.
///
/// - Returns: nil when every check holds. Otherwise why the first one does not: ``Outcome/checkFailed``, ``Outcome/unreachable`` when the
///   instance could not be asked, or ``Outcome/interrupted``.
package typealias HealthCheckRunner = @Sendable (_ checks: [Check], _ instance: Instance) async -> Failure?
