// The bodies of panels, drawn by Grafana's own components.
import { dateTime, getFieldDisplayValues, VizOrientation } from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, useTheme2, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

function Note({ text, width, height }) {
  const { colors } = useTheme2();
  const style = { width, height, display: 'flex', alignItems: 'center', justifyContent: 'center', color: colors.text.secondary };
  return <div style={style}>{text}</div>;
}

const longest = (texts) => texts.reduce((one, other) => (other.length > one.length ? other : one), '');

function Values({ panel, data, fieldConfig, width, height }) {
  const theme = useTheme2();
  const { options = {} } = panel;
  const values = getFieldDisplayValues({
    data, fieldConfig, reduceOptions: options.reduceOptions ?? { calcs: ['lastNotNull'] }, replaceVariables: (text) => text, theme,
    sparkline: options.graphMode !== 'none', percentChange: options.showPercentChange, timeZone: 'utc',
  });
  const alignmentFactors = values.length > 1 && {
    text: longest(values.map(({ display }) => display.text + (display.suffix ?? ''))),
    title: longest(values.map(({ display }) => display.title ?? '')),
  };
  const bar = ({ value, width, height }) => (
    <BarGauge
      value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)} theme={theme}
      width={width} height={height} orientation={options.orientation === 'vertical' ? 'vertical' : 'horizontal'}
      valueDisplayMode={options.valueMode} displayMode={options.displayMode ?? 'gradient'} alignmentFactors={alignmentFactors || undefined}
      showUnfilled={options.showUnfilled !== false} itemSpacing={8} lcdCellWidth={12} text={options.text}
    />
  );
  const tile = ({ value, width, height, count }) => (
    <BigValue
      value={count === 1 ? { ...value.display, title: undefined } : value.display} count={count} sparkline={value.sparkline} theme={theme}
      width={width} height={height} colorMode={options.colorMode ?? 'value'} graphMode={options.graphMode ?? 'none'} text={options.text}
      justifyMode={options.justifyMode ?? 'auto'} textMode={options.textMode ?? 'auto'} wideLayout={options.wideLayout !== false}
    />
  );
  return (
    <VizRepeater
      getValues={() => values} source={data} width={width} height={height} itemSpacing={3} renderCounter={1}
      orientation={options.orientation ?? VizOrientation.Auto} renderValue={panel.type === 'bargauge' ? bar : tile}
    />
  );
}

function Chart({ panel, data, time, width, height }) {
  const [from, to] = [dateTime(time.from * 1000), dateTime(time.to * 1000)];
  const legend = panel.options?.legend ?? { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] };
  const timeRange = { from, to, raw: { from, to } };
  return <TimeSeries frames={data} timeRange={timeRange} timeZone="utc" legend={legend} width={width} height={height} structureRev={1} />;
}

function Table({ panel, data, width, height }) {
  return (
    <TableNG data={data[0]} width={width} height={height} structureRev={1} sortBy={panel.options?.sortBy} enableVirtualization={false} />
  );
}

// The component of a heat map is in no package: its series are counted instead.
const HeatMap = ({ data, ...size }) => <Note text={`${data.length} buckets`} {...size} />;
const BODIES = { stat: Values, gauge: Values, bargauge: Values, timeseries: Chart, table: Table, heatmap: HeatMap };

export function Body({ panel, state, ...size }) {
  if (panel.type === 'text') return <div style={{ padding: 8, whiteSpace: 'pre-wrap' }}>{panel.options.content}</div>;
  if (!state) return null;
  const Drawn = BODIES[panel.type];
  if (state.error || !Drawn) return <Note text={state.error ?? `nothing draws a ${panel.type}`} {...size} />;
  const isEmpty = !state.data.some((frame) => frame.fields.length);
  if (isEmpty && Drawn !== Values) return <Note text={panel.fieldConfig?.defaults?.noValue ?? 'No data'} {...size} />;
  return <Drawn panel={panel} {...state} {...size} />;
}
