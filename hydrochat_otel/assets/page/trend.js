// Trends: the numbers of each step of a longer window, requested only while the view is shown.

import { ask } from "./ask.js";
import { byId, radios, setText } from "./dom.js";
import { count, day, duration, minute, money, percent, tickDuration, timeZone } from "./format.js";
import { Lines } from "./lines.js";
import { SortableTable } from "./tables.js";
import { currentView, onView } from "./tabs.js";

const WINDOWS = [["1h", "1 h"], ["6h", "6 h"], ["24h", "24 h"], ["7d", "7 d"], ["30d", "30 d"]].map(
  ([value, text]) => ({ value, text }),
);
const REFRESH_MS = 30_000;

const CHARTS = [
  {
    title: "Operations", tick: count,
    series: [
      { name: "all", value: (step) => step.count || null, colour: "accent", bars: true },
      { name: "failed", value: (step) => step.errors || null, colour: "failed", bars: true },
    ],
  },
  {
    title: "Response time", tick: tickDuration,
    series: [
      { name: "p95", value: (step) => step.p95_response_time, colour: "output-1", fill: true },
      { name: "average", value: (step) => step.avg_response_time, colour: "accent" },
    ],
  },
  {
    title: "Cost", tick: (usd) => (usd === 0 ? "0" : money(usd)),
    series: [{ name: "cost", value: (step) => step.total_cost_usd || null, colour: "accent", bars: true }],
  },
];
// What is unknown is no zero: its cell has a dash.
const known = (show) => (value) => (value === null ? "–" : show(value));
const [counted, timed, paid] = [count, duration, money].map(known);
const COLUMNS = [
  { head: "From", value: (step) => step.startMs, show: (step) => when(step.startMs), left: true },
  { head: "Operations", value: (step) => step.count ?? 0, show: (step) => counted(step.count) },
  { head: "Slow", value: (step) => step.threshold_violations ?? 0, show: (step) => counted(step.threshold_violations) },
  { head: "Failed", value: (step) => step.errors ?? 0, show: (step) => counted(step.errors) },
  { head: "Average", value: (step) => step.avg_response_time ?? 0, show: (step) => timed(step.avg_response_time) },
  { head: "p95", value: (step) => step.p95_response_time ?? 0, show: (step) => timed(step.p95_response_time) },
  { head: "Calls", value: (step) => step.llm_calls ?? 0, show: (step) => counted(step.llm_calls) },
  { head: "Tokens", value: (step) => step.total_tokens ?? 0, show: (step) => counted(step.total_tokens) },
  { head: "Cost", value: (step) => step.total_cost_usd ?? 0, show: (step) => paid(step.total_cost_usd) },
];
const SOURCES = {
  window: "From the retained entries.",
  prometheus: "From Prometheus, estimated from what it scraped.",
};

const NOTHING = "Nothing happened in this window.";
const UNKNOWN = "No step of this window is known as a whole yet: choose a shorter window, or connect Prometheus (HYDROCHAT_PROMETHEUS_URL).";

const table = new SortableTable(byId("trend-table"), { caption: "Trend by step", nothing: NOTHING, columns: COLUMNS });
const lines = new Lines(byId("trend-charts"), described);
let chosen = "24h";
let drawn = null;
let timer = 0;

function when(unixMs) {
  return `${day(unixMs)}, ${minute(unixMs)}`;
}

async function refresh() {
  clearTimeout(timer);
  const asked = chosen;
  try {
    const fresh = await ask(`${document.body.dataset.history}?window=${asked}`);
    if (asked !== chosen) return;
    for (const step of fresh.steps) step.startMs = Date.parse(step.start);
    setText(byId("trend-note"), `${SOURCES[fresh.source]} Steps of ${span(fresh.step_s)}, ${timeZone}.${gap(fresh)}`);
    const unknown = fresh.steps.every((step) => step.count === null);
    table.nothing = unknown ? UNKNOWN : NOTHING;
    table.show(fresh.steps.filter((step) => step.count || step.llm_calls).reverse(), unknown);
    const key = JSON.stringify(fresh.steps);
    // Unchanged steps are not drawn again, so that a zoom stays.
    if (key !== drawn) lines.draw(CHARTS, fresh.steps, fresh.step_s);
    drawn = key;
  } catch (error) {
    if (asked === chosen) setText(byId("trend-note"), `The history cannot be shown: ${error.message}`);
  }
  if (currentView() === "trends" && !document.hidden) timer = setTimeout(refresh, REFRESH_MS);
}

// Steps before this moment have null counts: they are neither drawn nor in the table.
function gap({ complete_since: since, steps }) {
  return since === null || !steps.length || Date.parse(since) <= steps[0].startMs ? "" : ` Counted since ${when(Date.parse(since))}; earlier steps are unknown.`;
}

const span = (seconds) =>
  seconds % 86_400 === 0 ? `${seconds / 86_400} d` : seconds % 3600 === 0 ? `${seconds / 3600} h` : seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;

function described(step) {
  const failed = step.errors ? ` (${count(step.errors)} failed, ${percent(step.error_rate)})` : "";
  const p95 = step.p95_response_time === null ? "" : `, p95 ${duration(step.p95_response_time)}`;
  return `${when(step.startMs)}: ${counted(step.count)} operations${failed}${p95}; ${counted(step.llm_calls)} calls, ${counted(step.total_tokens)} tokens, ${paid(step.total_cost_usd)}`;
}

radios(byId("trend-windows"), "trend-window", WINDOWS, chosen, (value) => {
  chosen = value;
  refresh();
});
onView((name) => (name === "trends" ? refresh() : clearTimeout(timer)));
document.addEventListener("visibilitychange", () => (currentView() === "trends" && !document.hidden ? refresh() : clearTimeout(timer)));
