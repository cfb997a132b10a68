"use strict";

// A row is what the table and the timeline know of an instance. Two adapters make rows: one from the instances of convoy.report/1, one from
// the columns that the self-contained report holds. Texts are made visible here, once.

/** Rows from instances of convoy.report/1, as the dashboard's interface gives them. */
function rowsFromInstances(instances) {
  return instances.map((instance) => {
    const labels = Object.entries(instance.labels ?? {}).map(([key, value]) => `${key}=${value}`);
    const time = (text) => (text ? Date.parse(text) : null);
    const pending = instance.pending?.length ?? 0;
    const applied = instance.applied ?? [];
    return makeRow({
      ...instance,
      labels: labels.join(", ") || null,
      note: instance.failure?.message ?? instance.waiting_for,
      pending: pending || instance.server_version ? pending : null,
      applied: instance.started_at ? applied.length : null,
      migrating: applied.length ? applied.reduce((sum, migration) => sum + migration.duration, 0) : null,
      started: time(instance.started_at),
      finished: time(instance.finished_at),
      last_migrated: time(instance.last_migrated_at),
    });
  });
}

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
    status: values.state === "running" ? "running" : (text(values.outcome) ?? "pending"),
    version: text(values.version),
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
