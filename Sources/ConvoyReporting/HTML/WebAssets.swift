/// The files that browser pages are made of; the report holds them inline, and the dashboard serves them.
package enum WebAssets {
    /// Styles of every page, light and dark, screen and print.
    package static let style = WebAsset("convoy.css", PackageResources.convoy_css)

    /// The parts that pages share, in the order in which they are loaded: classic scripts whose declarations the later ones use.
    package static let scripts = [
        WebAsset("page.js", PackageResources.page_js),
        WebAsset("fleet-rows.js", PackageResources.fleet_rows_js),
        WebAsset("fleet-table.js", PackageResources.fleet_table_js),
        WebAsset("timeline.js", PackageResources.timeline_js),
    ]

    /// What makes the parts of the self-contained report.
    static let reportScript = WebAsset("report.js", PackageResources.report_js)
}
