package import ConvoyFleet
package import ConvoyMigrations

/// What a hook or a gate's command runs for: where its placeholders and its `CONVOY_*` variables come from.
package struct HookOccasion: Sendable {
    /// The run's id.
    package var run: String
    /// Which way the migrations go.
    package var direction: MigrationDirection
    /// Nil around a run.
    package var wave: String?
    /// Nil around a run, and around a wave.
    package var instance: Instance?
    /// The version on which the instance was; nil if it was on none, or if it is not known.
    package var from: MigrationVersion?
    /// The version to which the run takes the instance, and after the work that on which it is; nil if it is not known.
    package var to: MigrationVersion?
    /// How the instance, the wave or the run ended, for a hook that comes after it.
    package var outcome: String?

    package init(
        run: String,
        direction: MigrationDirection,
        wave: String? = nil,
        instance: Instance? = nil,
        from: MigrationVersion? = nil,
        to: MigrationVersion? = nil,
        outcome: String? = nil
    ) {
        self.run = run
        self.direction = direction
        self.wave = wave
        self.instance = instance
        self.from = from
        self.to = to
        self.outcome = outcome
    }

    /// The value of a placeholder; nil if it has no value here.
    func value(of word: String, fleet: String) -> String? {
        switch word {
        case "run": run
        case "fleet": fleet
        case "wave": wave
        case "name": instance?.name
        case "server": instance?.server
        case "database": instance?.database
        case _ where word.hasPrefix("label."): instance?.labels[String(word.dropFirst("label.".count))]
        default: nil
        }
    }

    /// The variables that say what a program runs for.
    ///
    /// - Parameter releases: of the migration set.
    func environment(fleet: String, hook: String, releases: ReleaseList = ReleaseList()) -> [String: String] {
        var variables: [String: String] = [:]
        for variable in HookVariable.allCases {
            if let value = value(of: variable, fleet: fleet, hook: hook, releases) { variables[variable.rawValue] = value }
        }
        // Of two labels that become one variable, the first in the alphabet has it.
        for (key, value) in (instance?.labels ?? [:]).sorted(by: { $0.key > $1.key }) {
            variables[HookVariable.labelPrefix + Self.variableName(key)] = value
        }
        return variables
    }

    private func value(of variable: HookVariable, fleet: String, hook: String, _ releases: ReleaseList) -> String? {
        switch variable {
        case .run: run
        case .fleetName: fleet
        case .hook: hook
        case .direction: direction.rawValue
        case .wave: wave
        case .instance: instance?.name
        case .server: instance?.server
        case .database: instance?.database
        case .from: from?.description
        case .to: to?.description
        case .fromRelease: from.flatMap { releases.place(of: $0)?.text }
        case .toRelease: to.flatMap { releases.place(of: $0)?.text }
        case .outcome: outcome
        case .status: hook == HookPoint.afterRun.rawValue ? outcome : nil
        }
    }

    /// A label's key as a shell can name it: capitals, digits and underscores.
    private static func variableName(_ key: String) -> String {
        String(key.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}
