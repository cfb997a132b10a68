/// What a wait does when its task is cancelled.
package enum Cancellation: Sendable, Hashable {
    /// It ends.
    case observed
    /// It continues: for clean-up, which must not itself be cancelled.
    case ignored
}
