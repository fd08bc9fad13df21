// Turns: the retained work that a caller waited for, searched, and one of them as a waterfall.

import { ask } from "./ask.js";
import { byId, el, setText, svg, whenChanged } from "./dom.js";
import { count, duration, money, moment } from "./format.js";
import { BUCKETS, SortableTable } from "./tables.js";
import { currentView, onView } from "./tabs.js";

const REFRESH_MS = 10_000;
const source = document.body.dataset.turns;
const form = byId("turn-search");
const note = byId("turns-note");
let nowMs = Date.now();
let timer = 0;
let asked = 0;

const ended = (row) => (row.error !== null ? row.error : row.outcome === "ok" ? (row.exceeded ? "slow" : "ok") : row.outcome);
const tone = (row) => (row.outcome === "error" || row.outcome === "blocked" || row.error !== null ? "failed" : row.exceeded ? "slow" : row.outcome === "ok" ? "ok" : "other");
const cost = (row) => (row.cost_usd === null ? "unknown" : `${row.unpriced_calls ? "≥ " : ""}${money(row.cost_usd)}`);
const badge = (row) => el("span", { class: `state-badge ${tone(row)}` }, ended(row));

const table = new SortableTable(byId("turns-table"), {
  caption: "Turns", nothing: "No turn matches.",
  columns: [
    { head: "Ended", value: (row) => row.unix_ms, show: (row) => el("a", { href: `#turns/${row.id}` }, moment(row.unix_ms, nowMs)), left: true },
    { head: "Operation", value: (row) => row.operation, show: (row) => row.operation, left: true },
    { head: "Took", value: (row) => row.duration_s, show: (row) => duration(row.duration_s), mark: (row) => (row.exceeded ? "slow" : null) },
    { head: "Outcome", value: ended, show: badge, left: true },
    { head: "Steps", value: (row) => row.steps, show: (row) => count(row.steps) },
    { head: "Calls", value: (row) => row.calls, show: (row) => (row.failed_calls ? `${count(row.calls)} (${count(row.failed_calls)} failed)` : count(row.calls)), mark: (row) => (row.failed_calls ? "failed" : null) },
    { head: "Tokens", value: (row) => row.tokens, show: (row) => count(row.tokens) },
    { head: "Cost", value: (row) => row.cost_usd ?? -1, show: cost },
    { head: "Model", value: (row) => row.models.join(), show: (row) => row.models.join(", ") || "–", left: true },
  ],
});

// -- the list -----------------------------------------------------------------------------------------------------

async function refresh() {
  clearTimeout(timer);
  const turn = ++asked;
  try {
    const filled = [...new FormData(form)].filter(([, value]) => value !== "");
    const answer = await ask(`${source}?${new URLSearchParams([...filled, ["limit", "100"]])}`);
    if (turn !== asked) return;
    nowMs = Date.parse(answer.taken_at);
    choices("turn-operation", answer.operations);
    choices("turn-model", answer.models);
    table.show(answer.turns);
    const shown = answer.turns.length < answer.matching ? `the newest ${count(answer.turns.length)} of ` : "";
    setText(note, `${shown}${count(answer.matching)} of ${count(answer.retained)} retained turns match.`.replace(/^./, (first) => first.toUpperCase()));
  } catch (error) {
    if (turn === asked) setText(note, error.message);
  }
  if (currentView() === "turns" && !document.hidden) timer = setTimeout(refresh, REFRESH_MS);
}

function choices(id, values) {
  const select = byId(id);
  whenChanged(select, values, () => {
    const chosen = select.value;
    const kept = values.includes(chosen) || chosen === "" ? values : [chosen, ...values];
    select.replaceChildren(el("option", { value: "" }, "any"), ...kept.map((value) => el("option", { value }, value)));
    select.value = chosen;
  });
}

// -- one turn -----------------------------------------------------------------------------------------------------

async function open(id) {
  const box = byId("turn");
  byId("turn-list").hidden = id !== "";
  box.hidden = id === "";
  if (id === "") return box.replaceChildren();
  const back = el("a", { class: "back", href: "#turns" }, "All turns");
  box.replaceChildren(back, el("p", { class: "quiet", role: "status" }, "Loading the turn …"));
  try {
    const turn = await ask(`${source}?turn=${encodeURIComponent(id)}`);
    if (!location.hash.endsWith(id)) return;
    const title = el("h2", { tabindex: "-1" }, turn.operation, " ", badge(turn));
    box.replaceChildren(back, title, facts(turn), waterfall(turn));
    title.focus();
  } catch (error) {
    box.replaceChildren(back, el("p", { class: "trouble", role: "alert" }, error.message));
  }
}

function facts(turn) {
  const trace = turn.trace_url === null ? el("code", {}, turn.trace_id ?? "none")
    : el("a", { href: turn.trace_url, target: "_blank", rel: "noreferrer" }, "Open the trace");
  const pairs = [
    ["Ended", moment(turn.unix_ms, nowMs)], ["Took", duration(turn.duration_s)], ["Calls", count(turn.calls)],
    ["Tokens", count(turn.tokens)], ["Cost", cost(turn)], ["Trace", trace],
  ];
  return el("dl", { class: "facts" }, ...pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function waterfall(turn) {
  const rows = turn.rows.map((row) => el("tr", {},
    el("th", { scope: "row", class: `depth-${Math.min(6, row.depth)} ${row.kind}` }, el("span", {}, row.name), detail(row)),
    el("td", { class: "lane" }, lane(row, turn.duration_s)),
    el("td", { class: `number ${row.exceeded ? "slow" : ""}` }, duration(row.duration_s)),
    el("td", { class: "number", "data-unit": "tokens" }, row.tokens === null ? "" : count(Object.values(row.tokens).reduce((sum, one) => sum + one, 0))),
    el("td", { class: "number" }, row.billed ? (row.cost_usd === null ? "unknown" : money(row.cost_usd)) : "")));
  const omitted = turn.rows_omitted ? el("p", { class: "quiet" }, `${count(turn.rows_omitted)} further rows are not listed.`) : null;
  const table_ = el("table", { class: "waterfall" }, el("caption", { class: "unseen" }, `What happened in ${turn.operation}`),
    el("thead", {}, el("tr", {}, ...["What", "When", "Took", "Tokens", "Cost"].map((head, index) => el("th", { scope: "col", class: index > 1 ? "number" : null }, head)))),
    el("tbody", {}, ...rows));
  const region = { class: "scroll", role: "region", tabindex: "0", "aria-label": "Waterfall of the turn" };
  return el("div", {}, el("div", region, table_), omitted);
}

function detail(row) {
  const bucket = (name) => `${count(row.tokens[name])} ${BUCKETS[name].replace(/^.*, /, "")}`;
  const words = [
    row.model, row.error ?? (row.outcome === "ok" ? null : row.outcome), repeated(row),
    row.first_token_s === null ? null : `first token after ${duration(row.first_token_s)}`, row.incomplete ? "incomplete" : null,
    ...(row.tokens === null ? [] : Object.keys(BUCKETS).filter((name) => row.tokens[name] > 0).map(bucket)),
  ].filter(Boolean);
  return words.length ? el("small", { class: row.error !== null || row.outcome === "error" ? "failed" : null }, words.join(" · ")) : null;
}

function repeated({ attempts, retry_wait_s: waitS }) {
  if (!(attempts > 1)) return null;
  return `${count(attempts)} attempts${waitS === null ? "" : `, ${duration(waitS)} of waiting between them`}`;
}

function lane(row, wholeS) {
  const scale = (seconds) => (wholeS > 0 ? (seconds / wholeS) * 1000 : 0);
  const x = Math.min(997, scale(row.offset_s));
  const width = Math.max(3, Math.min(1000 - x, scale(row.duration_s)));
  const label = `begins after ${duration(row.offset_s)}, takes ${duration(row.duration_s)}`;
  const drawing = svg("svg", { viewBox: "0 0 1000 12", preserveAspectRatio: "none", role: "img", "aria-label": label });
  drawing.append(svg("title", {}, label), svg("rect", { class: "track", width: 1000, height: 12, rx: 2 }),
    svg("rect", { class: `${tone(row)} ${row.kind}`, x: x.toFixed(2), width: width.toFixed(2), height: 12, rx: 2 }));
  if (row.first_token_s !== null) {
    drawing.append(svg("rect", { class: "first", x: (x + scale(row.first_token_s)).toFixed(2), width: 3, height: 12 }));
  }
  return drawing;
}

form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(refresh, 250); });
form.addEventListener("reset", () => setTimeout(refresh));
form.addEventListener("submit", (event) => { event.preventDefault(); refresh(); });
onView((name, rest) => {
  clearTimeout(timer);
  if (name !== "turns") return;
  open(rest);
  if (rest === "") refresh();
});
document.addEventListener("visibilitychange", () => (currentView() === "turns" && !document.hidden ? refresh() : clearTimeout(timer)));
