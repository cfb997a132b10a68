package import ConvoyIO
internal import ConvoyPostgres

/// Every secret that this process knows: those of the fleet file, what its secret commands gave and will give, and those that libpq and Convoy take
/// from the environment.
///
///     let secrets = KnownSecrets(fleet, environment: settings.environment)
///     let runner = InstanceRunner(set: set, steps: steps, secrets: secrets)
package struct KnownSecrets: Sendable {
    /// Hides all of them: for what programs write.
    package let mask: SecretMask
    /// Masks secrets that are not words of the fleet, in messages of servers. A password `teslamate` would mask half of a message about the
    /// role `teslamate`, and thereby reveal itself.
    package let wordMask: SecretMask
    /// The variables that they come from.
    package let variables: Set<String>

    /// No secrets.
    package init() {
        mask = SecretMask([])
        wordMask = mask
        variables = []
    }

    /// The secrets of a fleet file, and the values of `CONVOY_TOKEN` and `PGPASSWORD` in an environment.
    package init(_ fleet: Fleet, environment: [String: String]) {
        let ambient = Self.variables.compactMap { environment[$0] }.filter { !$0.isEmpty }
        let all = fleet.secrets.map { $0.reveal() } + ambient
        let words = Self.words(of: fleet)
        let isMasked = { @Sendable (secret: String) in secret.utf8.count >= Self.shortest && !words.contains(secret) }
        mask = SecretMask(all, late: fleet.secretCommands?.lateMask { _ in true })
        wordMask = SecretMask(all.filter(isMasked), late: fleet.secretCommands?.lateMask(accepting: isMasked))
        variables = fleet.secretVariables.union(Self.variables)
    }

    /// What Convoy and libpq read by themselves.
    private static let variables = ["CONVOY_TOKEN", "PGPASSWORD"]
    /// A shorter one is part of too many words.
    private static let shortest = 6

    private static func words(of fleet: Fleet) -> Set<String> {
        var words: Set<String> = [fleet.name]
        for instance in fleet.instances + fleet.discoveries.map(\.template) {
            words.formUnion([instance.name, instance.server, instance.database])
            for parameters in [instance.connection, instance.direct, instance.admin].compactMap(\.self) {
                words.formUnion(["user", "dbname", "host", "hostaddr", "service"].compactMap { parameters[$0] })
            }
        }
        return words
    }
}
