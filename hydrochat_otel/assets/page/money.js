// Money: dollars by operation and dimension, what the month will cost, and how much of it is budgeted.

import { ask } from "./ask.js";
import { byId, el, setText, whenChanged } from "./dom.js";
import { count, money, percent } from "./format.js";
import { showBars, showFigures, SortableTable } from "./tables.js";
import { currentView, onView } from "./tabs.js";

const REFRESH_MS = 10_000;
const SHOWN = 12;
const CHARGES = {
  grounding_search: "Grounding, searches", grounding_maps: "Grounding, maps", url_context: "Fetched addresses",
  code_execution: "Code execution", cache_storage: "Cache storage, token hours", image: "Images", video_second: "Video, seconds",
};
let timer = 0;

const charges = new SortableTable(byId("charges"), {
  caption: "Charges beyond tokens", nothing: "None.",
  columns: [
    { head: "Charge", value: ({ charge }) => charge, show: ({ charge }) => CHARGES[charge] ?? charge, left: true },
    { head: "Units", value: ({ units }) => units, show: ({ units }) => count(units) },
    { head: "Cost", value: ({ cost_usd: usd }) => usd ?? -1, show: ({ cost_usd: usd }) => (usd === null ? "no price" : money(usd)) },
  ],
});

async function refresh() {
  clearTimeout(timer);
  try {
    show(await ask(document.body.dataset.money));
    setText(byId("money-note"), "");
  } catch (error) {
    setText(byId("money-note"), error.message);
  }
  if (currentView() === "money" && !document.hidden) timer = setTimeout(refresh, REFRESH_MS);
}

function show(latest) {
  showFigures(byId("money-figures"), figures(latest));
  const covers = latest.by_operation_covers === "start" ? "since the start" : "in the window";
  setText(byId("by-operation-covers"), covers);
  showBars(byId("root-cost-bars"), bars(latest.by_root_operation, "operation"), "No calls to Gemini yet.");
  showBars(byId("operation-cost-bars"), bars(latest.by_operation, "operation"), "No cost is counted by operation yet.");
  byId("charges-panel").hidden = latest.charges.length === 0;
  charges.show(latest.charges);
  whenChanged(byId("dimensions"), latest.dimensions, () => {
    byId("dimensions").replaceChildren(...latest.dimensions.map(({ dimension, rows }) => {
      const list = el("ul", { class: "bars" });
      showBars(list, bars(rows, "value"), "Nothing yet.");
      return el("section", { class: "panel" }, el("h2", {}, `Cost by ${dimension}`, " ", el("small", {}, "since the start")), list);
    }));
  });
}

function figures({ cost_usd: usd, unpriced_tokens: unpriced, unreconciled_calls: unreconciled, day, month }) {
  const missing = [unpriced && `${count(unpriced)} unpriced tokens`, unreconciled && `${count(unreconciled)} unreconciled calls`].filter(Boolean);
  const of = ({ spent_usd: spent, budget_usd: budget }) => (budget === null ? "no budget set (HYDROCHAT_BUDGET_USD)" : `${percent(spent / budget)} of ${money(budget, 100)}`);
  const over = ({ spent_usd: spent, budget_usd: budget }) => (budget !== null && spent > budget ? "failed" : null);
  const { forecast_usd: forecast, budget_usd: budget } = month;
  return [
    { name: "Since the start", value: money(usd), note: missing.length ? `without ${missing.join(", ")}` : "every token priced" },
    { name: "Today", value: money(day.spent_usd), note: of(day), mark: over(day) },
    { name: "This month", value: money(month.spent_usd), note: of(month), mark: over(month) },
    {
      name: "Forecast of the month", value: forecast === null ? "–" : money(forecast),
      note: forecast === null ? "from the second day on" : budget === null ? "if it goes on like this" : forecast > budget ? "above the budget" : "within the budget",
      mark: forecast !== null && budget !== null && forecast > budget ? "slow" : null,
    },
  ];
}

function bars(rows, name) {
  const total = rows.reduce((sum, row) => sum + (row.cost_usd ?? 0), 0);
  return rows.slice(0, SHOWN).map((row) => ({ name: row[name], value: row.cost_usd ?? 0, kind: "cost", text: words(row, total) }));
}

function words({ cost_usd: usd, calls, unpriced_tokens: unpriced }, total) {
  const dollars = [usd !== null && money(usd, total / 100), unpriced && `${count(unpriced)} tokens unpriced`].filter(Boolean).join(" + ");
  return [dollars, `${count(calls)} ${calls === 1 ? "call" : "calls"}`, usd !== null && total && percent(usd / total)].filter(Boolean).join(" · ");
}

onView((name) => (name === "money" ? refresh() : clearTimeout(timer)));
document.addEventListener("visibilitychange", () => (currentView() === "money" && !document.hidden ? refresh() : clearTimeout(timer)));
