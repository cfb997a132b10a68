"use strict";

/**
 * The run as a Gantt chart: a line an instance, grouped by wave, coloured by outcome. Only the lines in view are drawn, so that 10,000
 * instances cost no more than ten. The same facts are in the fleet's table; here the arrow keys read them out one instance at a time.
 *
 *     const timeline = new Timeline(container, { rows, waves: ["canary", "rest"], now: Date.now() });
 *     timeline.update({ rows, waves, now });
 */
class Timeline {
  static lineHeight = 20;

  /** How many lines a print shows at most: a picture is not broken over pages. */
  static printLimit = 25;

  static printWidth = 720;

  static count = 0;

  constructor(container, { rows = [], waves = [], now = null } = {}) {
    Timeline.count += 1;
    this.id = `timeline-${Timeline.count}`;
    this.wave = "";
    this.activeID = null;
    this.isFitChosen = false;
    this.build(container);
    this.update({ rows, waves, now });
    new ResizeObserver(() => this.requestDraw()).observe(this.scroller);
    window.addEventListener("beforeprint", () => this.draw({ printing: true }));
    window.addEventListener("afterprint", () => this.draw());
  }

  /** Shows other rows, or the same ones as they are now. `now` ends the bars of what is still running. */
  update({ rows, waves, now }) {
    this.rows = rows;
    this.now = now;
    this.waves = waves.map(visibleText);
    // Among many, one instance's bar would be too short to see.
    if (!this.isFitChosen) this.fitField.checked = rows.length > 200;
    this.showWaves();
    this.arrange();
  }

  build(container) {
    this.waveField = element("select", { id: `${this.id}-wave` });
    this.waveField.addEventListener("change", () => {
      this.wave = this.waveField.value;
      this.activeID = null;
      this.scroller.scrollTop = 0;
      this.arrange();
    });
    this.span = element("span");
    const keys = element("span", { class: "on-screen" }, " The arrow keys read out one instance after the other.");
    this.cut = element("span", { class: "on-paper" });
    this.hint = element("p", { id: `${this.id}-hint`, class: "hint" }, this.span, keys, this.cut);
    this.axis = svgElement("svg", { class: "timeline-axis", "aria-hidden": "true" });
    this.picture = svgElement("svg", { class: "timeline-lines", "aria-hidden": "true" });
    this.space = element("div", { class: "timeline-space" }, this.picture);
    this.scroller = element(
      "div",
      { class: "timeline-scroll", role: "region", tabindex: "0", "aria-label": "Timeline by instance", "aria-describedby": this.hint.id },
      this.space,
    );
    this.scroller.addEventListener("scroll", () => this.requestDraw(), { passive: true });
    this.scroller.addEventListener("keydown", (event) => this.handleKey(event));
    this.scroller.addEventListener("click", (event) => {
      const top = this.space.getBoundingClientRect().top;
      this.activate(Math.floor((event.clientY - top) / Timeline.lineHeight));
    });
    this.detail = element("output", { class: "timeline-detail" });
    const legend = [
      ["good", "ended well"],
      ["bad", "not well"],
      ["notable", "cut short or pending"],
      ["active", "running"],
    ].map(([tone, text]) => element("li", { class: tone }, element("span", { "aria-hidden": "true" }, `${toneGlyphs[tone]} `), text));
    this.waveControl = element("span", { class: "field" }, element("label", { for: this.waveField.id }, "Wave"), this.waveField);
    this.fitField = element("input", { type: "checkbox", id: `${this.id}-fit` });
    this.fitField.addEventListener("change", () => {
      this.isFitChosen = true;
      this.draw();
    });
    const fitControl = element("span", { class: "field" }, this.fitField, element("label", { for: this.fitField.id }, "Only the time of the lines in view"));
    container.replaceChildren(
      element("div", { class: "controls" }, this.waveControl, fitControl),
      this.hint,
      element("div", { class: "timeline" }, this.axis, this.scroller),
      this.detail,
      element("ul", { class: "legend" }, ...legend),
    );
  }

  showWaves() {
    const options = [["", "all"], ...this.waves.map((wave) => [`=${wave}`, wave])];
    if (!options.some(([value]) => value === this.wave)) this.wave = "";
    const old = this.waveField.options;
    options.forEach(([value, text], index) => {
      if (!old[index]) this.waveField.add(element("option"));
      old[index].value = value;
      setText(old[index], text);
    });
    while (old.length > options.length) this.waveField.remove(old.length - 1);
    this.waveField.value = this.wave;
    this.waveControl.hidden = this.waves.length < 2;
  }

  /** Lays out the lines: each wave, then its instances as they were started. */
  arrange() {
    const byWave = new Map(this.waves.map((wave) => [wave, []]));
    let left = 0;
    for (const row of this.rows) {
      const started = byWave.get(row.wave);
      if (this.wave !== "" && this.wave !== `=${row.wave}`) continue;
      if (started && row.started !== null) started.push(row);
      else left += 1;
    }
    this.lines = [];
    let instances = 0;
    for (const [wave, rows] of byWave) {
      if (rows.length === 0) continue;
      rows.sort((one, other) => one.started - other.started);
      this.lines.push({ wave, count: rows.length });
      for (const row of rows) this.lines.push({ row });
      instances += rows.length;
    }
    const [start, end] = this.range(this.lines);
    const range = instances ? `, ${timeText(start)} to ${timeText(end)} UTC` : "";
    const others = left > 0 ? `; ${counted(left, "instance")} not started` : "";
    setText(this.span, `${counted(instances, "instance")}${range}${others}.`);
    setText(this.cut, this.lines.length > Timeline.printLimit ? ` Here are the first ${Timeline.printLimit} lines.` : "");
    this.activeIndex = this.lines.findIndex((line) => line.row && line.row.id === this.activeID);
    this.showDetail();
    this.draw();
  }

  endOf(row) {
    return Math.max(row.started, row.finished ?? this.now ?? row.started);
  }

  /** When the first of the lines begins and the last one ends; never the same. */
  range(lines) {
    let [start, end] = [Infinity, -Infinity];
    for (const { row } of lines) {
      if (!row) continue;
      start = Math.min(start, row.started);
      end = Math.max(end, this.endOf(row));
    }
    return end < start ? [0, 1] : [start, Math.max(end, start + 1)];
  }

  requestDraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw({ printing = false } = {}) {
    const height = Timeline.lineHeight;
    const width = printing ? Timeline.printWidth : Math.max(240, this.scroller.clientWidth);
    const labelWidth = Math.min(220, Math.round(width * 0.35));
    const count = printing ? Math.min(this.lines.length, Timeline.printLimit) : this.lines.length;
    const first = printing ? 0 : Math.max(0, Math.floor(this.scroller.scrollTop / height) - 5);
    const last = printing ? count : Math.min(count, first + Math.ceil(this.scroller.clientHeight / height) + 10);
    const [start, end] = this.range(printing || this.fitField.checked ? this.lines.slice(first, last) : this.lines);
    const scale = (time) => labelWidth + 8 + ((time - start) / (end - start)) * (width - labelWidth - 28);
    this.space.style.height = `${count * height}px`;
    this.drawAxis({ width, labelWidth, scale, start, end, printing });
    const top = first * height;
    const shown = (last - first) * height;
    setAttributes(this.picture, { viewBox: `0 0 ${width} ${shown}`, width: printing ? "100%" : width, height: printing ? null : shown });
    this.picture.style.top = `${top}px`;
    const drawn = [];
    for (let index = first; index < last; index += 1) {
      drawn.push(this.drawLine(this.lines[index], index, (index - first) * height, { width, labelWidth, scale }));
    }
    this.picture.replaceChildren(this.definitions(labelWidth, shown), ...drawn);
  }

  drawLine(line, index, y, { width, labelWidth, scale }) {
    const height = Timeline.lineHeight;
    const letters = Math.floor(labelWidth / 7.5);
    if (line.wave !== undefined) {
      const text = `${line.wave} (${wholeNumber.format(line.count)})`;
      return svgElement(
        "g",
        { class: "wave" },
        svgElement("rect", { x: 0, y, width, height }),
        svgElement("text", { x: 4, y: y + 14 }, shortened(text, Math.floor(width / 8))),
      );
    }
    const { row } = line;
    const tone = toneOf(row.status);
    const [from, to] = [scale(row.started), scale(this.endOf(row))];
    const bar = { x: from, y: y + 4, width: Math.max(2, to - from), height: height - 8, rx: 2 };
    const parts = [
      svgElement("title", {}, this.description(row)),
      svgElement("rect", { class: "hit", x: 0, y, width, height }),
      svgElement("text", { x: 4, y: y + 14, "clip-path": `url(#${this.id}-labels)` }, shortened(row.name, letters)),
      svgElement("rect", { class: "timeline-bar", ...bar }),
    ];
    if (tone === "bad") parts.push(svgElement("rect", { ...bar, fill: `url(#${this.id}-hatch)` }));
    // The glyph says what the colour says; it stands beside the bar, or before it where the picture ends.
    const isAtEdge = to > width - 18;
    parts.push(
      svgElement(
        "text",
        { class: "glyph", x: isAtEdge ? from - 4 : to + 4, y: y + 14, "text-anchor": isAtEdge ? "end" : "start" },
        toneGlyphs[tone],
      ),
    );
    return svgElement("g", { class: `${tone}${index === this.activeIndex ? " chosen" : ""}` }, ...parts);
  }

  /** The pattern that marks a bar as bad without colour, and the box that names are cut to. */
  definitions(labelWidth, height) {
    const pattern = { id: `${this.id}-hatch`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
    return svgElement(
      "defs",
      {},
      svgElement("pattern", pattern, svgElement("rect", { class: "hatch", width: 2, height: 6 })),
      svgElement("clipPath", { id: `${this.id}-labels` }, svgElement("rect", { width: labelWidth, height })),
    );
  }

  drawAxis({ width, labelWidth, scale, start, end, printing }) {
    const seconds = (end - start) / 1000;
    const wanted = Math.max(2, Math.floor((width - labelWidth) / 90));
    const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400];
    const step = steps.find((candidate) => seconds / candidate <= wanted) ?? 86400 * Math.ceil(seconds / 86400 / wanted);
    const ticks = [];
    const text = (offset) => `+${step < 1 ? `${offset.toFixed(step < 0.01 ? 3 : step < 0.1 ? 2 : 1)} s` : durationText(offset)}`;
    // Counted from where the run begins, whatever is in view.
    const [origin] = this.range(this.lines);
    for (let count = Math.ceil((start - origin) / 1000 / step); count * step * 1000 <= end - origin; count += 1) {
      const x = scale(origin + count * step * 1000);
      const anchor = x > width - 40 ? "end" : "middle";
      ticks.push(
        svgElement("line", { x1: x, x2: x, y1: 16, y2: 22 }),
        svgElement("text", { x: Math.min(x, width - 2), y: 12, "text-anchor": anchor }, count === 0 ? "0" : text(count * step)),
      );
    }
    setAttributes(this.axis, { viewBox: `0 0 ${width} 22`, width: printing ? "100%" : width });
    this.axis.replaceChildren(...ticks);
  }

  handleKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / Timeline.lineHeight) - 1);
    const { activeIndex } = this;
    const targets = {
      ArrowDown: [activeIndex + 1, 1],
      ArrowUp: [activeIndex - 1, -1],
      PageDown: [activeIndex + page, 1],
      PageUp: [activeIndex - page, -1],
      Home: [0, 1],
      End: [this.lines.length - 1, -1],
    };
    if (!Object.hasOwn(targets, event.key) || this.lines.length === 0) return;
    event.preventDefault();
    const [target, direction] = targets[event.key];
    const index = Math.min(Math.max(0, target), this.lines.length - 1);
    // A wave's own line is passed over.
    this.activate(this.lines[index].row ? index : Math.max(1, index + direction));
  }

  activate(index) {
    const line = this.lines[index];
    if (!line?.row) return;
    this.activeIndex = index;
    this.activeID = line.row.id;
    const top = index * Timeline.lineHeight;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + Timeline.lineHeight > scrollTop + clientHeight) this.scroller.scrollTop = top + Timeline.lineHeight - clientHeight;
    this.showDetail();
    this.draw();
  }

  showDetail() {
    const line = this.lines[this.activeIndex];
    setText(this.detail, line ? this.description(line.row) : "");
  }

  description(row) {
    const took = durationText((this.endOf(row) - row.started) / 1000);
    const end = row.finished === null ? "still running" : `to ${clockText(row.finished)}`;
    return `${row.name}: ${row.status}, wave ${row.wave}, ${clockText(row.started)} ${end}, ${took}${row.note ? `: ${row.note}` : ""}`;
  }
}

/** The text with its middle left out where it is longer than that. */
function shortened(text, length) {
  const letters = [...text];
  if (letters.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${letters.slice(0, head).join("")}…${letters.slice(letters.length - (length - 1 - head)).join("")}`;
}
