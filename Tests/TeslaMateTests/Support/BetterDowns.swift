import ConvoyMigrations

/// Ways down that restore more than TeslaMate's own: what they give instead of what `down.csv` says. `Migrations/README.md` tells in what.
let betterDowns: [MigrationVersion: RecordedDown] = [
    MigrationVersion(20190913175011): .columnOrder,
    MigrationVersion(20191003130650): .exact,
    MigrationVersion(20191026144449): .exact,
    MigrationVersion(20200203120311): .exact,
    MigrationVersion(20200216121330): .exact,
    MigrationVersion(20200528175158): .exact,
    MigrationVersion(20220617170400): .exact,
    MigrationVersion(20260411070212): .exact,
]
