// Applies a panel's transformations and field configuration, as Grafana does before it draws.
import {
  applyFieldOverrides, cacheFieldDisplayNames, FieldType, getFieldSeriesColor, identityOverrideProcessor, Registry, standardTransformers,
} from '@grafana/data';
import { of } from 'rxjs';

const STANDARD = [
  'unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'thresholds', 'mappings', 'links', 'filterable', 'fieldMinMax',
];
const CUSTOM = [
  'align', 'axisLabel', 'axisPlacement', 'axisSoftMax', 'axisSoftMin', 'barAlignment', 'barWidthFactor', 'cellOptions', 'drawStyle',
  'fillBelowTo', 'fillOpacity', 'gradientMode', 'hideFrom', 'lineInterpolation', 'lineStyle', 'lineWidth', 'minWidth', 'pointSize',
  'scaleDistribution', 'showPoints', 'spanNulls', 'stacking', 'thresholdsStyle', 'width',
];
const GRAPH = {
  drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', showPoints: 'auto', pointSize: 5,
  axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisBorderShow: false, barAlignment: 0, barWidthFactor: 0.6, spanNulls: false,
  hideFrom: { legend: false, tooltip: false, viz: false }, scaleDistribution: { type: 'linear' }, thresholdsStyle: { mode: 'off' },
  stacking: { mode: 'none', group: 'A' }, insertNulls: false,
};

const option = (path, isCustom) => ({
  id: isCustom ? `custom.${path}` : path, path, name: path, isCustom, process: identityOverrideProcessor, shouldApply: () => true,
  override: () => null, editor: () => null, settings: {},
});
const registry = new Registry(() => [...STANDARD.map((path) => option(path, false)), ...CUSTOM.map((path) => option(path, true))]);
const transformers = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));

function transformed(frames, steps = []) {
  for (const { id, options } of steps) {
    const { operator, defaultOptions } = transformers.get(id);
    of(frames).pipe(operator({ ...defaultOptions, ...options }, { interpolate: (text) => text })).subscribe((out) => { frames = out; });
  }
  return frames;
}

// Returns the frames as the panel shows them, and its field configuration with every default.
export function shown(panel, frames, replaced, theme) {
  const fieldConfig = structuredClone(panel.fieldConfig ?? { defaults: {}, overrides: [] });
  if (panel.type === 'timeseries') fieldConfig.defaults.custom = { ...GRAPH, ...fieldConfig.defaults.custom };
  const data = applyFieldOverrides({
    data: transformed(frames, panel.transformations), fieldConfig, replaceVariables: replaced, theme, timeZone: 'utc',
    fieldConfigRegistry: registry,
  });
  cacheFieldDisplayNames(data);
  for (const field of data.flatMap((frame) => frame.fields)) {
    // The time series component joins the frames, which forgets names: colours by name are fixed before.
    if (field.config.color?.mode === 'palette-classic-by-name') {
      field.config.color = { mode: 'fixed', fixedColor: getFieldSeriesColor(field, theme).color };
    }
  }
  return { data, fieldConfig };
}

export function namesOf(data) {
  const numbers = data.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number));
  return numbers.map((field) => field.config.displayNameFromDS ?? field.name);
}
