// Trends: what happened in each step of a longer window, asked for only while the panel is open.

import { byId, el, radios, setText, svg } from "./dom.js";
import { count, day, duration, minute, money, percent, tickDuration, timeZone } from "./format.js";
import { durationScale, timeScale, timeTicks } from "./scale.js";
import { SortableTable } from "./tables.js";

const WINDOWS = [["1h", "1 h"], ["6h", "6 h"], ["24h", "24 h"], ["7d", "7 d"], ["30d", "30 d"]].map(
  ([value, text]) => ({ value, text }),
);
const ANSWER_WITHIN_MS = 15_000;
const REFRESH_MS = 30_000;
const LEFT = 76;
const RIGHT = 14;
const TOP = 26;
const BOTTOM = 24;
const HEIGHT = 150;

const CHARTS = [
  { title: "Operations, failed ones below", value: (step) => step.count, part: (step) => step.errors, tick: count },
  { title: "Response time, p95", value: (step) => step.p95_response_time ?? 0, kind: "p95", tick: tickDuration },
  { title: "Cost", value: (step) => step.total_cost_usd, kind: "cost", tick: (usd) => (usd === 0 ? "0" : money(usd)) },
];
const optional = (seconds) => (seconds === null ? "–" : duration(seconds));
const COLUMNS = [
  { head: "From", value: (step) => step.startMs, show: (step) => when(step.startMs), left: true },
  { head: "Operations", value: (step) => step.count, show: (step) => count(step.count) },
  { head: "Slow", value: (step) => step.threshold_violations, show: (step) => count(step.threshold_violations) },
  { head: "Failed", value: (step) => step.errors, show: (step) => count(step.errors) },
  { head: "Average", value: (step) => step.avg_response_time ?? 0, show: (step) => optional(step.avg_response_time) },
  { head: "p95", value: (step) => step.p95_response_time ?? 0, show: (step) => optional(step.p95_response_time) },
  { head: "Calls", value: (step) => step.llm_calls, show: (step) => count(step.llm_calls) },
  { head: "Tokens", value: (step) => step.total_tokens, show: (step) => count(step.total_tokens) },
  { head: "Cost", value: (step) => step.total_cost_usd, show: (step) => money(step.total_cost_usd) },
];
const SOURCES = {
  window: "From the retained entries of this process; what has left the window is missing.",
  prometheus: "From Prometheus, estimated from what it scraped.",
};

const panel = byId("trend");
const table = new SortableTable(byId("trend-table"), { caption: "Trend by step", nothing: "Nothing happened in this window.", columns: COLUMNS });
let chosen = "24h";
let shown = null;
let timer = 0;

const when = (unixMs) => `${day(unixMs)}, ${minute(unixMs)}`;

async function refresh() {
  clearTimeout(timer);
  const asked = chosen;
  try {
    const fresh = await ask(asked);
    if (asked !== chosen) return;
    shown = fresh;
    setText(byId("trend-note"), `${SOURCES[shown.source]} Steps of ${span(shown.step_s)}, ${timeZone}.`);
    table.show(shown.steps.filter((step) => step.count || step.llm_calls).reverse());
    draw();
  } catch (error) {
    if (asked === chosen) setText(byId("trend-note"), `The history cannot be shown: ${error.message}`);
  }
  if (panel.open && !document.hidden) timer = setTimeout(refresh, REFRESH_MS);
}

async function ask(window) {
  const address = `${document.body.dataset.history}?window=${window}`;
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const response = await fetch(address, { cache: "no-store", headers: { Accept: "application/json" }, signal });
  const answer = await response.json().catch(() => ({ error: `status ${response.status}` }));
  if (!response.ok) throw new Error(answer.error);
  for (const step of answer.steps) step.startMs = Date.parse(step.start);
  return answer;
}

const span = (seconds) =>
  seconds % 86_400 === 0 ? `${seconds / 86_400} d` : seconds % 3600 === 0 ? `${seconds / 3600} h` : seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;

function draw() {
  const width = Math.floor(byId("trend-charts").clientWidth);
  if (shown !== null && width > 0) byId("trend-charts").replaceChildren(...CHARTS.map((chart) => drawn(chart, width)));
}

function drawn({ title, value, part, kind, tick }, width) {
  const { steps, step_s: stepS } = shown;
  const [right, bottom] = [width - RIGHT, HEIGHT - BOTTOM];
  const [from, to] = [steps[0].startMs, steps.at(-1).startMs + stepS * 1000];
  const x = timeScale(from, to, LEFT, right);
  const whole = tick === count;
  const { ticks, place } = durationScale("linear", steps.map(value), whole ? 1 : 0, bottom, TOP);
  const axes = svg("g", { class: "axes", "aria-hidden": "true" });
  for (const at of ticks.filter((one, index) => (ticks.length < 5 || index % 2 === 0) && (!whole || Number.isInteger(one)))) {
    axes.append(svg("line", { class: "grid", x1: LEFT, x2: right, y1: place(at), y2: place(at) }));
    axes.append(svg("text", { class: "y", x: LEFT - 8, y: place(at) }, tick(Number(at.toPrecision(6)))));
  }
  const { step: tickMs, ticks: times } = timeTicks(from, to, Math.max(2, Math.floor((right - LEFT) / 110)));
  for (const time of times) {
    const anchor = x(time) - LEFT < 20 ? "start" : right - x(time) < 20 ? "end" : "middle";
    axes.append(svg("text", { class: "x", x: x(time), y: bottom + 18, "text-anchor": anchor }, tickMs >= 86_400_000 ? day(time) : minute(time)));
  }
  axes.append(svg("line", { class: "base", x1: LEFT, x2: right, y1: bottom, y2: bottom }));
  axes.append(svg("text", { class: "name", x: 0, y: 11 }, title));
  const gap = Math.max(1, (right - LEFT) / steps.length);
  const bars = steps.filter((step) => value(step) > 0).map((step) => {
    const bar = (to_, className) =>
      svg("rect", { class: className, x: x(step.startMs) + 0.5, width: Math.max(1, gap - 1), y: place(to_), height: bottom - place(to_) });
    return svg("g", { class: "step" }, svg("title", {}, told(step)), bar(value(step), kind ?? "count"), part?.(step) ? bar(part(step), "part") : null);
  });
  const label = `${title}, ${when(from)} to ${when(to)}; the numbers are in the table below`;
  return svg("svg", { role: "img", "aria-label": label, width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` }, axes, ...bars);
}

function told(step) {
  const failed = step.errors ? ` (${count(step.errors)} failed, ${percent(step.error_rate)})` : "";
  const p95 = step.p95_response_time === null ? "" : `, p95 ${duration(step.p95_response_time)}`;
  return `${when(step.startMs)}: ${count(step.count)} operations${failed}${p95}; ${count(step.llm_calls)} calls, ${count(step.total_tokens)} tokens, ${money(step.total_cost_usd)}`;
}

radios(byId("trend-windows"), "trend-window", WINDOWS, chosen, (value) => {
  chosen = value;
  refresh();
});
panel.addEventListener("toggle", () => (panel.open ? refresh() : clearTimeout(timer)));
document.addEventListener("visibilitychange", () => (panel.open && !document.hidden ? refresh() : clearTimeout(timer)));
new ResizeObserver(draw).observe(byId("trend-charts"));
