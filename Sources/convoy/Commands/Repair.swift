import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRun

/// `convoy repair`
struct Repair: CorrectionCommand {
    static let kind = Correction.Kind.repair

    static let configuration = CommandConfiguration(
        abstract: "Correct ledgers that the schema contradicts, and invalid indexes.",
        usage: "convoy repair [<options>]",
        discussion: """
            Reads ledger, audit log and catalogue of each database, and compares the
            catalogue with those of all versions of the migrations. Where it proves which
            versions were applied, the plan has the rows that the ledger gets and loses.
            After the question, the instances are repaired wave by wave, if ledger and
            schema are still the same. No migration runs.

              convoy repair --dry-run               show the plan only
              convoy repair --instance alice
              convoy repair --accept-edited 20240929084639
              convoy repair --instance alice --at 20240929084639
              convoy repair --dry-run --out plan.json
              convoy repair --plan plan.json        exactly that plan

            Where the catalogue proves nothing, the instance is left as it is, with the
            reason and what to do instead: docs/repair.md has all states.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var outputOptions: ReportOutputOptions
    @OptionGroup var progressOptions: ProgressOptions
    @OptionGroup var changeOptions: ChangeOptions
    @OptionGroup var nowOption: NowOption
    @OptionGroup var instanceOption: InstanceOption

    @Option(
        help: ArgumentHelp(
            "The newest version or release that was applied, where several have the same schema (default: the one that is recognised).",
            valueName: "version"
        ),
        completion: .version,
        transform: TargetArgument.init(argument:)
    )
    var at: TargetArgument?

    @Option(
        help: ArgumentHelp(
            "The file of this version was edited, and is as good as the one that was applied: no longer report it. Repeatable.",
            valueName: "version"
        ),
        completion: .version,
        transform: MigrationVersion.init(argument:)
    )
    var acceptEdited: [MigrationVersion] = []

    @Option(
        help: ArgumentHelp(
            "Remove the row of this version, which is newer than all migrations, if the schema has nothing of it. Repeatable.",
            valueName: "version"
        ),
        transform: MigrationVersion.init(argument:)
    )
    var forget: [MigrationVersion] = []

    @OptionGroup var planOptions: CorrectionPlanOptions

    func validate() throws {
        try checkSharedOptions()
        let decides = at != nil || !acceptEdited.isEmpty || !forget.isEmpty
        if planOptions.planFile != nil, decides || choosesInstances || planOptions.out != nil {
            throw ValidationError(
                "--plan cannot be combined with --at, --accept-edited, --forget, --wave, --select, --instance or --out"
            )
        }
    }

    func change(in session: FleetSession) throws -> Change { .repair(at: try session.version(at, option: "--at")) }

    func judge(in session: FleetSession, of change: Change, pinned: RunPlan?) throws -> any CorrectionJudge {
        if let unknown = acceptEdited.first(where: { session.set[$0] == nil }) {
            throw CommandFailure(
                .usage,
                "--accept-edited: the migration set has no version \(unknown)",
                hint: "`convoy status` shows edited files"
            )
        }
        if let known = forget.first(where: { session.set[$0] != nil }) {
            throw CommandFailure(
                .usage,
                "--forget: the migration set has version \(known)",
                hint: "only rows of versions without a file are forgotten; `convoy rollback` reverts a migration"
            )
        }
        let choices = RepairJudge.Choices(at: change.target, acceptedEdits: Set(acceptEdited), forgotten: Set(forget))
        return try RepairJudge(session.client, pinned.map(RepairJudge.Choices.init) ?? choices)
    }
}
