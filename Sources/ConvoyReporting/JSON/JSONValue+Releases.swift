package import ConvoyMigrations
package import ConvoyText

extension JSONValue {
    /// An object with a place among releases behind the version that it belongs to; as it is if no releases are known.
    func naming(_ key: String, _ place: ReleaseList.Place?, behind version: String, in releases: ReleaseList) -> JSONValue {
        releases.isEmpty ? self : inserting(key, .optional(place?.text), behind: version)
    }

    /// A document with the release of its `target`; as it is if no releases are known.
    package func namingTarget(_ target: MigrationVersion?, in releases: ReleaseList) -> JSONValue {
        naming("target_release", target.flatMap { releases.place(of: $0) }, behind: "target", in: releases)
    }
}
