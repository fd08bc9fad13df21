// Elements are made with text and attributes only, never from markup, so that no value can become code.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// An unchanged text stays the same node, so that a selection survives and a live region stays quiet.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const seen = new WeakMap();

// Calls `build` only when the data differs from what the node shows already.
export function whenChanged(node, data, build) {
  const key = JSON.stringify(data);
  if (seen.get(node) === key) return;
  seen.set(node, key);
  build();
}

export function radios(fieldset, name, choices, chosen, onChoice) {
  const labels = choices.map(({ value, text }) => {
    const input = el("input", { type: "radio", name, value, checked: value === chosen });
    input.addEventListener("change", () => onChoice(value));
    return el("label", {}, input, el("span", {}, text));
  });
  fieldset.replaceChildren(fieldset.querySelector("legend"), ...labels);
}
