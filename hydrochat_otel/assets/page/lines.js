// Charts over time, drawn by uPlot: hover, zoom by dragging, and the same by the keyboard.

import { el, setText } from "./dom.js";
import { count, day, minute } from "./format.js";

const { uPlot } = globalThis;
const HEIGHT = 170;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// Several charts over the same steps: their cursors and their zoom go together.
export class Lines {
  constructor(container, described) {
    this.container = container;
    this.described = described;
    this.plots = [];
    this.key = uPlot.sync("lines");
    this.readout = el("p", { class: "readout", role: "status" });
    this.drawn = null;
    new ResizeObserver(() => this.resize()).observe(container);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawn && this.draw(...this.drawn));
  }

  // charts: {title, tick, series: [{name, value, colour, bars}]}; `steps` have startMs.
  draw(charts, steps, stepS) {
    this.drawn = [charts, steps, stepS];
    for (const plot of this.plots) plot.destroy();
    this.at = null;
    const frames = charts.map((chart) => this.frame(chart, steps));
    this.container.replaceChildren(this.readout, ...frames);
    setText(this.readout, "Point at a chart or use the arrow keys to read a step; drag or press + to zoom, Escape to zoom out.");
    this.steps = steps;
    this.stepS = stepS;
    const times = steps.map((step) => step.startMs / 1000);
    this.plots = charts.map((chart, index) => this.plot(chart, steps, stepS, frames[index].lastChild));
    if (steps.length) this.zoomAll({ min: times[0], max: times.at(-1) + stepS }); // the last bar ends a step later
  }

  frame({ title, series }, steps) {
    const label = `${title}; ${steps.length} steps, the numbers are in the table below`;
    const box = el("div", { class: "lines", tabindex: "0", role: "group", "aria-label": label });
    box.addEventListener("keydown", (event) => this.pressed(event));
    const names = series.map(({ name, colour: kind }) => el("li", { class: `key ${kind}` }, name));
    return el("figure", { class: "figure" },
      el("figcaption", {}, el("span", {}, title), names.length > 1 ? el("ul", { class: "keys" }, ...names) : null), box);
  }

  plot({ series, tick }, steps, stepS, box) {
    const times = steps.map((step) => step.startMs / 1000);
    const wide = steps.length * stepS >= 2 * 86_400;
    const axis = { stroke: colour("quiet"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const drawn = series.map(({ name, colour: kind, bars, fill }) => ({
      label: name, stroke: colour(kind), width: bars ? 0 : 2, points: { show: !bars && steps.length < 3 },
      fill: bars ? colour(kind) : fill ? `${colour(kind)}22` : undefined, spanGaps: true,
      paths: bars ? uPlot.paths.bars({ size: [0.86, 40], align: 1, radius: 0.15 }) : undefined,
    }));
    const options = {
      width: Math.max(200, box.clientWidth), height: HEIGHT, legend: { show: false },
      cursor: { sync: { key: this.key.key, scales: ["x", null] }, points: { size: 8 }, drag: { x: true, y: false, setScale: true } },
      scales: { x: { time: true }, y: { range: (_, least, most) => [0, most > 0 ? most * 1.08 : 1] } },
      series: [{}, ...drawn],
      axes: [
        { ...axis, size: 26, gap: 6, space: 84, values: (_, splits) => splits.map((at) => (wide ? day(at * 1000) : minute(at * 1000))) },
        { ...axis, size: 70, values: (_, splits) => splits.map((at) => (tick === count && !Number.isInteger(at) ? "" : tick(Number(at.toPrecision(6))))) },
      ],
      hooks: {
        setCursor: [(plot) => { if (plot.cursor.idx != null && plot.cursor.left >= 0) this.tell(plot.cursor.idx); }],
        setScale: [(plot, scale) => { if (scale === "x") this.zoomAll(plot.scales.x); }],
      },
    };
    return new uPlot(options, [times, ...series.map(({ value }) => steps.map(value))], box);
  }

  tell(index) {
    if (this.at === index) return;
    this.at = index;
    setText(this.readout, this.described(this.steps[index]));
  }

  zoomAll({ min, max }) {
    if (this.zooming) return;
    this.zooming = true;
    for (const plot of this.plots) if (plot.scales.x.min !== min || plot.scales.x.max !== max) plot.setScale("x", { min, max });
    this.zooming = false;
  }

  pressed(event) {
    const last = this.steps.length - 1;
    const at = this.at ?? last;
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
    if (event.key in moves) this.pointAt(Math.max(0, Math.min(last, moves[event.key])));
    else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else if (event.key === "Escape") this.zoom(Infinity);
    else return;
    event.preventDefault();
  }

  pointAt(index) {
    for (const plot of this.plots) plot.setCursor({ left: plot.valToPos(plot.data[0][index], "x"), top: 10 }, false);
    this.tell(index);
  }

  zoom(factor) {
    const [plot] = this.plots;
    const [first, last] = [plot.data[0][0], plot.data[0].at(-1) + this.stepS];
    const { min, max } = plot.scales.x;
    const middle = this.at === null ? (min + max) / 2 : plot.data[0][this.at];
    const half = ((max - min) / 2) * factor;
    const to = { min: Math.max(first, middle - half), max: Math.min(last, middle + half) };
    if (to.min < to.max) this.zoomAll(to);
  }

  resize() {
    for (const plot of this.plots) {
      const width = Math.max(200, plot.root.parentNode?.clientWidth ?? 0);
      if (width !== plot.width) plot.setSize({ width, height: HEIGHT });
    }
  }
}
