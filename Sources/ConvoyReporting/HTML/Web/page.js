"use strict";

// What the parts of a page share: making elements, and writing values as text. Nothing here or elsewhere parses markup at run time: names
// and messages come from databases, so they only ever become text nodes.

/** Makes an element. Attributes that are null or false are not there; children are nodes or strings. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

/** The same for SVG. */
function svgElement(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

function setAttributes(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) target.removeAttribute(name);
    else target.setAttribute(name, value === true ? "" : value);
  }
}

/** Sets a text only where it differs, so that an update leaves selections and screen readers alone. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Writes out what would hide or reorder text, as `\u{202E}`, so that no instance can look like another one. */
function visibleText(text) {
  if (/^[ -~]*$/.test(text)) return text;
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (scalar) => {
    if (scalar === "\n") return "\\n";
    if (scalar === "\t") return "\\t";
    if (scalar === "\r") return "\\r";
    return `\\u{${scalar.codePointAt(0).toString(16).toUpperCase()}}`;
  });
}

/** How each outcome is coloured; what is not listed is bad. The glyph stands beside the colour, which alone would tell nothing to many. */
const outcomeTones = {
  "up-to-date": "good",
  migrated: "good",
  "rolled-back": "good",
  adopted: "good",
  repaired: "good",
  pending: "notable",
  edited: "notable",
  "out-of-order": "notable",
  interrupted: "notable",
  skipped: "notable",
  "ahead (accepted)": "notable",
  running: "active",
};

const toneGlyphs = { good: "✓", notable: "◦", bad: "✗", active: "▸" };

/** Bad outcomes first. */
const toneRanks = { bad: 0, notable: 1, active: 2, good: 3 };

function toneOf(outcome) {
  return Object.hasOwn(outcomeTones, outcome) ? outcomeTones[outcome] : "bad";
}

/** Outcomes that ended well, or may still: what a summary and an exit code count as good. The colour tells more than that. */
const goodOutcomes = new Set(["up-to-date", "migrated", "rolled-back", "adopted", "repaired", "pending", "skipped", "ahead (accepted)", "running"]);

function isWell(outcome) {
  return goodOutcomes.has(outcome);
}

const wholeNumber = new Intl.NumberFormat("en");

/** `1 instance`, `10,000 instances`. */
function counted(count, noun) {
  return `${wholeNumber.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `850 ms`, `1.2 s`, `3 min 5 s`, `2 h 10 min`, `12 d`; as the terminal has them. */
function durationText(seconds) {
  const milliseconds = Math.max(0, Math.floor(seconds * 1000 + 1e-6));
  const whole = Math.floor(milliseconds / 1000);
  if (milliseconds < 1000) return `${milliseconds} ms`;
  if (whole < 10) return `${whole}.${Math.floor((milliseconds % 1000) / 100)} s`;
  if (whole < 60) return `${whole} s`;
  const pair = (large, largeUnit, small, smallUnit) => `${large} ${largeUnit}${small ? ` ${small} ${smallUnit}` : ""}`;
  if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 172800) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return `${Math.floor(whole / 86400)} d`;
}

/** `2026-08-08 09:00:00`, in UTC. */
function timeText(milliseconds) {
  return new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ");
}

/** `09:00:00`, in UTC. */
function clockText(milliseconds) {
  return new Date(milliseconds).toISOString().slice(11, 19);
}
