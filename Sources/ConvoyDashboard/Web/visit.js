"use strict";

// The page of one instance of a run: what the run does to it, as `/api/v1/runs/RUN/instances/NAME` has it.

function visitPath(run, name) {
  return `/runs/${encodeURIComponent(run)}/instances/${encodeURIComponent(name)}`;
}

function visitLink(run, name, text = name) {
  return element("a", { href: visitPath(run, name) }, element("bdi", {}, visibleText(text)));
}

/** How each step is shown: its words and its tone. What is to come has no tone yet. */
const stepLooks = {
  done: ["done", "good"],
  "in-progress": ["in progress", "active"],
  failed: ["failed", "bad"],
  "cut-off": ["cut off", "bad"],
  "to-come": ["to come", null],
  "not-run": ["not run", "notable"],
};

function stepBadge(state) {
  const [words, tone] = stepLooks[state] ?? [state, null];
  if (tone === null) return element("span", { class: "hint" }, visibleText(words));
  return element("span", { class: `badge ${tone}` }, element("span", { "aria-hidden": "true" }, `${toneGlyphs[tone]} `), visibleText(words));
}

/** Fills a container anew only where what it shows has changed, and keeps where the reader has scrolled to. */
function showChanged(container, facts, make) {
  const key = JSON.stringify(facts);
  if (container.shownKey === key) return;
  container.shownKey = key;
  const old = container.querySelector(".scroll");
  const [top, left] = [old?.scrollTop ?? 0, old?.scrollLeft ?? 0];
  container.replaceChildren(...[make()].flat());
  const scroller = container.querySelector(".scroll");
  if (scroller) [scroller.scrollTop, scroller.scrollLeft] = [top, left];
}

/** A time that grows while the page is open, by the server's clock. */
function growing(since, lead = "") {
  return element("span", { class: "growing", "data-since": since, "data-lead": lead });
}

class GrowingTimes {
  constructor() {
    this.offset = 0;
    setInterval(() => this.show(), 1000);
  }

  /** - now: the server's time. */
  set(now) {
    this.offset = Date.now() - Date.parse(now);
    this.show();
  }

  show() {
    for (const node of document.querySelectorAll(".growing")) {
      setText(node, `${node.dataset.lead}${took(node.dataset.since, null, Date.now() - this.offset)}`);
    }
  }
}

/** What the run as a whole waits for, which keeps an instance from its turn. */
function holdText(hold) {
  switch (hold.kind) {
    case "gate":
      return `the gate after wave ${visibleText(hold.wave)}${hold.reason ? `: ${visibleText(hold.reason)}` : ""}`;
    case "maintenance-window":
      return `the maintenance window, which opens ${when(hold.until)}`;
    case "paused-server":
      return `server ${visibleText(hold.server)}, paused by ${visibleText(hold.by)}`;
    default:
      return `the run is ${hold.kind}`;
  }
}

function showVisit(visit) {
  const { instance, migrations } = visit;
  const isRunning = instance.state === "running" && visit.run_status === "running";
  const status = isRunning ? "running" : instance.outcome;
  const words = [];
  if (visit.wait) words.push(" waits ", growing(visit.wait.since, "for "));
  else if (instance.state === "running" && !isRunning) words.push(" in progress when the run was cut off");
  else if (instance.state === "not-reached" && visit.run_status === "running") {
    words.push(` not begun${visit.waiting.length ? `; the run waits for ${visit.waiting.map(holdText).join("; ")}` : ""}`);
  } else if (instance.state === "not-reached") words.push(" the run did not get to it");
  showChanged(place("verdict"), [status, words.map(String), visit.wait?.since], () => [badge(status), ...words]);
  const done = migrations.filter((step) => step.state === "done").length;
  const left = migrations.filter((step) => ["in-progress", "to-come"].includes(step.state));
  const known = left.filter((step) => step.usual_duration !== null);
  const usual = known.reduce((sum, step) => sum + step.usual_duration, 0);
  const facts = [
    ["Run", [visit.run, visit.run_status], () => element("span", {}, runLink(visit.run), " ", badge(visit.run_status), visit.now ? element("span", { class: "option" }, " --now") : "")],
    ["Wave", instance.wave],
    ["Server", instance.server],
    ["Database", instance.database],
    ["From", instance.from],
    ["Version", instance.version],
    ["Release", instance.release],
    ["Migrations", migrations.length ? `${wholeNumber.format(done)} of ${wholeNumber.format(migrations.length)} done` : null],
    ["Usually left", left.length && known.length ? `${known.length < left.length ? "more than " : ""}${durationText(usual)}` : null],
    ["Started", when(instance.started_at)],
    ["Takes", isRunning ? instance.started_at : null, () => growing(instance.started_at)],
    ["Took", instance.finished_at ? took(instance.started_at, instance.finished_at) : null],
  ];
  showChanged(place("facts"), facts.map(([name, value]) => [name, value]), () => {
    const list = element("dl");
    showFacts(list, facts.map(([name, value, make]) => [name, value && make ? make() : value]));
    return [...list.children];
  });
  showWait(visit.wait);
  showCurrent(visit.current, visit.wait);
  const { failure } = instance;
  place("failure-section").hidden = !failure;
  showChanged(place("failure"), failure, () => (failure ? element("article", { class: "failure" }, ...failureDetails(failure)) : []));
  showSteps(migrations);
  showRemarks(visit);
  showChanged(place("events"), visit.events.map((entry) => entry.number), () =>
    visit.events.toReversed().map(({ event }) => element("li", {}, element("time", { datetime: event.at }, clockText(Date.parse(event.at))), " ", eventText(event))),
  );
}

function showWait(wait) {
  place("wait-section").hidden = !wait;
  showChanged(place("wait"), wait, () => {
    if (!wait) return [];
    const parts = [element("p", { class: "reason" }, visibleText(wait.reason)), element("p", { class: "hint" }, `Since ${when(wait.since)}, `, growing(wait.since), ".")];
    if (wait.blockers.length === 0) return parts;
    return [
      ...parts,
      plainTable(
        "Who holds the lock",
        [{ label: "Holder" }, { label: "Kind" }, { label: "User" }, { label: "Application" }, { label: "Address" }, { label: "Since (UTC)" }],
        wait.blockers.map((holder) => [
          holder.transaction ? `prepared transaction ${holder.transaction}` : `process ${holder.pid}`,
          holder.kind ?? "",
          holder.role ?? "",
          holder.application,
          holder.address ?? "",
          when(holder.since),
        ]),
        { stacked: true },
      ),
    ];
  });
}

function showCurrent(current, wait) {
  place("current-section").hidden = !current;
  showChanged(place("current"), [current, Boolean(wait)], () => {
    if (!current) return [];
    const { activity, statement } = current;
    const title = [current.version, current.name && visibleText(current.name), current.direction === "down" ? "(down)" : null].filter(Boolean).join(" ");
    const parts = [element("p", {}, element("strong", {}, title), current.since ? growing(current.since, ", for ") : "")];
    if (activity) {
      const share = activity.done !== null && activity.total > 0 ? Math.min(1, activity.done / activity.total) : null;
      const words = [activity.command, activity.relation, share === null ? null : `${Math.floor(share * 100)} %`].filter(Boolean).map((text) => visibleText(String(text))).join(" ");
      parts.push(element("p", {}, `${words}: ${visibleText(activity.phase)}`));
      if (share !== null) parts.push(shareBar(share));
    }
    if (statement) {
      parts.push(
        element("p", { class: "hint" }, `${wait ? "The statement that waits" : "The statement"}${current.file ? `, ${visibleText(current.file)}:${statement.line}` : ""}`),
        element("pre", { tabindex: "0" }, lines(statement.text)),
      );
    } else if (current.statements.length) {
      const list = element("details", {}, element("summary", {}, `The ${wholeNumber.format(current.statement_count)} statements of ${visibleText(current.file ?? "the migration")}`));
      for (const one of current.statements) list.append(element("pre", { tabindex: "0" }, lines(one.text)));
      if (current.statement_count > current.statements.length) list.append(element("p", { class: "hint" }, `and ${wholeNumber.format(current.statement_count - current.statements.length)} more`));
      parts.push(element("p", { class: "hint" }, "The run has not reported which statement the server works on."), list);
    }
    return parts;
  });
}

function showSteps(migrations) {
  showChanged(place("steps"), migrations, () => {
    const longest = Math.max(...migrations.map((step) => step.duration ?? 0), 0.001);
    return plainTable(
      "Migrations in the order in which they run",
      [{ label: "Migration" }, { label: "State" }, { label: "Time", numeric: true }, { label: "Usually", numeric: true }, { label: "Done (UTC)" }, { label: "Name", wide: true }, { label: "" }],
      migrations.map((step) => [
        step.direction === "down" ? `${step.version} down` : step.version,
        stepBadge(step.state),
        step.duration === null ? "" : durationText(step.duration),
        step.usual_duration === null ? "" : durationText(step.usual_duration),
        when(step.finished_at),
        step.name ?? "",
        step.duration === null ? "" : shareBar(step.duration / longest),
      ]),
    );
  });
}

function showRemarks({ hooks, warnings }) {
  place("remarks-section").hidden = hooks.length + warnings.length === 0;
  const remarks = [
    ...hooks.map((hook) => [hook.at, `hook ${hook.point}`, hook.problem ?? `done in ${durationText(hook.duration)}`]),
    ...warnings.map((warning) => [warning.at, "warning", warning.message]),
  ].sort(([one], [other]) => (one < other ? 1 : -1));
  showChanged(place("remarks"), remarks, () =>
    plainTable(
      "Newest first",
      [{ label: "Time (UTC)" }, { label: "What" }, { label: "", wide: true }],
      remarks.map(([at, what, text]) => [when(at), what, text]),
      { stacked: true },
    ),
  );
}
