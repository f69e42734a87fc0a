/* What the pages do by script: the state of the live connection, marks on numbers that moved, charts, and the slider through time. */
"use strict";

document.documentElement.classList.remove("plain");

/* -- live: said only when it changes, so that a screen reader is not told of every number */

const live = document.querySelector("[data-live]");

function say(state) {
  if (!live || live.dataset.live === state) return;
  live.dataset.live = state;
  live.hidden = false;
  live.textContent = state === "on" ? "live" : "not live, trying again";
  live.classList.toggle("away", state !== "on");
}

let leaving = false; // a second load would break the first one off

document.addEventListener("htmx:sseOpen", () => say("on"));
document.addEventListener("htmx:sseError", () => {
  say("away");
  fetch("/live/session").then((answer) => {
    if (answer.status !== 401 || leaving) return;
    leaving = true;
    location.reload(); // signed out meanwhile: the form leads back to here
  }).catch(() => {}); // the server is away: the stream is tried again
});

/* -- numbers that moved are marked for a moment */

function texts(row) {
  return Array.from(row.children, (cell) => cell.textContent.trim());
}

const before = new Map();

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const row = event.detail.target;
  if (row && row.tagName === "TR") before.set(row.id, texts(row));
});

document.addEventListener("htmx:oobAfterSwap", (event) => {
  const row = document.getElementById(event.detail.target.id);
  const was = row && before.get(row.id);
  if (!was) return;
  before.delete(row.id);
  texts(row).forEach((text, index) => {
    if (text !== was[index]) row.children[index].classList.add("moved");
  });
});

/* -- what somebody has opened stays open when news comes */

let open = [];

document.addEventListener("htmx:beforeSwap", (event) => {
  open = Array.from(event.detail.target.querySelectorAll("details[id][open]"), (one) => one.id);
});

document.addEventListener("htmx:afterSwap", () => {
  open.forEach((name) => {
    const one = document.getElementById(name);
    if (one) one.open = true;
  });
});

/* -- charts: drawn from the table beside them, which has the same numbers */

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function times(_, splits, __, ___, step) {
  return splits.map((seconds) => {
    const at = new Date(seconds * 1000).toISOString();
    return step >= 86400 ? at.slice(0, 10) : step >= 60 ? at.slice(11, 16) : at.slice(11, 19);
  });
}

function draw(figure) {
  const plot = figure.querySelector(".plot");
  const table = figure.querySelector("table.steps");
  const names = Array.from(table.tHead.rows[0].cells, (cell) => cell.textContent).slice(1);
  const rows = Array.from(table.tBodies[0].rows);
  const data = [rows.map((row) => Number(row.cells[0].dataset.at))];
  names.forEach((_, index) => data.push(rows.map((row) => Number(row.cells[index + 1].dataset.n))));
  if (data[0].length === 1) data.forEach((line, index) => line.push(index ? line[0] : line[0] + 60));
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px " + getComputedStyle(document.body).fontFamily };
  plot.replaceChildren();
  const chart = new uPlot({
    width: plot.clientWidth || 600,
    height: 220,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: { y: { range: (_, low, high) => [Math.min(0, low), Math.max(1, high)] } },
    axes: [{ ...axis, values: times, space: 70 }, { ...axis, size: 46, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000, 100000, 1000000] }],
    series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}", label: "from" }].concat(names.map((name, index) => ({
      label: name,
      stroke: colour(`--l${(index % 6) + 1}`),
      width: 2,
      dash: index % 2 ? [6, 3] : [],
      points: { show: false },
      paths: uPlot.paths.stepped({ align: 1 }),
    }))),
  }, data, plot);
  requestAnimationFrame(() => chart.setLegend({ idx: data[0].length - 1 }));
}

function charts(root) {
  root.querySelectorAll("[data-chart]").forEach((figure) => {
    if (!figure.querySelector(".uplot")) draw(figure);
  });
}

function again() {
  document.querySelectorAll("[data-chart]").forEach(draw);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(again, 150);
});
document.addEventListener("htmx:afterSettle", () => charts(document));
document.addEventListener("DOMContentLoaded", () => charts(document));
charts(document);

/* -- the slider sets the field that the form sends */

document.addEventListener("input", (event) => {
  const slider = event.target;
  if (!slider.dataset || !slider.dataset.sets) return;
  const at = new Date(Number(slider.value) * 1000).toISOString().slice(0, 19);
  const field = document.getElementById(slider.dataset.sets);
  slider.setAttribute("aria-valuetext", at.replace("T", " "));
  slider.parentElement.querySelector("output").textContent = at.replace("T", " ");
  field.value = at;
  clearTimeout(slider.waits);
  slider.waits = setTimeout(() => field.dispatchEvent(new Event("change", { bubbles: true })), 120);
});
