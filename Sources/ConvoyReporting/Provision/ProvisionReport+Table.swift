internal import ConvoyMigrations
internal import ConvoyRun
package import ConvoyText

extension ProvisionReport {
    /// The report as people read it: the tenants, what would be run for each, what went wrong, and last what it comes to.
    package func table(_ style: OutputStyle) -> String {
        var blocks = [tenantLines(style)]
        for tenant in tenants where !tenant.statements.isEmpty || isAdded(tenant) { blocks.append(lines(of: tenant, style)) }
        blocks += FailureGroup.groups(
            of: tenants.compactMap { tenant in
                tenant.failure.map { FailureGroup.Occurrence(instance: tenant.name, wave: nil, at: nil, failure: $0) }
            }
        ).map { $0.lines(style, word: Outcome($0.failure).rawValue) }
        if let entryProblem {
            let entries = tenants.filter { $0.entryState == .manual }.compactMap(\.entry).joined()
            let request = isDryRun ? "you would have to add these lines" : "add these lines"
            blocks.append(
                ["\(fleetFile.visible) \(entryProblem.visible); \(request) under `instances` yourself:"] + Self.lines(of: entries)
            )
        }
        blocks.append([verdict])
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func tenantLines(_ style: OutputStyle) -> [String] {
        let hasFiles = tenants.contains { $0.passwordFile != nil }
        var columns: [TextTable.Column] = [
            .init("NAME", minimumWidth: 8, importance: 6), .init("SERVER", minimumWidth: 6, importance: 1),
            .init("DATABASE", minimumWidth: 12, importance: 4), .init("ROLE", minimumWidth: 12, importance: 3),
            .init("OUTCOME", importance: 5), .init("VERSION", importance: 2),
        ]
        if hasFiles { columns.append(.init("PASSWORD", minimumWidth: 12, importance: 2)) }
        var table = TextTable(columns)
        for tenant in tenants {
            let outcome = TextTable.Cell(tenant.outcome.rawValue, tenant.outcome.isGood ? .good : .bad)
            let cells: [TextTable.Cell] = [
                "\(tenant.name)", "\(tenant.server)", "\(tenant.database)", "\(tenant.role)", outcome,
                "\(tenant.version?.description ?? "-")",
            ]
            table.add(cells + (hasFiles ? ["\(tenant.passwordFile ?? "-")"] : []))
        }
        return table.lines(style)
    }

    /// Whether a dry run shows that its entry would be added.
    private func isAdded(_ tenant: Tenant) -> Bool { isDryRun && tenant.outcome.isGood && tenant.entryState == .due && tenant.entry != nil }

    private func lines(of tenant: Tenant, _ style: OutputStyle) -> [String] {
        var lines: [String] = []
        if !tenant.statements.isEmpty { lines.append(style.paint("\(tenant.name.visible): as the admin role", .heading)) }
        for statement in tenant.statements { lines += Self.lines(of: statement).map { "  \($0)" } }
        guard isAdded(tenant), let entry = tenant.entry else { return lines }
        return lines + [style.paint("\(tenant.name.visible): added to \(fleetFile.visible)", .heading)] + Self.lines(of: entry)
    }

    private static func lines(of text: String) -> [String] { text.split(separator: "\n").map { String($0).visible } }

    /// One line.
    private var verdict: String {
        var parts = counts.map { "\($0.count) \($0.outcome.rawValue)" }
        let written = tenants.count { $0.entryState == .written }
        if written > 0 { parts.append("\(Self.entries(written)) added to \(fleetFile.visible)") }
        return "\(fleet.visible): \(parts.joined(separator: ", "))\(isDryRun ? "; nothing was changed" : "")"
    }
}
