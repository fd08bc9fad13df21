// Numbers and times as people read them: a unit on everything, the browser's time zone, 24-hour clock.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 2 });
const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayMonth = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";

export const count = (number) => whole.format(number);

export const shortCount = (number) => (number < 1e7 ? whole.format(number) : compact.format(number));

export function duration(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return `${round(seconds * 1e6, 3)} µs`;
  if (seconds < 1) return `${round(seconds * 1e3, 3)} ms`;
  if (seconds < 100) return `${seconds.toFixed(2)} s`;
  return `${whole.format(seconds)} s`;
}

// For axes: the shortest text that is still exact.
export function tickDuration(seconds) {
  if (seconds === 0) return "0";
  if (seconds < 0.001) return `${round(seconds * 1e6, 3)} µs`;
  return seconds < 1 ? `${round(seconds * 1e3, 3)} ms` : `${round(seconds, 3)} s`;
}

// `like` decides the digits, so that the amounts of one column are equally exact.
export function money(usd, like = usd) {
  if (like === 0) return "$0.00";
  const digits = like < 0.01 ? 6 : like < 10 ? 4 : 2;
  return new Intl.NumberFormat("en-US", {
    style: "currency", currency: "USD", minimumFractionDigits: digits, maximumFractionDigits: digits,
  }).format(usd);
}

export const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(share * 100).toFixed(1)} %`);

export function hours(number) {
  return number >= 48 && number % 24 === 0 ? `${number / 24} days` : `${round(number, 3)} h`;
}

export const clock = (unixMs) => clockTime.format(unixMs);

export const minute = (unixMs) => minuteTime.format(unixMs);

export const day = (unixMs) => dayMonth.format(unixMs);

// A time of today needs no date; `nowMs` is the server's time.
export function moment(unixMs, nowMs) {
  return sameDay(unixMs, nowMs) ? clock(unixMs) : `${day(unixMs)}, ${clock(unixMs)}`;
}

export function sameDay(oneMs, otherMs) {
  return new Date(oneMs).toDateString() === new Date(otherMs).toDateString();
}

function round(number, digits) {
  return String(Number(number.toPrecision(digits)));
}
