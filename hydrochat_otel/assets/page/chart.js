// Response times over time: one mark for each operation, the threshold drawn in, one cursor for mouse, touch and keys.

import { el, setText, svg } from "./dom.js";
import { clock, count, day, duration, minute, moment, tickDuration, timeZone } from "./format.js";
import { durationScale, timeScale, timeTicks } from "./scale.js";

// Shape and colour say the same, for eyes that tell no colours apart.
export const MARKS = {
  ok: { text: "within threshold", path: "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z" },
  slow: { text: "above threshold", path: "M0-4.600L4.600 3.600H-4.600z" },
  failed: { text: "failed", path: "M-4-2.200L-2.200-4L0-1.800L2.200-4L4-2.200L1.800 0L4 2.200L2.200 4L0 1.800L-2.200 4L-4 2.200L-1.800 0z" },
};
const LEFT = 58;
const RIGHT = 14;
const TOP = 26;
const BOTTOM = 44;
const REACH_PX = 32;

const markOf = ([, , , exceeded, error]) => (error !== null ? "failed" : exceeded ? "slow" : "ok");
const keyOf = ([unixMs, seconds, operation]) => `${unixMs} ${seconds} ${operation}`;

export class Chart {
  constructor(container, legend) {
    this.container = container;
    this.legend = legend;
    this.shown = null;
    this.places = [];
    this.chosen = null;
    this.cursor = svg("g", { class: "cursor", role: "slider", "aria-label": "Operation in the chart" });
    this.cursor.append(svg("circle", { r: 9, class: "ring" }));
    this.title = svg("title", { id: "chart-summary" });
    this.scene = svg("g", { "aria-hidden": "true" });
    // The cursor stays where it is while the scene changes around it, so that a refresh takes no focus away.
    this.svg = svg("svg", { role: "group", "aria-labelledby": "chart-title chart-summary" });
    this.svg.append(this.title, this.scene, this.cursor);
    this.tooltip = el("div", { class: "tooltip", hidden: true, "aria-hidden": "true" });
    this.plot = el("div", { class: "plot" }, this.svg);
    container.append(this.plot, this.tooltip);
    new ResizeObserver(() => this.redraw()).observe(container);
    this.cursor.addEventListener("focus", () => this.point(this.chosen ?? this.places.length - 1));
    this.cursor.addEventListener("blur", () => this.rest());
    this.cursor.addEventListener("keydown", (event) => this.key(event));
    this.plot.addEventListener("pointermove", (event) => this.pointer(event));
    this.plot.addEventListener("pointerdown", (event) => this.pointer(event));
    this.plot.addEventListener("pointerleave", () => this.focused() || this.rest());
  }

  // shown: {points, from, to, now, threshold_s, scale, message}; points in order of time.
  draw(shown) {
    const key = this.chosen === null ? null : keyOf(this.shown.points[this.chosen]);
    this.shown = shown;
    const again = key === null ? -1 : shown.points.findLastIndex((point) => keyOf(point) === key);
    this.chosen = again === -1 ? null : again;
    this.redraw();
  }

  redraw() {
    const width = Math.floor(this.container.clientWidth);
    if (this.shown === null || width === 0) return;
    const height = width < 560 ? 270 : 330;
    const { points, from, to, threshold_s: threshold } = this.shown;
    const scale = points.length > 0 ? this.shown.scale : "linear";
    const right = width - RIGHT;
    const bottom = height - BOTTOM;
    const x = timeScale(from, to, LEFT, right);
    const durations = points.map(([, seconds]) => seconds);
    const { ticks, edge, place: y } = durationScale(scale, durations, threshold, bottom, TOP);
    this.width = width;
    this.places = points.map((point) => ({ point, x: x(point[0]), y: y(point[1]) }));

    const marks = { ok: [], slow: [], failed: [] };
    for (const { point, x: left, y: top } of this.places) {
      const mark = markOf(point);
      const at = `translate(${left.toFixed(1)} ${top.toFixed(1)})`;
      marks[mark].push(svg("path", { class: `point ${mark}`, d: MARKS[mark].path, transform: at }));
    }
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      this.svg.setAttribute(name, value);
    }
    setText(this.title, this.summary(marks));
    const empty = svg("text", { class: "nothing", x: (LEFT + right) / 2, y: (TOP + bottom) / 2 }, this.shown.message);
    this.scene.replaceChildren(
      this.axes(ticks, y, x, { right, bottom, height, scale, edge }),
      thresholdLine(threshold, y(threshold), right),
      // The rare ones last, so that they lie on top, also of the threshold's name.
      svg("g", {}, ...marks.ok, ...marks.slow, ...marks.failed),
      points.length === 0 ? empty : "",
    );
    this.count(marks);
    this.cursor.toggleAttribute("hidden", points.length === 0);
    if (points.length === 0) this.cursor.removeAttribute("tabindex");
    else this.cursor.setAttribute("tabindex", "0");
    if (this.focused()) this.point(this.chosen ?? points.length - 1);
    else if (this.chosen !== null && !this.tooltip.hidden) this.point(this.chosen);
    else this.rest();
  }

  axes(ticks, y, x, { right, bottom, height, scale, edge }) {
    const { from, to } = this.shown;
    const group = svg("g", { class: "axes" });
    for (const tick of ticks) {
      const at = y(tick).toFixed(1);
      group.append(svg("line", { class: "grid", x1: LEFT, x2: right, y1: at, y2: at }));
      group.append(svg("text", { class: "y", x: LEFT - 8, y: at }, `${tick === edge ? "≤ " : ""}${tickDuration(tick)}`));
    }
    const { step, ticks: times } = timeTicks(from, to, Math.max(2, Math.floor((right - LEFT) / 72)));
    for (const time of times) {
      const at = x(time).toFixed(1);
      group.append(svg("line", { class: "tick", x1: at, x2: at, y1: bottom, y2: bottom + 5 }));
      const midnight = step >= 3600e3 && minute(time) === "00:00";
      const text = midnight ? day(time) : step < 60e3 ? clock(time) : minute(time);
      // A label that would stick out is left away, its tick stays.
      if (right - at < text.length * 3.5 - RIGHT) continue;
      group.append(svg("text", { class: "x", x: at, y: bottom + 19 }, text));
    }
    group.append(svg("line", { class: "base", x1: LEFT, x2: right, y1: bottom, y2: bottom }));
    group.append(svg("text", { class: "name", x: 0, y: 11 }, this.places.length ? `Response time (${scale} scale)` : "Response time"));
    group.append(svg("text", { class: "name end", x: right, y: height - 6 }, `Time (${timeZone})`));
    return group;
  }

  summary(marks) {
    const { points, from, to, now } = this.shown;
    if (points.length === 0) return this.shown.message;
    const parts = Object.entries(marks).map(([mark, found]) => `${count(found.length)} ${MARKS[mark].text}`);
    return `${count(points.length)} operations from ${moment(from, now)} to ${moment(to, now)}: ${parts.join(", ")}.`;
  }

  count(marks) {
    this.legend.replaceChildren(
      ...Object.entries(marks).map(([mark, found]) =>
        el("li", {}, sign(mark), `${MARKS[mark].text} `, el("b", {}, count(found.length))),
      ),
      el("li", {}, svg("svg", { width: 22, height: 12, "aria-hidden": "true" },
        svg("line", { class: "threshold", x1: 0, x2: 22, y1: 6, y2: 6 })), "default threshold ", el("b", {}, tickDuration(this.shown.threshold_s))),
    );
  }

  focused() {
    return document.activeElement === this.cursor;
  }

  key(event) {
    const last = this.places.length - 1;
    const now = this.chosen ?? last;
    const next = {
      ArrowRight: now + 1, ArrowUp: now + 1, ArrowLeft: now - 1, ArrowDown: now - 1,
      PageUp: now + 10, PageDown: now - 10, Home: 0, End: last,
    }[event.key];
    if (event.key === "Escape") this.tooltip.hidden = true;
    if (next === undefined) return;
    event.preventDefault();
    this.point(Math.min(last, Math.max(0, next)));
  }

  pointer(event) {
    const box = this.plot.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    let nearest = -1;
    let distance = REACH_PX;
    this.places.forEach(({ x, y }, index) => {
      const away = Math.hypot(x - left, y - top);
      if (away < distance) [nearest, distance] = [index, away];
    });
    if (nearest >= 0) this.point(nearest);
    else if (!this.focused()) this.rest();
  }

  // Nothing is pointed at; the cursor waits on the newest operation for the keyboard.
  rest() {
    this.chosen = null;
    this.tooltip.hidden = true;
    this.cursor.classList.remove("on");
    this.describe(this.places.length - 1);
  }

  // Puts the ring and the tooltip on one operation.
  point(index) {
    const place = this.places[index];
    if (place === undefined) return this.rest();
    this.chosen = index;
    this.describe(index);
    this.cursor.classList.add("on");
    const [, seconds, operation] = place.point;
    const mark = markOf(place.point);
    this.tooltip.replaceChildren(
      el("strong", {}, operation),
      el("span", {}, `${duration(seconds)} · ${moment(place.point[0], this.shown.now)}`),
      el("span", { class: mark }, sign(mark), verdict(place.point)),
    );
    this.tooltip.hidden = false;
    const { offsetWidth: wide, offsetHeight: high } = this.tooltip;
    const left = Math.min(Math.max(0, place.x - wide / 2), this.width - wide);
    const top = place.y - high - 14 >= 0 ? place.y - high - 14 : place.y + 16;
    this.tooltip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  describe(index) {
    const place = this.places[index];
    if (place === undefined) return;
    const [unixMs, seconds, operation] = place.point;
    this.cursor.setAttribute("transform", `translate(${place.x.toFixed(1)} ${place.y.toFixed(1)})`);
    this.cursor.setAttribute("aria-valuemin", "1");
    this.cursor.setAttribute("aria-valuemax", String(this.places.length));
    this.cursor.setAttribute("aria-valuenow", String(index + 1));
    const text = `${operation}, ${duration(seconds)}, ${moment(unixMs, this.shown.now)}, ${verdict(place.point)}`;
    this.cursor.setAttribute("aria-valuetext", text);
  }
}

function verdict(point) {
  const [, , , exceeded, error] = point;
  if (error !== null) return `failed: ${error}${exceeded ? ", above threshold" : ""}`;
  return MARKS[exceeded ? "slow" : "ok"].text;
}

export function sign(mark) {
  const shape = svg("path", { class: `point ${mark}`, d: MARKS[mark].path });
  return svg("svg", { class: "sign", width: 12, height: 12, viewBox: "-6 -6 12 12", "aria-hidden": "true" }, shape);
}

function thresholdLine(threshold, y, right) {
  const label = `threshold ${tickDuration(threshold)}`;
  return svg(
    "g",
    { class: "threshold-line", "data-threshold": threshold },
    svg("line", { class: "threshold", x1: LEFT, x2: right, y1: y, y2: y }),
    svg("text", { class: "threshold-name", x: right - 4, y: y - 6 }, label),
  );
}
