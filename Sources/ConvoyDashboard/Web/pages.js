"use strict";

// Each page: what it asks for, and where it puts the answers.

/** The last part of the page's address, as it is: the name of an instance, or a run's id. */
const subject = decodeURIComponent(location.pathname.split("/").pop());

/** How many events a run's page lists. */
const shownEvents = 40;

const pageMakers = {
  fleet() {
    const instances = new Instances("/api/v1/instances");
    const linkTo = (row) => `/instances/${encodeURIComponent(row.id)}`;
    const grid = new FleetGrid(place("grid"), linkTo);
    const table = new FleetTable(place("table"), { caption: "Instances of the fleet", linkTo });
    const live = new Live(async () => {
      const [fleet, changed] = await Promise.all([ask("/api/v1/fleet"), instances.refresh()]);
      live.follow(fleet.run, fleet.last_event);
      showFacts(place("facts"), [
        ["Newest version", fleet.target_release ? `${fleet.target} (${visibleText(fleet.target_release)})` : fleet.target],
        ["Instances", wholeNumber.format(fleet.summary.instances)],
        ["Newest run", fleet.run && element("span", {}, runLink(fleet.run), " ", badge(fleet.run_status))],
        ["Last probe", fleet.looked_at ? `${when(fleet.looked_at)}, ${took(fleet.looked_at, null, Date.parse(fleet.generated_at))} ago` : "not yet"],
        ["Drift", driftOfFleet(fleet.drift)],
        ["Probes", fleet.probe.every === null ? null : `every ${durationText(fleet.probe.every)}`],
      ]);
      showTiles(place("tiles"), fleet.summary.outcomes);
      showVersions(fleet.summary, fleet.target);
      showReleases(fleet.summary);
      showCohorts(fleet.cohorts);
      showProbe(fleet.probe, fleet.actions);
      if (changed === null || changed.size > 0) {
        const { rows } = instances;
        grid.update(rows, changed);
        table.update(rows);
      }
      setText(place("notice"), fleet.run || fleet.looked_at ? "" : "The journal has no run yet. Probe the instances to see their versions.");
    });
    place("probe").addEventListener("click", async () => {
      await attempt("notice", () => ask("/api/v1/probe", { method: "POST" }));
      live.wake();
    });
  },

  instance() {
    setText(place("name"), visibleText(subject));
    document.title = `${visibleText(subject)} · ${document.title}`;
    let run = null;
    const live = new Live(async () => {
      const answer = await ask(`/api/v1/instances/${encodeURIComponent(subject)}`);
      if (run === null && answer.run) {
        const newest = await ask(`/api/v1/runs/${encodeURIComponent(answer.run)}`);
        run = answer.run;
        live.follow(run, newest.last_event);
      }
      showInstance(answer);
    });
  },

  failures() {
    new Live(async () => showFailures(place("failures"), (await ask("/api/v1/failures")).failures));
  },

  runs() {
    new Live(async () => {
      const { runs } = await ask("/api/v1/runs");
      place("runs").replaceChildren(
        ...runs
          .filter((run) => run.worker_shortage)
          .map((run) => element("p", { class: "hint" }, "Run ", runLink(run.run), ` waits: ${visibleText(run.worker_shortage)}`)),
        plainTable(
          "Runs, newest first",
          [{ label: "Run" }, { label: "Status" }, { label: "Operation" }, { label: "Started" }, { label: "Time", numeric: true }, { label: "Instances", numeric: true }, { label: "Outcomes", wide: true }, { label: "By" }],
          runs.map((run) => [
            runLink(run.run),
            badge(run.status),
            run.now ? element("span", {}, changeText(run), " ", element("span", { class: "option" }, "--now")) : changeText(run),
            when(run.started_at),
            run.duration === null ? "" : durationText(run.duration),
            wholeNumber.format(run.instances),
            outcomesText(run.outcomes),
            run.started_by,
          ]),
        ),
      );
    });
  },

  run() {
    const path = `/api/v1/runs/${encodeURIComponent(subject)}`;
    setText(place("name"), visibleText(subject));
    document.title = `${visibleText(subject)} · ${document.title}`;
    const instances = new Instances(`${path}/instances`);
    const linkTo = (row) => visitPath(subject, row.id);
    const grid = new FleetGrid(place("grid"), linkTo);
    const timeline = new Timeline(place("timeline"));
    const table = new FleetTable(place("table"), { caption: "Instances of the run", linkTo });
    let durationsAt = -Infinity;
    const live = new Live(async () => {
      const [run, changed] = await Promise.all([ask(path), instances.refresh()]);
      // The last few again, so that there is something to read.
      live.follow(subject, Math.max(0, Math.min(run.last_event, instances.lastEvent) - shownEvents));
      showRun(run, live, table);
      const { rows } = instances;
      const isNew = changed === null || changed.size > 0;
      if (isNew) {
        grid.update(rows, changed);
        table.update(rows);
      }
      if (isNew || run.status === "running") {
        timeline.update({ rows, waves: run.waves.map((wave) => wave.name), now: run.status === "running" ? Date.parse(run.generated_at) : Date.parse(run.finished_at) || null });
      }
      if (isNew) {
        const bad = rows.some((row) => !isWell(row.status));
        place("failures-section").hidden = !bad;
        if (bad) showFailures(place("failures"), (await ask(`${path}/failures`)).failures, (name) => visitLink(subject, name));
      }
      // They are computed from every migration of every instance, and a slower update is enough.
      if (isNew && (performance.now() - durationsAt > 10_000 || run.status !== "running")) {
        durationsAt = performance.now();
        showDurations((await ask(`${path}/migrations`)).migrations);
      }
    });
    live.onEvent = showEvent;
  },

  drift: followComparison,

  cohort: followComparison,

  visit() {
    const run = decodeURIComponent(location.pathname.split("/")[2]);
    setText(place("name"), visibleText(subject));
    document.title = `${visibleText(subject)} · ${document.title}`;
    const back = place("run-link");
    back.href = `/runs/${encodeURIComponent(run)}`;
    setText(back, `Run ${visibleText(run)}`);
    place("instance-link").href = `/instances/${encodeURIComponent(subject)}`;
    const times = new GrowingTimes();
    const live = new Live(async () => {
      const visit = await ask(`/api/v1/runs/${encodeURIComponent(run)}/instances/${encodeURIComponent(subject)}`);
      live.follow(run, visit.last_event);
      showVisit(visit);
      times.set(visit.generated_at);
    });
  },
};

/** The server makes the pages of a comparison: they are shown again when there is another one. */
function followComparison() {
  const { revision } = place("comparison").dataset;
  new Live(async () => {
    const state = await ask("/api/v1/drift/state");
    if (state.revision !== revision) location.reload();
    else if (state.state === "running") setText(place("notice"), `Comparing since ${when(state.at)} …`);
  });
}

/** Does something that may be refused, and says why. */
async function attempt(id, action) {
  const notice = place(id);
  try {
    await action();
    notice.className = "notice";
    setText(notice, "");
    return true;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    notice.className = "notice bad";
    setText(notice, problem.message);
    return false;
  }
}

function changeText(run) {
  if (run.kind) return run.target ? `${run.kind} at ${run.target}` : run.kind;
  if (run.direction === "up") return run.target ? `migrate to ${run.target}` : "migrate";
  return run.steps ? `rollback ${counted(run.steps, "step")}` : run.target ? `rollback to ${run.target}` : "rollback";
}

// MARK: The fleet

function showVersions(summary, target) {
  const versions = Object.entries(summary.versions).sort(([one], [other]) => (one < other ? 1 : -1));
  const known = versions.reduce((sum, [, count]) => sum + count, 0);
  const rows = versions.map(([version, count]) => [
    version,
    wholeNumber.format(count),
    shareBar(count / Math.max(1, summary.instances), version === target ? "good" : "notable"),
  ]);
  if (known < summary.instances) rows.push(["none or unknown", wholeNumber.format(summary.instances - known), shareBar((summary.instances - known) / summary.instances)]);
  place("versions").replaceChildren(plainTable("Instances by version, newest first", [{ label: "Version" }, { label: "Instances", numeric: true }, { label: "Share" }], rows));
}

/** The counts by release, newest first; nothing if the migration set knows no releases. */
function showReleases(summary) {
  const releases = Object.entries(summary.releases ?? {}).reverse();
  place("releases").replaceChildren(
    ...(releases.length
      ? [
          plainTable(
            "Instances by release, newest first",
            [{ label: "Release" }, { label: "Instances", numeric: true }, { label: "Share" }],
            releases.map(([release, count]) => [visibleText(release), wholeNumber.format(count), shareBar(count / Math.max(1, summary.instances))]),
          ),
        ]
      : []),
  );
}

function showCohorts(cohorts) {
  const total = cohorts.reduce((sum, cohort) => sum + cohort.instances, 0);
  place("cohorts").replaceChildren(
    cohorts.length
      ? plainTable(
          "Instances with the same version and the same schema",
          [{ label: "Cohort" }, { label: "Instances", numeric: true }, { label: "Share" }],
          cohorts.map((cohort) => [cohort.path ? element("a", { href: cohort.path }, visibleText(cohort.cohort)) : cohort.cohort, wholeNumber.format(cohort.instances), shareBar(cohort.instances / total)]),
        )
      : element("p", { class: "hint" }, "Cohorts appear after a probe of all instances."),
  );
}

function showProbe(probe, actions) {
  const texts = {
    never: "",
    running: `Probing since ${when(probe.at)} …`,
    done: [`Probed at ${when(probe.at)}.`, ...probe.problems.map(visibleText)].join(" "),
    failed: `Failed: ${probe.problems.map(visibleText).join(" ")}`,
  };
  setText(place("probe-state"), texts[probe.state] ?? "");
  place("probe").setAttribute("aria-disabled", String(probe.state === "running"));
  place("probe").hidden = !actions.includes("probe");
}

/** What the last comparison found, as a link to its page. */
function driftOfFleet({ summary, last_done_at: comparedAt }) {
  if (!summary) return null;
  const more = summary.unread ? `, ${wholeNumber.format(summary.unread)} not read` : "";
  return element("a", { href: "/drift" }, `${wholeNumber.format(summary.drifted)} of ${counted(summary.instances, "instance")}${more}, compared ${when(comparedAt)}`);
}

// MARK: An instance

/** What the last comparison found of an instance, as a link to the page of its cohort. */
function driftOfInstance(drift) {
  if (!drift) return null;
  const words = drift.problem ? `not compared: ${visibleText(drift.problem)}` : drift.differences ? counted(drift.differences, "difference") : "none";
  const text = `${words}, compared ${when(drift.compared_at)}`;
  return drift.path ? element("a", { href: drift.path }, text) : text;
}

function showInstance({ instance, history, drift, looked_at: lookedAt }) {
  const last = history[0];
  const status = instance ? (instance.state === "running" ? "running" : instance.outcome) : last.outcome;
  place("verdict").replaceChildren(badge(status), instance?.waiting_for ? ` waits: ${visibleText(instance.waiting_for)}` : "");
  showFacts(place("facts"), [
    ["Version", instance?.version ?? "none or unknown"],
    ["Version read", instance?.version_known_at ? when(instance.version_known_at) : null],
    ["Question", instance?.setback ? visibleText(`it is ${instance.setback.message}`) : null],
    ["Release", instance?.release],
    ["Server", instance?.server],
    ["Database", instance?.database],
    ["Labels", Object.entries(instance?.labels ?? {}).map(([key, value]) => `${key}=${value}`).join(", ")],
    ["Wave", instance?.wave],
    ["PostgreSQL", instance?.server_version],
    ["Last migrated", when(instance?.last_migrated_at)],
    ["Cohort", instance?.cohort],
    ["Drift", driftOfInstance(drift)],
    ["Last probe", lookedAt ? `${when(lookedAt)}, ${took(lookedAt, null)} ago` : null],
    ["Pending", instance?.pending?.join(", ")],
    ["Unknown versions", instance?.unknown_versions?.join(", ")],
    ["Current migration", instance?.current],
  ]);
  const failure = instance?.failure;
  place("failure-section").hidden = !failure;
  if (failure) place("failure").replaceChildren(element("article", { class: "failure" }, ...failureDetails(failure)));
  const applied = instance?.applied ?? [];
  const longest = Math.max(...applied.map((migration) => migration.duration), 0.001);
  place("applied").replaceChildren(
    plainTable(
      "Migrations in the order in which they ran",
      [{ label: "Migration" }, { label: "Direction" }, { label: "Time", numeric: true }, { label: "" }],
      applied.map((migration) => [migration.version, migration.direction, durationText(migration.duration), shareBar(migration.duration / longest)]),
    ),
  );
  place("history").replaceChildren(
    plainTable(
      "Outcome in each run, newest first",
      [{ label: "Run" }, { label: "Outcome" }, { label: "From" }, { label: "To" }, { label: "Applied", numeric: true }, { label: "Ended" }, { label: "Failure", wide: true }],
      history.map((entry) => [
        visitLink(entry.run, subject, entry.run),
        badge(entry.outcome),
        entry.from ?? "",
        entry.to ?? "",
        wholeNumber.format(entry.applied.length),
        when(entry.finished_at),
        entry.failure?.message ?? "",
      ]),
    ),
  );
}

// MARK: A run

function showRun(run, live, table) {
  const words = run.halt_reason ? ` ${visibleText(run.halt_reason)}` : run.worker_shortage ? ` waits: ${visibleText(run.worker_shortage)}` : run.gate ? ` waits at the gate after wave ${visibleText(run.gate.wave)}: ${visibleText(run.gate.waiting_for ?? "")}` : "";
  place("verdict").replaceChildren(badge(run.status), words, run.status !== "running" ? "" : run.cancelling ? " cancelling: what is in progress is cancelled and rolled back" : run.stopping ? " stopping: no new instances start" : "");
  const finished = run.waves.flatMap((wave) => Object.entries(wave.outcomes)).reduce((sum, [name, count]) => sum + (name === "pending" ? 0 : count), 0);
  showFacts(place("facts"), [
    ["Operation", changeText(run)],
    ["Instances", `${wholeNumber.format(finished)} of ${wholeNumber.format(run.summary.instances)} done`],
    ["Started", when(run.started_at)],
    [run.status === "running" ? "Takes" : "Took", run.finished_at || run.status === "running" ? took(run.started_at, run.finished_at, Date.parse(run.generated_at)) : null],
    ["Started by", run.started_by],
    ["Started with", run.now ? "--now: without gates and maintenance window" : null],
    ["Paused servers", run.paused_servers.map((server) => visibleText(`${server}, by ${run.paused_by[server] ?? "?"}`)).join("; ")],
    ["Gates approved", Object.entries(run.approved_by).map(([wave, person]) => visibleText(`${wave}, by ${person}`)).join("; ")],
  ]);
  showTiles(place("tiles"), run.summary.outcomes);
  place("waves").replaceChildren(
    plainTable(
      "Waves in the order in which they run",
      [{ label: "Wave" }, { label: "Done", numeric: true }, { label: "Running", numeric: true }, { label: "Outcomes", wide: true }, { label: "Started" }, { label: "Time", numeric: true }, { label: "" }],
      run.waves.map((wave) => {
        const done = wave.instances - (wave.outcomes.pending ?? 0);
        const isBad = !Object.keys(wave.outcomes).every(isWell);
        return [
          waveLink(wave.name, table),
          `${wholeNumber.format(done)} of ${wholeNumber.format(wave.instances)}`,
          wholeNumber.format(wave.running),
          outcomesText(wave.outcomes),
          when(wave.started_at),
          wave.finished_at || run.status === "running" ? took(wave.started_at, wave.finished_at, Date.parse(run.generated_at)) : "",
          shareBar(done / Math.max(1, wave.instances), isBad ? "bad" : "good"),
        ];
      }),
    ),
  );
  showActions(run, live);
}

/** Leads to the table, with only the instances of the wave. */
function waveLink(name, table) {
  const link = element("a", { href: "#table-title" }, element("bdi", {}, visibleText(name)));
  link.addEventListener("click", () => table.chooseWave(visibleText(name)));
  return link;
}

const actionWords = {
  approve: ["Approve the gate", "Start the next wave?"],
  stop: ["Stop", "Start no new instances, and finish the instances in progress? A second stop cancels them."],
  "stop-now": ["Stop at once", "Cancel the migrations in progress and roll them back, and start nothing new?"],
  pause: ["Pause a server", null],
  unpause: ["Resume a server", null],
  resume: ["Resume", "Resume this run?"],
  abandon: ["Abandon", "Give this run up for good? It cannot be resumed any more. No database is changed."],
};

/** What is asked before a run is submitted again that no worker takes. */
const submission = "Submit this run again, with the fleet file and the migrations of the dashboard's machine? If no worker is alive, that machine carries it out.";

/** A button for each thing that can be done now; none where the server only lets us look. */
function showActions(run, live) {
  const container = place("actions");
  const wanted = run.actions.join(" ");
  if (container.dataset.actions === wanted) return;
  container.dataset.actions = wanted;
  container.replaceChildren(
    ...run.actions.map((action) => {
      const [label, question] = actionWords[action];
      const button = element("button", { type: "button", "data-action": action }, label);
      button.addEventListener("click", async () => {
        let path = `/api/v1/runs/${encodeURIComponent(run.run)}/${action}`;
        if (question === null) {
          const server = prompt(`${label}: enter its name in the fleet file`);
          if (!server) return;
          path += `?server=${encodeURIComponent(server)}`;
        } else if (!confirm(action === "resume" && run.worker_shortage ? submission : question)) return;
        button.disabled = true;
        let answer = null;
        await attempt("notice", async () => {
          answer = await ask(path, { method: "POST" });
        });
        if (answer?.advice) setText(place("notice"), visibleText(answer.advice));
        button.disabled = false;
        live.wake();
      });
      return button;
    }),
  );
}

function showDurations(migrations) {
  const longest = Math.max(...migrations.map((migration) => migration.max), 0.001);
  place("durations").replaceChildren(
    plainTable(
      "Time that a migration took on an instance, slowest first; the bar ends at the 95th percentile",
      [{ label: "Migration" }, { label: "Direction" }, { label: "Instances", numeric: true }, { label: "Median", numeric: true }, { label: "95 %", numeric: true }, { label: "Longest", numeric: true }, { label: "" }],
      migrations
        .toSorted((one, other) => other.p95 - one.p95)
        .map((migration) => [
          migration.version,
          migration.direction,
          wholeNumber.format(migration.instances),
          durationText(migration.p50),
          durationText(migration.p95),
          durationText(migration.max),
          shareBar(migration.p95 / longest),
        ]),
    ),
  );
}

function showEvent(event) {
  const list = place("events");
  list.prepend(element("li", {}, element("time", { datetime: event.at }, clockText(Date.parse(event.at))), " ", eventText(event)));
  while (list.children.length > shownEvents) list.lastElementChild.remove();
}

for (const link of document.querySelectorAll("nav a[data-for]")) {
  if (link.dataset.for.split(" ").includes(document.body.dataset.page)) link.setAttribute("aria-current", "page");
}
pageMakers[document.body.dataset.page]?.();
