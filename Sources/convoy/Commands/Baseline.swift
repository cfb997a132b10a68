import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRun

/// `convoy baseline`
struct Baseline: CorrectionCommand {
    static let kind = Correction.Kind.baseline

    static let configuration = CommandConfiguration(
        abstract: "Write the ledger of databases that have none, after recognising the version.",
        usage: "convoy baseline [<options>]",
        discussion: """
            Reads the catalogue of each database and compares it with those of all
            versions of the migrations. Where it is that of a version, the plan has the
            rows that the ledger gets. After the question, the instances get them wave by
            wave, each in one transaction, if their schema is still the same. No
            migration runs.

              convoy baseline --dry-run             show the plan only
              convoy baseline --instance alice
              convoy baseline --select ring=canary --at 20240929084639
              convoy baseline --dry-run --out plan.json
              convoy baseline --plan plan.json      exactly that plan

            A database that is empty, whose schema is that of no version, or whose ledger
            contradicts the schema is left as it is, with the reason. Some versions have
            the same schema, because a migration changes only rows: where it matters
            which one it is, choose with --at.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var outputOptions: ReportOutputOptions
    @OptionGroup var progressOptions: ProgressOptions
    @OptionGroup var changeOptions: ChangeOptions
    @OptionGroup var nowOption: NowOption
    @OptionGroup var instanceOption: InstanceOption

    @Option(
        help: ArgumentHelp("The version or release that the databases are at (default: the one that is recognised).", valueName: "version"),
        completion: .version,
        transform: TargetArgument.init(argument:)
    )
    var at: TargetArgument?

    @Flag(help: "Write the version of --at even where the schema is another one; with --instance or --select.")
    var force = false

    @OptionGroup var planOptions: CorrectionPlanOptions

    func validate() throws {
        try checkSharedOptions()
        if force, at == nil { throw ValidationError("--force requires --at") }
        if force, planOptions.planFile == nil, instanceOption.names.isEmpty, options.select == nil {
            throw ValidationError("--force requires --instance or --select: it writes one version, whatever the schemas are")
        }
        if planOptions.planFile != nil, at != nil || choosesInstances || planOptions.out != nil {
            throw ValidationError("--plan cannot be combined with --at, --force, --wave, --select, --instance or --out")
        }
    }

    func change(in session: FleetSession) throws -> Change { .baseline(at: try session.version(at, option: "--at")) }

    func judge(in session: FleetSession, of change: Change, pinned: RunPlan?) throws -> any CorrectionJudge {
        let isForced = pinned?.instances.contains { $0.correction?.isForced == true } ?? force
        return try BaselineJudge(session.client, at: change.target, isForced: isForced)
    }
}
