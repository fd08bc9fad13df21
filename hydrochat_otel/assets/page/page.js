// The page: fetches the numbers, keeps them fresh, and says so when it cannot.

import { Chart } from "./chart.js";
import { byId, radios, setText, whenChanged } from "./dom.js";
import { clock, count, day, hours as hoursText, moment } from "./format.js";
import { fittingScale } from "./scale.js";
import * as tables from "./tables.js";
import { onView } from "./tabs.js";

const ANSWER_WITHIN_MS = 10_000;
const SIGNED_OUT_KEY = "hydrochat-signed-out-ms";

const source = document.body.dataset.source;
const refreshMs = Number(document.body.dataset.refreshS) * 1000;
const chart = new Chart(byId("chart"), byId("legend"));
const newest = new tables.SortableTable(byId("newest"), {
  caption: "Newest slow and failed operations and calls", nothing: "None: nothing was slow, nothing failed.",
  columns: tables.newestColumns(() => latest.taken_unix_ms),
});
const models = new tables.SortableTable(byId("models"), {
  caption: "Calls, tokens and cost by model", nothing: "No calls to Gemini yet.", columns: tables.modelColumns(() => latest.totals.cost_usd),
});
let byOperation = null;
let latest = null;
let chosenHours = 24;
let chosenScale = null;
let paused = false;
let busy = false;
let timer = 0;

// -- fetching -----------------------------------------------------------------------------------------------------

class Trouble extends Error {}

async function refresh() {
  if (busy) return;
  busy = true;
  clearTimeout(timer);
  try {
    const fresh = await ask();
    if (fresh !== null) show(fresh);
  } catch (error) {
    if (!(error instanceof Trouble)) console.error(error);
    trouble(error instanceof Trouble ? error.message : "The page cannot show what the server sent");
  } finally {
    busy = false;
    schedule();
  }
}

// Returns the latest document, or null when the page is about to load again.
async function ask() {
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const asked = fetch(source, { cache: "no-store", headers: { Accept: "application/json" }, signal });
  const response = await asked.catch((error) => {
    throw new Trouble(error.name === "TimeoutError" ? "The server takes too long" : "The server does not answer");
  });
  if (response.status === 401) return signInAgain();
  if (!response.ok) throw new Trouble(`The server answered with status ${response.status}`);
  sessionStorage.removeItem(SIGNED_OUT_KEY);
  return response.json().catch(() => {
    throw new Trouble("The server's answer is not readable");
  });
}

function schedule() {
  clearTimeout(timer);
  if (!paused && !document.hidden) timer = setTimeout(refresh, refreshMs);
}

// The page itself asks for the token; twice in a row would mean that the two disagree, and loading again is no help.
function signInAgain() {
  const before = Number(sessionStorage.getItem(SIGNED_OUT_KEY));
  if (Date.now() - before < 10_000) throw new Trouble("The server refuses the numbers (401): sign out and in again");
  sessionStorage.setItem(SIGNED_OUT_KEY, String(Date.now()));
  location.reload();
  return null;
}

function trouble(sentence) {
  document.body.classList.add("stale");
  const shown = latest === null ? "" : ` The numbers are stale, as of ${clock(latest.taken_unix_ms)}.`;
  setText(byId("trouble"), `${sentence}.${shown} ${paused ? "Refreshing is paused." : "Trying again every few seconds."}`);
  state();
}

// -- showing ------------------------------------------------------------------------------------------------------

function show(fresh) {
  latest = fresh;
  document.body.classList.remove("stale");
  setText(byId("trouble"), "");
  byId("plain").hidden = true;
  const { totals } = latest;
  const empty = totals.operations.count === 0 && totals.llm_calls.total === 0;
  byId("empty").hidden = !empty;
  byId("live").hidden = empty;
  if (latest.service) setText(byId("service"), latest.service);
  state();
  if (empty) return;

  tables.showAlerts(byId("alerts"), latest.alerts);
  tables.showFigures(byId("gemini-figures"), tables.geminiFigures(totals));
  tables.showBars(byId("token-bars"), tables.tokenBars(totals.tokens), "No tokens yet.");
  tables.showBars(byId("cost-bars"), tables.costBars(latest.models, totals.cost_usd), "No calls to Gemini yet.");
  models.show(latest.models, totals.cost_usd);
  newest.show(latest.newest, day(latest.taken_unix_ms));
  tables.showBudget(byId("budget-bars"), latest.budget);
  tables.showState(byId("state"), latest.state);
  tables.showRetention(byId("retention"), latest.retention, totals.telemetry_errors, latest.refused_names);
  showWindow();
}

// What depends on the chosen window.
function showWindow() {
  const offered = latest.windows.map((window) => window.hours);
  whenChanged(byId("windows"), offered, () => {
    const choices = offered.map((value) => ({ value, text: hoursText(value) }));
    radios(byId("windows"), "window", choices, chosenHours, (value) => { chosenHours = value; showWindow(); });
  });
  const window = latest.windows.find(({ hours }) => hours === chosenHours) ?? latest.windows.at(-1);
  const last = `last ${hoursText(window.hours)}`;
  for (const node of document.querySelectorAll("[data-window]")) setText(node, last);

  tables.showFigures(byId("operation-figures"), tables.operationFigures(window.summary));
  byOperation ??= new tables.SortableTable(byId("by-operation"), {
    caption: "Response times by operation", nothing: "No operations in this window.",
    columns: tables.operationColumns(latest.threshold_s),
  });
  byOperation.show(window.operations);

  const now = latest.taken_unix_ms;
  const since = now - window.hours * 3600e3;
  const points = latest.points.filter(([unixMs]) => unixMs >= since);
  const durations = points.map(([, seconds]) => seconds);
  if (chosenScale === null && points.length > 0) chosenScale = fittingScale(durations, latest.threshold_s);
  const scale = chosenScale ?? "linear";
  showScales(scale);
  const newestMs = latest.points.at(-1)?.[0];
  const elsewhere = newestMs === undefined ? "" : `; the newest ended at ${moment(newestMs, now)}`;
  // The axis begins with the first operation: two minutes of work would be one line at the edge of 24 hours.
  const first = points.length ? points.reduce((least, [unixMs]) => Math.min(least, unixMs), now) : since;
  chart.draw({
    points, now, scale, threshold_s: latest.threshold_s,
    from: points.length ? Math.max(since, first - Math.max(2e3, (now - first) * 0.02)) : since,
    to: points.reduce((greatest, [unixMs]) => Math.max(greatest, unixMs), now),
    message: `No operations in the ${last}${elsewhere}.`,
  });
  const omitted = latest.points_omitted;
  setText(byId("chart-note"), omitted ? `The newest ${count(latest.points.length)} operations are drawn; ${count(omitted)} older ones are in the table only.` : "");
}

function showScales(scale) {
  whenChanged(byId("scales"), "built", () => {
    const choices = [{ value: "linear", text: "Linear" }, { value: "log", text: "Log" }];
    radios(byId("scales"), "scale", choices, scale, (value) => {
      chosenScale = value;
      showWindow();
    });
  });
  for (const input of byId("scales").querySelectorAll("input")) input.checked = input.value === scale;
}

function state() {
  const stale = document.body.classList.contains("stale");
  const health = byId("attention");
  if (latest !== null) {
    const number = latest.alerts.filter((alert) => alert.needs_attention).length;
    health.hidden = false;
    const idle = !byId("empty").hidden && number === 0;
    health.className = `pill ${stale ? "stale" : idle ? "waiting" : number ? "attention" : "healthy"}`;
    setText(health, stale ? "Stale" : idle ? "No data yet" : number ? `Needs attention: ${number}` : "Healthy");
    byId("as-of").hidden = false;
    byId("pause").hidden = false;
    setText(byId("taken"), clock(latest.taken_unix_ms));
    byId("taken").dateTime = latest.taken_at;
  }
  setText(byId("refresh-state"), paused ? "paused" : stale ? "stale" : `every ${refreshMs / 1000} s`);
}

// -- what the reader does -----------------------------------------------------------------------------------------

byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  state();
  if (paused) clearTimeout(timer);
  else refresh();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (!paused) refresh();
});

// A signed-in user may still follow the link with the token: it must not stay in the history.
if (location.hash.startsWith("#token=")) history.replaceState(null, "", location.pathname + location.search);

// A hidden chart has no width: it is drawn when its view is shown.
onView((name) => { if (name === "now" && latest !== null && !byId("live").hidden) showWindow(); });

refresh();
