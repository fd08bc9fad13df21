// The five views as tabs: one is shown, the address names it, and the arrow keys go from one to the next.

import { byId } from "./dom.js";

const tabs = [...document.querySelectorAll('[role="tab"]')];
const names = tabs.map((tab) => tab.id.replace("tab-", ""));
const listeners = [];
let shown = null;

// Calls `listener(name, rest)` whenever a view is shown; `rest` is what follows its name in the address.
export function onView(listener) {
  listeners.push(listener);
  if (shown !== null) listener(...shown);
}

export const currentView = () => shown?.[0] ?? names[0];

function show() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  // The address of something inside a view, such as the link that skips to the content, leaves the view as it is.
  if (shown !== null && name !== "" && !names.includes(name)) return;
  const chosen = names.includes(name) ? name : names[0];
  for (const tab of tabs) {
    const selected = tab.id === `tab-${chosen}`;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !selected;
  }
  shown = [chosen, rest.join("/")];
  for (const listener of listeners) listener(...shown);
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => { location.hash = names[index]; });
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs.at(to % tabs.length);
    next.focus();
    next.click();
  });
}
addEventListener("hashchange", show);
show();
