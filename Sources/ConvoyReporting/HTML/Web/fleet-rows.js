"use strict";

// A row is what the table and the timeline know of an instance. Texts are made visible here, once.

/**
 * Rows from columns: `{count, epoch, columns: {name: [...], outcome: {values: [...], indices: [...]}, started: [...]}}`.
 * Times are milliseconds after `epoch`, durations milliseconds.
 */
function rowsFromColumns(fleet) {
  const readers = Object.entries(fleet.columns).map(([key, column]) => [
    key,
    Array.isArray(column) ? (index) => column[index] : (index) => column.values[column.indices[index]],
  ]);
  const rows = [];
  for (let index = 0; index < fleet.count; index += 1) {
    const values = {};
    for (const [key, read] of readers) values[key] = read(index) ?? null;
    for (const key of ["started", "finished", "last_migrated"]) {
      if (typeof values[key] === "number") values[key] += fleet.epoch;
    }
    if (typeof values.migrating === "number") values.migrating /= 1000;
    rows.push(makeRow(values));
  }
  return rows;
}

function makeRow(values) {
  const text = (value) => (value === null || value === undefined || value === "" ? null : visibleText(String(value)));
  const number = (value) => (Number.isFinite(value) ? value : null);
  return {
    // The name as it is, for links and to find the row again.
    id: values.name,
    name: text(values.name) ?? "",
    status: values.state === "running" ? "running" : values.accepted ? `${values.outcome} (accepted)` : (text(values.outcome) ?? "pending"),
    version: text(values.version),
    release: text(values.release),
    from: text(values.from),
    wave: text(values.wave),
    server: text(values.server),
    database: text(values.database),
    serverVersion: text(values.server_version),
    labels: text(values.labels),
    cohort: text(values.cohort),
    note: text(values.note),
    pending: number(values.pending),
    applied: number(values.applied),
    migrating: number(values.migrating),
    started: number(values.started),
    finished: number(values.finished),
    lastMigrated: number(values.last_migrated),
  };
}
