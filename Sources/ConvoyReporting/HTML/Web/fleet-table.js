"use strict";

/**
 * The table of a fleet: searched, filtered by outcome and wave, sorted by any column, a page at a time, so that 10,000 instances stay quick.
 *
 *     const table = new FleetTable(container, { rows, linkTo: (row) => `/instances/${encodeURIComponent(row.id)}` });
 *     table.update(rows);
 *
 * An update keeps search, filter, sort, page, scroll and focus. `rows` come from rowsFromColumns.
 */
class FleetTable {
  // What is not on paper would make it too wide.
  static columns = [
    { key: "name", label: "Instance" },
    { key: "status", label: "Outcome", rank: (row) => toneRanks[toneOf(row.status)] },
    { key: "version", label: "Version" },
    { key: "release", label: "Release" },
    { key: "from", label: "From", paper: false },
    { key: "pending", label: "Pending", numeric: true, format: (value) => wholeNumber.format(value) },
    { key: "applied", label: "Applied", numeric: true, format: (value) => wholeNumber.format(value) },
    { key: "migrating", label: "Migrating", numeric: true, format: durationText },
    { key: "note", label: "Failure", className: "note" },
    { key: "wave", label: "Wave" },
    { key: "server", label: "Server" },
    { key: "database", label: "Database" },
    { key: "serverVersion", label: "PostgreSQL" },
    { key: "started", label: "Started (UTC)", format: timeText, className: "time" },
    { key: "lastMigrated", label: "Last migrated (UTC)", format: timeText, className: "time", paper: false },
    { key: "labels", label: "Labels" },
    { key: "cohort", label: "Cohort", paper: false },
  ];

  static collator = new Intl.Collator("en", { numeric: true });

  /** How many rows a print shows at most. */
  static printLimit = 500;

  static count = 0;

  constructor(container, { rows = [], caption = "Instances", pageSize = 100, linkTo = null } = {}) {
    FleetTable.count += 1;
    this.id = `fleet-table-${FleetTable.count}`;
    this.pageSize = pageSize;
    this.linkTo = linkTo;
    this.sort = { key: "status", descending: false };
    this.search = "";
    this.outcome = "";
    this.wave = "";
    this.page = 0;
    this.shown = new Set();
    this.lines = new Map();
    this.searchTexts = new WeakMap();
    this.build(container, caption);
    this.showSort();
    this.update(rows);
    window.addEventListener("beforeprint", () => this.showPage({ printing: true }));
    window.addEventListener("afterprint", () => this.showPage());
  }

  /** Shows other rows, or the same ones as they are now. */
  update(rows) {
    this.rows = rows;
    this.showColumns();
    this.showOutcomes();
    this.showWaves();
    this.choose();
  }

  /** Shows only the instances of a wave; of all if the text is empty. */
  chooseWave(wave) {
    this.wave = wave;
    this.page = 0;
    this.showWaves();
    this.choose();
  }

  build(container, caption) {
    this.searchField = element("input", { type: "search", id: `${this.id}-search`, autocomplete: "off", spellcheck: "false" });
    this.searchField.addEventListener("input", () => {
      this.search = this.searchField.value;
      this.page = 0;
      this.choose();
    });
    this.outcomeField = element("select", { id: `${this.id}-outcome` });
    this.outcomeField.addEventListener("change", () => {
      this.outcome = this.outcomeField.value;
      this.page = 0;
      this.choose();
    });
    this.waveField = element("select", { id: `${this.id}-wave` });
    this.waveField.addEventListener("change", () => this.chooseWave(this.waveField.value));
    this.waves = element("span", { class: "field", hidden: true }, element("label", { for: this.waveField.id }, "Wave"), this.waveField);
    this.hits = element("p", { class: "hits", role: "status" });
    this.header = element("tr", {}, ...FleetTable.columns.map((column) => this.makeHeader(column)));
    this.body = element("tbody");
    const captionID = `${this.id}-caption`;
    this.table = element(
      "table",
      { class: "fleet-table" },
      element("caption", { id: captionID }, caption),
      element("thead", {}, this.header),
      this.body,
    );
    this.scroller = element("div", { class: "scroll", role: "region", tabindex: "0", "aria-labelledby": captionID }, this.table);
    this.pageText = element("span", { class: "page-text" });
    this.pageButtons = [
      ["First", () => 0],
      ["Previous", () => this.page - 1],
      ["Next", () => this.page + 1],
      ["Last", () => this.pages - 1],
    ].map(([label, target]) => {
      const button = element("button", { type: "button", "aria-label": `${label} page` }, label);
      button.addEventListener("click", () => {
        if (button.getAttribute("aria-disabled") === "true") return;
        this.page = target();
        this.showPage();
        this.scroller.scrollTop = 0;
      });
      return button;
    });
    const [first, previous, next, last] = this.pageButtons;
    this.pager = element("nav", { class: "pager", "aria-label": `Pages of ${caption}` }, first, previous, this.pageText, next, last);
    container.replaceChildren(
      element(
        "search",
        { class: "controls" },
        element("span", { class: "field" }, element("label", { for: this.searchField.id }, "Search"), this.searchField),
        element("span", { class: "field" }, element("label", { for: this.outcomeField.id }, "Outcome"), this.outcomeField),
        this.waves,
      ),
      this.hits,
      this.scroller,
      this.pager,
    );
  }

  makeHeader(column) {
    const button = element("button", { type: "button", "data-column": column.key }, column.label, element("span", { "aria-hidden": "true" }));
    button.addEventListener("click", () => this.sortBy(column.key));
    return element("th", { scope: "col", class: this.classOf(column) }, button);
  }

  classOf(column) {
    return [column.numeric && "number", column.className, column.paper === false && "on-screen"].filter(Boolean).join(" ") || null;
  }

  /** A column is shown from when a row has a value for it. All are there, so that one more does not make the lines anew. */
  showColumns() {
    FleetTable.columns.forEach((column, index) => {
      if (this.shown.has(column.key)) return;
      if (column.key === "name" || column.key === "status" || this.rows.some((row) => row[column.key] !== null)) this.shown.add(column.key);
      this.header.children[index].hidden = !this.shown.has(column.key);
    });
  }

  sortBy(key) {
    this.sort = { key, descending: this.sort.key === key && !this.sort.descending };
    this.page = 0;
    this.showSort();
    this.choose();
  }

  showSort() {
    FleetTable.columns.forEach((column, index) => {
      const cell = this.header.children[index];
      const isSorted = column.key === this.sort.key;
      const order = this.sort.descending ? "descending" : "ascending";
      if (isSorted) cell.setAttribute("aria-sort", order);
      else cell.removeAttribute("aria-sort");
      setText(cell.querySelector("span"), isSorted ? (this.sort.descending ? " ▼" : " ▲") : "");
    });
  }

  showOutcomes() {
    const counts = new Map();
    for (const row of this.rows) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
    const bad = this.rows.filter((row) => !isWell(row.status)).length;
    const options = [["", `all (${wholeNumber.format(this.rows.length)})`]];
    if (bad > 0) options.push(["bad", `not well (${wholeNumber.format(bad)})`]);
    const rank = (name) => toneRanks[toneOf(name)];
    for (const name of [...counts.keys()].sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1))) {
      options.push([`=${name}`, `${name} (${wholeNumber.format(counts.get(name))})`]);
    }
    // What is filtered by stays a choice when the last instance with it has gone on.
    if (!options.some(([value]) => value === this.outcome)) {
      options.push([this.outcome, `${this.outcome === "bad" ? "not well" : this.outcome.slice(1)} (0)`]);
    }
    this.setOptions(this.outcomeField, options, this.outcome);
  }

  /** The waves in the order of the rows; there is nothing to choose from one. */
  showWaves() {
    const counts = new Map();
    for (const row of this.rows) if (row.wave !== null) counts.set(row.wave, (counts.get(row.wave) ?? 0) + 1);
    if (this.wave !== "" && !counts.has(this.wave)) counts.set(this.wave, 0);
    this.waves.hidden = counts.size < 2;
    const options = [...counts].map(([wave, count]) => [wave, `${wave} (${wholeNumber.format(count)})`]);
    this.setOptions(this.waveField, [["", `all (${wholeNumber.format(this.rows.length)})`], ...options], this.wave);
  }

  /** Changes the choices of a field in place, so that one that is open stays open. */
  setOptions(field, options, chosen) {
    const old = field.options;
    options.forEach(([value, text], index) => {
      if (!old[index]) field.add(element("option"));
      old[index].value = value;
      setText(old[index], text);
    });
    while (old.length > options.length) field.remove(old.length - 1);
    field.value = chosen;
  }

  /** Filters and sorts, then shows the page. */
  choose() {
    const words = this.search.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = this.rows.filter(
      (row) => this.hasOutcome(row) && (this.wave === "" || row.wave === this.wave) && (words.length === 0 || words.every((word) => this.searchText(row).includes(word))),
    );
    const sign = this.sort.descending ? -1 : 1;
    const { key, rank } = FleetTable.columns.find((column) => column.key === this.sort.key);
    const { collator } = FleetTable;
    chosen.sort((one, other) => {
      const [left, right] = [one[key], other[key]];
      if (left === right) return 0;
      // What has no value comes last, either way.
      if (left === null) return 1;
      if (right === null) return -1;
      const byRank = rank ? rank(one) - rank(other) : 0;
      return sign * (byRank || (typeof left === "number" ? left - right : collator.compare(left, right)));
    });
    this.chosen = chosen;
    const all = counted(this.rows.length, "instance");
    setText(this.hits, chosen.length === this.rows.length ? all : `${wholeNumber.format(chosen.length)} of ${all}`);
    this.showPage();
  }

  hasOutcome(row) {
    if (this.outcome === "") return true;
    return this.outcome === "bad" ? !isWell(row.status) : `=${row.status}` === this.outcome;
  }

  /** Everything but numbers and times. */
  searchText(row) {
    let text = this.searchTexts.get(row);
    if (text === undefined) {
      text = FleetTable.columns
        .filter((column) => !column.format && row[column.key] !== null)
        .map((column) => row[column.key])
        .join("\n")
        .toLowerCase();
      this.searchTexts.set(row, text);
    }
    return text;
  }

  cellText(column, row) {
    const value = row[column.key];
    if (value === null) return "";
    return column.format ? column.format(value) : value;
  }

  get pages() {
    return Math.max(1, Math.ceil(this.chosen.length / this.pageSize));
  }

  /** Shows the rows of the page. A line that was there before is kept and changed in place, so that focus and selection stay. */
  showPage({ printing = false } = {}) {
    this.page = Math.min(Math.max(0, this.page), this.pages - 1);
    const start = printing ? 0 : this.page * this.pageSize;
    const shown = this.chosen.slice(start, printing ? FleetTable.printLimit : start + this.pageSize);
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    const lines = new Map();
    let next = this.body.firstElementChild;
    for (const row of shown) {
      const line = this.lines.get(row.id) ?? this.makeLine(row);
      this.fill(line, row);
      lines.set(row.id, line);
      if (line === next) next = next.nextElementSibling;
      else this.body.insertBefore(line, next);
    }
    for (const [id, line] of this.lines) if (!lines.has(id)) line.remove();
    this.lines = lines;
    if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    const range = shown.length === 0 ? "none" : `${wholeNumber.format(start + 1)}–${wholeNumber.format(start + shown.length)}`;
    setText(this.pageText, `${range} of ${wholeNumber.format(this.chosen.length)}`);
    this.pager.hidden = this.pages === 1;
    const isAtEnd = [this.page === 0, this.page === 0, this.page === this.pages - 1, this.page === this.pages - 1];
    // Not `disabled`: a button that is disabled while it has the focus drops it.
    this.pageButtons.forEach((button, index) => button.setAttribute("aria-disabled", String(isAtEnd[index])));
  }

  makeLine(row) {
    const line = element("tr");
    for (const column of FleetTable.columns) {
      if (column.key === "name") {
        const target = this.linkTo?.(row);
        const name = element("bdi");
        line.append(element("th", { scope: "row" }, target ? element("a", { href: target }, name) : name));
      } else if (column.key === "status") {
        line.append(element("td", {}, element("span", {}, element("span", { "aria-hidden": "true" }), element("span"))));
      } else {
        line.append(element("td", { class: this.classOf(column) }, element("bdi")));
      }
    }
    return line;
  }

  fill(line, row) {
    FleetTable.columns.forEach((column, index) => {
      const cell = line.children[index];
      cell.hidden = !this.shown.has(column.key);
      if (column.key === "status") {
        const tone = toneOf(row.status);
        const badge = cell.firstElementChild;
        if (badge.className !== `badge ${tone}`) badge.className = `badge ${tone}`;
        setText(badge.firstElementChild, `${toneGlyphs[tone]} `);
        setText(badge.lastElementChild, row.status);
      } else {
        setText(cell.querySelector("bdi"), this.cellText(column, row));
      }
    });
  }
}
