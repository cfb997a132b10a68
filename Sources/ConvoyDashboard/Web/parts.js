"use strict";

// What several pages show. All texts become text nodes.

function place(id) {
  return document.getElementById(id);
}

/** A badge with the outcome, or the status of a run. */
function badge(status) {
  const tone = runTones[status] ?? toneOf(status);
  return element("span", { class: `badge ${tone}` }, element("span", { "aria-hidden": "true" }, `${toneGlyphs[tone]} `), visibleText(status));
}

/** How the status of a run is meant, where it is not an outcome's word. */
const runTones = { succeeded: "good", running: "active", halted: "bad", failed: "bad", "cut-off": "bad", interrupted: "notable", abandoned: "notable" };

/** Fills a list of names and values; a value is a text or nodes, nil leaves it out. */
function showFacts(list, facts) {
  const shown = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  list.replaceChildren(
    ...shown.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value instanceof Node ? value : element("bdi", {}, visibleText(String(value)))))),
  );
}

/** A tile an outcome, the bad ones first. */
function showTiles(list, outcomes) {
  const names = Object.keys(outcomes).sort((one, other) => toneRanks[toneOf(one)] - toneRanks[toneOf(other)] || outcomes[other] - outcomes[one]);
  list.replaceChildren(
    ...names.map((name) =>
      element("li", { class: toneOf(name) }, element("strong", {}, wholeNumber.format(outcomes[name])), element("span", { "aria-hidden": "true" }, `${outcomeMarks[name] ?? "?"} `), name),
    ),
  );
}

/**
 * A plain table. `columns`: `{label, numeric}`; `rows`: a list of cells, each a text or a node; the first is the row's heading. One that is
 * `stacked` shows a row's cells below each other on a narrow screen, so that none of them has to be scrolled to.
 */
function plainTable(caption, columns, rows, { stacked = false } = {}) {
  if (rows.length === 0) return element("p", { class: "hint" }, "none");
  const cell = (value) => (value instanceof Node ? value : visibleText(String(value ?? "")));
  return element(
    "div",
    { class: "scroll", role: "region", tabindex: "0", "aria-label": caption },
    element(
      "table",
      { class: stacked ? "stacked" : null },
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...columns.map(({ label, numeric }) => element("th", { scope: "col", class: numeric ? "number" : null }, label)))),
      element(
        "tbody",
        {},
        ...rows.map((cells) =>
          element(
            "tr",
            {},
            ...cells.map((value, index) =>
              index === 0
                ? element("th", { scope: "row" }, cell(value))
                : element("td", { class: columns[index].numeric ? "number" : columns[index].wide ? "wide" : null, "data-label": columns[index].label || null }, cell(value)),
            ),
          ),
        ),
      ),
    ),
  );
}

/** A bar from 0 to `share` of the width. */
function shareBar(share, tone = null) {
  const width = Math.max(0, Math.min(1000, Math.round(share * 1000)));
  return svgElement("svg", { viewBox: "0 0 1000 10", preserveAspectRatio: "none", class: "share", "aria-hidden": "true" }, svgElement("rect", { class: tone ? `fill-${tone}` : "fill", width, height: 10 }));
}

function when(text) {
  if (!text) return "";
  const time = Date.parse(text);
  // What a server calls a time may be none.
  return Number.isNaN(time) ? visibleText(text) : timeText(time);
}

/** How long from one time to another; to now where there is no other. */
function took(start, end, now = Date.now()) {
  return start ? durationText(((end ? Date.parse(end) : now) - Date.parse(start)) / 1000) : "";
}

function instanceLink(name) {
  return element("a", { href: `/instances/${encodeURIComponent(name)}` }, element("bdi", {}, visibleText(name)));
}

function runLink(run) {
  return element("a", { href: `/runs/${encodeURIComponent(run)}` }, visibleText(run));
}

/** `3 migrated, 1 failed`, as badges. */
function outcomesText(outcomes) {
  return Object.entries(outcomes)
    .map(([name, count]) => `${wholeNumber.format(count)} ${name}`)
    .join(", ");
}

/** Who holds a lock; a prepared transaction has no process. */
function holderText(holder) {
  const name = holder.transaction ? `prepared transaction ${holder.transaction}` : `pid ${holder.pid}`;
  const kind = holder.kind && !["session", "prepared-transaction"].includes(holder.kind) ? holder.kind : null;
  return [name, kind, holder.application, holder.address, holder.since].filter(Boolean).join(", ");
}

/** What failed, where, and what to do about it. */
function failureDetails(failure, extra = []) {
  const place = failure.file ? `${failure.file}${failure.line ? `:${failure.line}` : ""}` : null;
  const holder = failure.locked_by;
  const facts = [
    ["Migration", failure.version],
    ["Place", place],
    ["SQLSTATE", failure.sqlstate],
    ["Detail", failure.detail],
    ["The server's hint", failure.server_hint],
    ["Hint", failure.hint],
    ["Locked by", holder ? holderText(holder) : null],
    ...extra,
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  const parts = [element("p", {}, element("strong", {}, lines(failure.message)))];
  if (failure.statement) parts.push(element("pre", { tabindex: "0" }, statementText(failure.statement, failure.position)));
  parts.push(
    element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value instanceof Node ? value : lines(String(value)))])),
  );
  return parts;
}

/** The statement with a caret under the place that the server points to, which is counted in code points from 1. */
function statementText(statement, position) {
  if (!position) return lines(statement);
  const before = [...statement].slice(0, position - 1).join("");
  const start = before.lastIndexOf("\n") + 1;
  const end = statement.indexOf("\n", before.length);
  const head = end < 0 ? statement : statement.slice(0, end);
  const caret = `${" ".repeat([...lines(before.slice(start))].length)}^`;
  return `${lines(head)}\n${caret}${end < 0 ? "" : `\n${lines(statement.slice(end + 1))}`}`;
}

/** Visible, with its line ends kept: for texts that have lines. */
function lines(text) {
  return text
    .replaceAll("\t", "    ")
    .split(/\r?\n/)
    .map(visibleText)
    .join("\n");
}

/** Failures by fingerprint, the most frequent first. `linkTo` makes the link of an instance. */
function showFailures(container, groups, linkTo = instanceLink) {
  if (groups.length === 0) {
    container.replaceChildren(element("p", { class: "hint" }, "none"));
    return;
  }
  // A group that the reader has opened stays open.
  const open = new Set([...container.querySelectorAll("details[open]")].map((details) => details.dataset.fingerprint));
  container.replaceChildren(
    ...groups.map((group) => {
      const names = element("details", { "data-fingerprint": group.fingerprint }, element("summary", {}, counted(group.count, "instance")));
      names.open = open.has(group.fingerprint) || group.count <= 5;
      names.append(element("p", { class: "names" }, ...group.instances.slice(0, 500).flatMap((name, index) => (index ? [", ", linkTo(name)] : [linkTo(name)]))));
      if (group.instances.length > 500) names.append(element("p", { class: "hint" }, `and ${wholeNumber.format(group.instances.length - 500)} more`));
      return element("article", { class: "failure" }, element("h3", {}, badge(group.example.kind), " ", counted(group.count, "instance")), ...failureDetails(group.example, [["Waves", group.waves.join(", ")], ["First seen", when(group.first_seen)]]), names);
    }),
  );
}

/** One line on an event. */
function eventText(event) {
  const of = [event.instance, event.wave, event.server].filter(Boolean).map(visibleText).join(", ");
  const what = event.type.replaceAll("_", " ");
  const more = [event.outcome, event.version, event.reason, event.message, event.failure?.message, event.status, event.by, event.problem].filter((value) => typeof value === "string");
  return `${what}${of ? `: ${of}` : ""}${more.length ? ` — ${more.map(visibleText).join(", ")}` : ""}`;
}
