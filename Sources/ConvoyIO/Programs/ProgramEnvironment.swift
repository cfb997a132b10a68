/// The variables of our own environment that the programs of a fleet file get: what a program needs to run at all, and what the fleet file names for
/// them. Everything else stays here, tokens and passwords above all.
package enum ProgramEnvironment {
    private static let names: Set<String> = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
        // Where Docker, Podman, Kubernetes and systemd are found. None of them holds a secret itself.
        "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINER_HOST", "KUBECONFIG", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK",
    ]

    private static let prefixes = ["LC_", "XDG_"]

    /// - Parameters:
    ///   - named: what the fleet file names; the operator's word counts.
    ///   - secrets: variables that the fleet file takes secrets from.
    package static func variables(
        of environment: [String: String],
        named: some Collection<String>,
        secrets: Set<String>
    ) -> [String: String] {
        environment.filter { name, _ in
            if named.contains(name) { return true }
            return (names.contains(name) || prefixes.contains(where: name.hasPrefix)) && !secrets.contains(name)
        }
    }
}
