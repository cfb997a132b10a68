/// The product itself.
public enum Convoy {
    /// As `convoy --version` prints it and the audit log records it.
    public static let version = "0.1.0"
}
