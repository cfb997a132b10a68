"use strict";

/** A mark for each outcome, so that colour alone never carries the meaning. */
const outcomeMarks = {
  "up-to-date": "✓",
  migrated: "✓",
  "rolled-back": "↩",
  pending: "◦",
  running: "▸",
  failed: "✗",
  "lock-busy": "L",
  unreachable: "U",
  unprovisioned: "P",
  ahead: "A",
  edited: "E",
  "out-of-order": "O",
  blocked: "B",
  "check-failed": "C",
  interrupted: "I",
  unknown: "?",
  skipped: "–",
  "ahead (accepted)": "A",
};

/**
 * One cell for each instance, coloured and marked by its outcome. It is a picture: the table has the same facts as text.
 *
 *     const grid = new FleetGrid(container, (row) => `/instances/${encodeURIComponent(row.id)}`);
 *     grid.update(rows, changedNames);
 */
class FleetGrid {
  /** From this number of instances on, cells are small. */
  static crowd = 400;

  /** - linkTo: the address of a row's page. */
  constructor(container, linkTo) {
    this.linkTo = linkTo;
    this.cells = new Map();
    this.shown = new Map();
    this.picture = element("div", { class: "grid", "aria-hidden": "true" });
    this.legend = element("ul", { class: "legend" });
    container.replaceChildren(this.picture, this.legend);
  }

  /** - changed: the names of the rows that have changed; nil for all. */
  update(rows, changed) {
    if (changed === null || rows.length !== this.cells.size) this.build(rows);
    else for (const row of rows) if (changed.has(row.id)) this.fill(this.cells.get(row.id), row);
    this.showLegend(rows);
  }

  build(rows) {
    const cells = new Map();
    for (const row of rows) {
      const cell = this.cells.get(row.id) ?? element("a", { href: this.linkTo(row), tabindex: "-1" });
      this.fill(cell, row);
      cells.set(row.id, cell);
    }
    this.cells = cells;
    this.picture.className = rows.length > FleetGrid.crowd ? "grid crowded" : "grid";
    this.picture.replaceChildren(...cells.values());
  }

  fill(cell, row) {
    cell.className = `cell ${toneOf(row.status)}`;
    setText(cell, outcomeMarks[row.status] ?? "?");
    cell.title = [row.name, row.status, row.version, row.note].filter((text) => text !== null).join("\n");
  }

  showLegend(rows) {
    const counts = new Map();
    for (const row of rows) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
    const order = Object.keys(outcomeMarks);
    const items = [...counts.keys()]
      .sort((one, other) => order.indexOf(one) - order.indexOf(other))
      .map((status) =>
        element("li", { class: toneOf(status) }, element("span", { "aria-hidden": "true" }, `${outcomeMarks[status] ?? "?"} `), `${status} ${wholeNumber.format(counts.get(status))}`),
      );
    this.legend.replaceChildren(...items);
  }
}
