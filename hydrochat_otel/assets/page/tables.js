// Tables, bars, figures and the alert list: from numbers to elements.

import { sign } from "./chart.js";
import { el, setText, svg, whenChanged } from "./dom.js";
import { count, duration, hours as hoursText, money, moment, percent, shortCount } from "./format.js";

// -- tables -------------------------------------------------------------------------------------------------------

// A table whose columns sort it. columns: {head, value: row => sortable, show: row => text or node, left}.
export class SortableTable {
  constructor(container, { caption, nothing, columns, sort }) {
    Object.assign(this, { nothing, columns, sort: sort ?? null, rows: [] });
    this.heads = columns.map((column, index) => {
      const button = el("button", { type: "button" }, column.head);
      button.addEventListener("click", () => this.sortBy(index));
      return el("th", { scope: "col", class: column.left ? null : "number" }, button);
    });
    this.body = el("tbody");
    container.replaceChildren(
      el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption },
        el("table", {}, el("caption", { class: "unseen" }, caption),
          el("thead", {}, el("tr", {}, ...this.heads)), this.body)),
    );
  }

  sortBy(index) {
    const again = this.sort?.index === index;
    this.sort = { index, down: again ? !this.sort.down : !this.columns[index].left };
    this.show(this.rows);
  }

  // `context` is what the cells depend on beside the rows.
  show(rows, context = this.context) {
    Object.assign(this, { rows, context });
    whenChanged(this.body, [rows, context, this.sort], () => this.build());
  }

  build() {
    const { sort, columns } = this;
    this.heads.forEach((head, index) => {
      if (sort?.index === index) head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const rows = sort === null ? this.rows : [...this.rows].sort(by(columns[sort.index].value, sort.down));
    const cells = (row) =>
      columns.map(({ show, left, mark }, index) => {
        const classes = [left ? null : "number", mark?.(row)].filter(Boolean).join(" ") || null;
        return index === 0 ? el("th", { scope: "row" }, show(row)) : el("td", { class: classes }, show(row));
      });
    const none = el("tr", {}, el("td", { colspan: columns.length, class: "nothing" }, this.nothing));
    this.body.replaceChildren(...(rows.length ? rows.map((row) => el("tr", {}, ...cells(row))) : [none]));
  }
}

function by(value, down) {
  return (one, other) => {
    const [a, b] = down ? [value(other), value(one)] : [value(one), value(other)];
    return typeof a === "string" ? a.localeCompare(b) : a - b;
  };
}

const whole = (head, value, mark) => ({ head, value, show: (row) => count(value(row)), mark });
const alarming = (value, name) => (row) => (value(row) > 0 ? name : null);

export function operationColumns(thresholdS) {
  const seconds = (head, value) => ({
    head, value, show: (row) => duration(value(row)), mark: (row) => (value(row) > thresholdS ? "slow" : null),
  });
  return [
    { head: "Operation", value: (row) => row.operation, show: (row) => row.operation, left: true },
    whole("Count", (row) => row.count),
    whole("Slow", (row) => row.violations, alarming((row) => row.violations, "slow")),
    whole("Failed", (row) => row.errors, alarming((row) => row.errors, "failed")),
    seconds("Average", (row) => row.avg_s),
    seconds("p50", (row) => row.p50_s),
    seconds("p95", (row) => row.p95_s),
    seconds("p99", (row) => row.p99_s),
    seconds("Max", (row) => row.max_s),
  ];
}

export const modelColumns = (totalUsd) => [
  { head: "Model", value: (row) => row.model, show: (row) => row.model || "(unknown)", left: true },
  whole("Calls", (row) => row.calls),
  whole("Failed", (row) => row.failed, alarming((row) => row.failed, "failed")),
  whole("Fresh", (row) => row.tokens.input_fresh),
  whole("Cached", (row) => row.tokens.input_cached),
  whole("Tools", (row) => row.tokens.input_tool),
  whole("Answer", (row) => row.tokens.output_answer),
  whole("Thinking", (row) => row.tokens.output_thinking),
  whole("All tokens", (row) => row.tokens.total),
  { head: "Cost", value: (row) => row.cost_usd, show: (row) => costCell(row, totalUsd()) },
];

function costCell(row, totalUsd) {
  const cost = row.cost_usd > 0 || row.priced ? precise(row.cost_usd, totalUsd) : "";
  if (row.priced) return cost;
  const badge = el("span", { class: "badge", title: `${count(row.unpriced_tokens)} tokens have no known price` }, "unpriced");
  return cost ? el("span", {}, `${cost} `, badge) : badge;
}

// One model's share of the total may be tiny: two digits more than the total has.
const precise = (usd, totalUsd) => money(usd, totalUsd / 100);

export function newestColumns(nowMs) {
  return [
    { head: "Time", value: (row) => row.unix_ms, show: (row) => moment(row.unix_ms, nowMs()), left: true },
    { head: "What", value: (row) => row.name, show: (row) => row.name, left: true },
    { head: "Model", value: (row) => row.model ?? "", show: (row) => row.model ?? "–", left: true },
    { head: "Took", value: (row) => row.duration_s, show: (row) => duration(row.duration_s), mark: (row) => (row.exceeded ? "slow" : null) },
    { head: "Why", value: reason, show: (row) => el("span", { class: "why" }, sign(markOf(row)), reason(row)), left: true },
    { head: "Trace", value: (row) => row.trace_id ?? "", show: (row) => el("code", {}, row.trace_id ?? "–"), left: true },
  ];
}

const markOf = (row) => (row.error !== null || row.outcome !== "ok" ? "failed" : "slow");

function reason(row) {
  const failure = row.error ?? (row.outcome === "ok" ? null : row.outcome);
  return [failure, row.exceeded ? "above threshold" : null].filter(Boolean).join(", ");
}

// -- figures ------------------------------------------------------------------------------------------------------

// figures: {name, value, note, mark}; the same elements are kept and only their text changes.
export function showFigures(list, figures) {
  if (list.children.length !== figures.length) {
    list.replaceChildren(
      ...figures.map(({ name }) => el("div", {}, el("dt", {}, name), el("dd", { class: "value" }), el("dd", { class: "note" }))),
    );
  }
  figures.forEach(({ value, note, mark }, index) => {
    const [, valueNode, noteNode] = list.children[index].children;
    setText(valueNode, value);
    setText(noteNode, note);
    valueNode.className = ["value", mark, value.length > 8 && "long"].filter(Boolean).join(" ");
  });
}

export function operationFigures(summary) {
  const { count: all, violations, errors, avg_s: average, p95_s: p95 } = summary;
  return [
    { name: "Total", value: shortCount(all), note: all ? `average ${duration(average)}` : "none" },
    { name: "p95", value: all ? duration(p95) : "–", note: all ? `slowest ${duration(summary.max_s)}` : "" },
    { name: "Slow", value: shortCount(violations), note: share(violations, all, "above threshold"), mark: violations && "slow" },
    { name: "Failed", value: shortCount(errors), note: share(errors, all, "of operations"), mark: errors && "failed" },
  ];
}

export function geminiFigures(totals) {
  const { llm_calls: calls, tokens } = totals;
  const input = tokens.input_fresh + tokens.input_cached + tokens.input_tool;
  const others = [[totals.retries, "retries"], [calls.blocked, "blocked"], [calls.cancelled, "cancelled"]]
    .filter(([number]) => number > 0).map(([number, name]) => `${shortCount(number)} ${name}`);
  const unpriced = totals.unpriced_tokens;
  return [
    { name: "Calls", value: shortCount(calls.total), note: others.join(", ") || "no retries" },
    { name: "Failed", value: shortCount(calls.error), note: share(calls.error, calls.total, "of calls"), mark: calls.error && "failed" },
    { name: "Tokens", value: shortCount(tokens.total), note: `${shortCount(input)} in, ${shortCount(tokens.total - input)} out` },
    { name: "Cost", value: money(totals.cost_usd), note: unpriced ? `without ${shortCount(unpriced)} unpriced tokens` : "every token priced" },
  ];
}

const share = (part, all, of) => (part ? `${percent(part / all)} ${of}` : "none");

// -- bars ---------------------------------------------------------------------------------------------------------

export const BUCKETS = {
  input_fresh: "Input, fresh", input_cached: "Input, cached", input_tool: "Input, tools",
  output_answer: "Output, answer", output_thinking: "Output, thinking",
};

// bars: {name, value, text, kind}; lengths are relative to the longest.
export function showBars(list, bars, nothing) {
  whenChanged(list, bars, () => {
    const longest = Math.max(...bars.map((bar) => bar.value), 0);
    const item = ({ name, value, text, kind }) =>
      el("li", {}, el("span", { class: "name" }, name), el("span", { class: "amount" }, text), bar(longest ? value / longest : 0, kind));
    list.replaceChildren(...(bars.length ? bars.map(item) : [el("li", { class: "nothing" }, nothing)]));
  });
}

function bar(fraction, kind) {
  const drawing = svg("svg", { class: "bar", viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" });
  drawing.append(svg("rect", { class: "track", width: 100, height: 1 }));
  drawing.append(svg("rect", { class: kind, width: (Math.min(1, fraction) * 100).toFixed(2), height: 1 }));
  return drawing;
}

export function tokenBars(tokens) {
  return Object.entries(BUCKETS).map(([bucket, name]) => {
    const value = tokens[bucket];
    return { name, value, text: tokens.total ? `${count(value)} · ${percent(value / tokens.total)}` : "0", kind: bucket };
  });
}

export function costBars(models, totalUsd) {
  const cost = (usd) => precise(usd, totalUsd);
  const shown = models.slice(0, 7).map((row) => ({
    name: row.model || "(unknown)", value: row.cost_usd, kind: "cost",
    text: row.priced ? cost(row.cost_usd) : `${row.cost_usd > 0 ? `${cost(row.cost_usd)} + ` : ""}${count(row.unpriced_tokens)} tokens unpriced`,
  }));
  const rest = models.slice(7);
  if (rest.length === 0) return shown;
  const value = rest.reduce((sum, row) => sum + row.cost_usd, 0);
  return [...shown, { name: `${rest.length} others`, value, text: cost(value), kind: "cost" }];
}

// -- spend, state, retention and alerts ------------------------------------------------------------------------------

const PERIODS = { day: "Today", month: "This month" };

// periods: {period, spent_usd, budget_usd}; a budget of null is none.
export function showBudget(list, periods) {
  whenChanged(list, periods, () => list.replaceChildren(...periods.map(spendItem)));
}

function spendItem({ period, spent_usd: spent, budget_usd: budget }) {
  const name = el("span", { class: "name" }, PERIODS[period]);
  if (budget === null) return el("li", {}, name, el("span", { class: "amount" }, `${money(spent)}, no budget is set`));
  const used = spent / budget;
  const like = budget < 1 ? budget : 10;
  const text = `${money(spent, like)} of ${money(budget, like)} · ${percent(used)}`;
  const kind = used >= 1 ? "over" : used >= 0.8 ? "full" : "cost";
  const meter = el("div", {
    role: "meter", "aria-label": `Spent ${PERIODS[period].toLowerCase()}`, "aria-valuemin": "0", "aria-valuemax": String(budget),
    "aria-valuenow": String(Math.min(spent, budget)), "aria-valuetext": text,
  }, bar(used, kind));
  return el("li", {}, name, el("span", { class: "amount" }, text), meter);
}

const KEPT_IN = { memory: "this process's memory", sqlite: "SQLite, shared by the processes of this host", redis: "Redis, shared by all hosts" };

export function showState(node, { kind, workers, problem }) {
  whenChanged(node, [kind, workers, problem], () => {
    const text = `${count(workers)} ${workers === 1 ? "process" : "processes"}, state ${kind}`;
    const where = el("p", { class: "quiet" }, `The numbers are kept in ${KEPT_IN[kind] ?? kind}.`);
    const trouble = problem ? el("p", { class: "failed" }, problem) : null;
    node.replaceChildren(...[el("p", { class: "amount" }, text), where, trouble].filter(Boolean));
  });
}

export function showRetention(node, retention, telemetryErrors, refusedNames) {
  const { current_entries: now, max_entries: most, ttl_hours: hours, utilization_percent: used } = retention;
  const text = `${count(now)} of ${count(most)} entries, ${used.toFixed(1)} %`;
  whenChanged(node, [retention, telemetryErrors, refusedNames], () => {
    const meter = el("div", {
      role: "meter", "aria-label": "Retained entries", "aria-valuemin": "0", "aria-valuemax": String(most),
      "aria-valuenow": String(Math.min(now, most)), "aria-valuetext": text,
    }, bar(used / 100, used >= 80 ? "full" : "cost"));
    const rule = `Operations and calls to Gemini share ${count(most)} places for at most ${hoursText(hours)}; the oldest leave first.`;
    const inside = `${count(telemetryErrors)} failures inside the telemetry itself; the application went on.`;
    const failures = telemetryErrors ? el("p", { class: "failed" }, inside) : null;
    const parts = [el("p", { class: "amount" }, text), meter, el("p", { class: "quiet" }, rule), failures, refused(refusedNames)];
    node.replaceChildren(...parts.filter(Boolean));
  });
}

function refused(names) {
  if (!names.length) return null;
  const item = ({ label, name, count: times }) => el("li", {}, `${label}: ${name ?? "a name that is not shown"}, ${count(times)} times`);
  const summary = el("summary", {}, "Names that are counted as other; the log says the rule of each.");
  return el("details", {}, summary, el("ul", {}, ...names.map(item)));
}

export function showAlerts(list, alerts) {
  const item = (alert) => el("li", { class: alert.needs_attention ? null : "notice" }, alert.message);
  const items = alerts.length ? alerts.map(item) : [el("li", { class: "calm" }, "No alert: nothing exceeds its threshold.")];
  whenChanged(list, alerts, () => list.replaceChildren(...items));
}
