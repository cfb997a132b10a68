"use strict";

// How a page stays up to date: it asks for changes whenever the run's stream of events reports one, and every few seconds. The server folds
// the events; the page only shows what it receives.

const csrfToken = document.querySelector('meta[name="csrf"]')?.content ?? "";

/** Why a question was not answered. `status` is 0 where the server could not be reached. */
class Problem extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Asks the server and reads its JSON. */
async function ask(path, { method = "GET" } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Convoy-CSRF"] = csrfToken;
  let response;
  try {
    response = await fetch(path, { method, headers, cache: "no-store", signal: AbortSignal.timeout(30_000) });
  } catch {
    throw new Problem("The server does not answer.", 0);
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(answer?.detail ?? `The server answers with ${response.status}.`, response.status);
  if (answer === null) throw new Problem("The server's answer was cut off.", 0);
  return answer;
}

/** The rows of the instances at an address of the interface; a refresh only fetches those that have changed. */
class Instances {
  constructor(path) {
    this.path = path;
    this.byName = new Map();
    this.revision = null;
    this.lastEvent = 0;
  }

  get rows() {
    return [...this.byName.values()];
  }

  /** Gives the names that have changed; nil stands for all. */
  async refresh() {
    const known = this.revision === null ? "" : `&changed_after=${this.lastEvent}&revision=${encodeURIComponent(this.revision)}`;
    const answer = await ask(`${this.path}?as=columns${known}`);
    const rows = rowsFromColumns(answer.columns);
    if (answer.complete) this.byName = new Map();
    for (const row of rows) this.byName.set(row.id, row);
    [this.revision, this.lastEvent] = [answer.revision, answer.last_event];
    return answer.complete ? null : new Set(rows.map((row) => row.id));
  }
}

/** Refreshes a page now, when events come, and every few seconds; continues by itself after the server was away. */
class Live {
  static leastPause = 1000;

  static idlePause = 5000;

  static longestPause = 15_000;

  /** - refresh: brings the page up to date. */
  constructor(refresh) {
    this.refreshPage = refresh;
    this.failures = 0;
    this.isRefreshing = false;
    this.isWanted = false;
    this.onEvent = () => {};
    document.addEventListener("visibilitychange", () => {
      // A browser has few connections to a server; a hidden page needs none.
      if (document.hidden) this.closeStream();
      else this.wake();
    });
    window.addEventListener("pagehide", () => this.closeStream());
    this.wake();
  }

  /** Follows the events of a run from that one on; nil follows none. */
  follow(run, lastEvent) {
    if (run === this.run) return;
    this.closeStream();
    [this.run, this.lastEvent] = [run, lastEvent];
    this.openStream();
  }

  openStream() {
    if (this.stream || !this.run || document.hidden) return;
    this.stream = new EventSource(`/api/v1/runs/${encodeURIComponent(this.run)}/events?after=${this.lastEvent}`);
    this.stream.addEventListener("message", (message) => {
      this.lastEvent = Number(message.lastEventId);
      this.onEvent(JSON.parse(message.data));
      this.wake();
    });
    this.stream.addEventListener("error", () => {
      // The browser connects again by itself, unless it did not understand the answer.
      if (this.stream?.readyState === EventSource.CLOSED) this.closeStream();
    });
  }

  closeStream() {
    this.stream?.close();
    this.stream = null;
  }

  /** Refreshes as soon as that is not too soon after the last time. */
  wake() {
    if (this.isRefreshing) {
      this.isWanted = true;
      return;
    }
    const pause = Math.max(0, (this.restUntil ?? 0) - performance.now());
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), pause);
  }

  async refresh() {
    this.isRefreshing = true;
    this.isWanted = false;
    const start = performance.now();
    try {
      await this.refreshPage();
      this.failures = 0;
      showLink(null);
      this.openStream();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.failures += 1;
      showLink(problem);
    } finally {
      this.isRefreshing = false;
      const took = performance.now() - start;
      const backoff = this.failures ? Math.min(Live.longestPause, Live.leastPause * 2 ** this.failures) : 0;
      // What takes long to show is shown less often, so that the page stays usable.
      this.restUntil = performance.now() + Math.max(Live.leastPause, 3 * took, backoff);
      const idle = Math.max(Live.idlePause, 3 * took, backoff);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.refresh(), idle);
      if (this.isWanted && !this.failures) this.wake();
    }
  }
}

/** Says in the bar whether what is shown is up to date. */
function showLink(problem) {
  const link = document.getElementById("link");
  if (!link) return;
  document.documentElement.dataset.ready = problem ? "false" : "true";
  link.className = problem ? "link bad" : "link";
  if (!problem) link.replaceChildren();
  else if (problem.status === 401) link.replaceChildren("You are logged out. ", element("a", { href: `/login?next=${encodeURIComponent(location.pathname)}` }, "Log in"));
  else setText(link, `${problem.message} Trying again.`);
}
