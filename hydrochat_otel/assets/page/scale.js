// Where values lie on an axis and which of them get a tick; pure functions, no drawing.

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const TIME_STEPS_MS = [
  1e3, 2e3, 5e3, 10e3, 15e3, 30e3,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR, 168 * HOUR,
];
const LOWEST_S = 1e-6;
const DECADES = 3.7;

// Ticks at round local times, at most `most` of them.
export function timeTicks(from, to, most) {
  const step = TIME_STEPS_MS.find((candidate) => (to - from) / candidate <= most) ?? TIME_STEPS_MS.at(-1);
  const offset = new Date(to).getTimezoneOffset() * MINUTE;
  const ticks = [];
  for (let tick = Math.ceil((from - offset) / step) * step + offset; tick <= to; tick += step) ticks.push(tick);
  return { step, ticks };
}

export function timeScale(from, to, left, right) {
  return (unixMs) => left + ((unixMs - from) / (to - from)) * (right - left);
}

// A logarithm fits when the slowest is far from the usual, else small values would lie on the axis.
export function fittingScale(durations, threshold) {
  if (durations.length === 0) return "linear";
  const ascending = [...durations].sort((one, other) => one - other);
  const median = Math.max(ascending[Math.floor(ascending.length / 2)], LOWEST_S);
  return Math.max(ascending.at(-1), threshold) / median > 8 ? "log" : "linear";
}

export function durationScale(kind, durations, threshold, bottom, top) {
  const highest = Math.max(...durations, threshold, LOWEST_S);
  if (kind === "linear") {
    const step = nice((highest * 1.05) / 5);
    const max = Math.ceil((highest * 1.05) / step) * step;
    const ticks = Array.from({ length: Math.round(max / step) + 1 }, (_, index) => index * step);
    return { ticks, edge: null, place: (seconds) => bottom - (seconds / max) * (bottom - top) };
  }
  const lowest = Math.max(Math.min(...durations, threshold), LOWEST_S);
  // Operations of microseconds lie on the edge, else they would press those that people wait for together.
  const floor = Math.ceil(Math.log10(highest) - DECADES);
  const clipped = Math.log10(lowest) < floor;
  const from = clipped ? floor : Math.floor(Math.log10(lowest) * 3) / 3;
  const to = Math.ceil(Math.log10(highest * 1.05) * 3) / 3;
  const ticks = logTicks(from, to);
  const place = (seconds) => {
    const share = (Math.log10(Math.max(seconds, LOWEST_S)) - from) / (to - from);
    return bottom - Math.max(0, share) * (bottom - top);
  };
  return { ticks, edge: clipped ? ticks[0] : null, place };
}

function logTicks(from, to) {
  const factors = to - from > 4.5 ? [1] : to - from > 3.4 ? [1, 3] : [1, 2, 5];
  const ticks = [];
  for (let decade = Math.floor(from); decade <= Math.ceil(to); decade += 1) {
    for (const factor of factors) {
      const tick = Number((factor * 10 ** decade).toPrecision(1));
      if (Math.log10(tick) >= from - 1e-9 && Math.log10(tick) <= to + 1e-9) ticks.push(tick);
    }
  }
  return ticks;
}

function nice(step) {
  const decade = 10 ** Math.floor(Math.log10(step));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * decade >= step * 0.999);
  return Number((factor * decade).toPrecision(1));
}
