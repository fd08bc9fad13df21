// Variables and macros of a board, and Prometheus' answers as the data frames that Grafana's data source makes of them.
import { createDataFrame, FieldType, rangeUtil } from '@grafana/data';

const SCRAPE_S = 15; // the interval that the provisioned data source states

async function ask(path, parameters) {
  const response = await fetch(`/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const answer = await response.json();
  if (answer.status !== 'success') throw new Error(answer.error ?? `status ${response.status}`);
  return answer.data;
}

export function interpolated(text, values) {
  return text.replace(/\$(?:(\w+)|\{(\w+)(?::\w+)?\})/g, (whole, plain, braced) => values[plain ?? braced] ?? whole);
}

const quoted = (value) => value.replace(/[\\^$*+?.()|{}[\]/]/g, '\\$&').replaceAll('\\', '\\\\');

// Returns the value of each variable; all of its values where several can be chosen.
export async function variables(list, time) {
  const values = {};
  for (const one of list) {
    if (one.type === 'datasource') values[one.name] = 'prometheus';
    else if (one.type !== 'query') values[one.name] = String(one.current?.value ?? one.query ?? '');
    else {
      const query = interpolated(one.query.query ?? one.query, values);
      const [, selector, label] = /^label_values\((?:(.*),)?\s*(\w+)\)$/s.exec(query.trim());
      const parameters = new URLSearchParams({ start: time.from, end: time.to, ...(selector && { 'match[]': selector.trim() }) });
      const found = (await (await fetch(`/api/v1/label/${label}/values?${parameters}`)).json()).data;
      values[one.name] = one.includeAll ? one.allValue || found.map(quoted).join('|') : (found[0] ?? '');
    }
  }
  return values;
}

const number = (text) => Number(text.replace('Inf', 'Infinity'));

function legend(format, labels) {
  if (format && format !== '__auto') return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '');
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(([label, value]) => `${label}="${value}"`);
  return pairs.length ? `${name}{${pairs.join(', ')}}` : name || undefined;
}

function seriesFrame(target, labels, times, values) {
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: times },
      { name: 'Value', type: FieldType.number, labels, config: { displayNameFromDS: legend(target.legendFormat, labels) }, values },
    ],
  });
}

function tableFrame(target, result, valueName) {
  const labels = [...new Set(result.flatMap((one) => Object.keys(one.metric)))].sort();
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map((one) => one.value[0] * 1000) },
      ...labels.map((name) => ({ name, type: FieldType.string, values: result.map((one) => one.metric[name] ?? '') })),
      { name: valueName, type: FieldType.number, values: result.map((one) => number(one.value[1])) },
    ],
  });
}

function stepOf(panel, seconds, width) {
  const step = rangeUtil.roundInterval((seconds * 1000) / Math.max(100, panel.maxDataPoints ?? width)) / 1000;
  return Math.max(step, SCRAPE_S, panel.interval ? rangeUtil.intervalToSeconds(panel.interval) : 0);
}

async function frames(target, panel, values, time, width, valueName) {
  const seconds = Math.round(time.to - time.from);
  const step = stepOf(panel, seconds, width);
  const macros = { __interval: `${step}s`, __rate_interval: `${Math.max(step + SCRAPE_S, 4 * SCRAPE_S)}s`, __range: `${seconds}s` };
  const query = interpolated(target.expr, { ...values, ...macros });
  if (target.instant && !target.range) {
    const data = await ask('query', { query, time: time.to });
    const result = data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : data.result;
    if (target.format === 'table') return result.length ? [tableFrame(target, result, valueName)] : [];
    return result.map((one) => seriesFrame(target, one.metric, [one.value[0] * 1000], [number(one.value[1])]));
  }
  const [start, end] = [time.from, time.to].map((at) => Math.floor(at / step) * step);
  const { result } = await ask('query_range', { query, start, end, step });
  const times = Array.from({ length: Math.round((end - start) / step) + 1 }, (_, nth) => Math.round((start + nth * step) * 1000));
  return result.map((one) => {
    const known = new Map(one.values.map(([at, value]) => [Math.round(at * 1000), number(value)]));
    return seriesFrame(target, one.metric, times, times.map((at) => known.get(at) ?? null));
  });
}

// Returns the data frames of all queries of a panel, in their order.
export async function panelFrames(panel, values, time, width) {
  const targets = (panel.targets ?? []).filter((target) => !target.hide);
  const tables = targets.filter((target) => target.format === 'table').length;
  const parts = await Promise.all(
    targets.map((target) => frames(target, panel, values, time, width, tables > 1 ? `Value #${target.refId}` : 'Value')),
  );
  return parts.flat();
}
