// Draws ?board=UID&theme=dark|light&from=now-5m&width=PIXELS. `__done()` says when; `__report.panels` is what was drawn.
import { createTheme, EventBusSrv } from '@grafana/data';
import { GlobalStyles, PanelChrome, PanelContextProvider, PortalContainer, ThemeContext } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { namesOf, shown } from './fields.js';
import { Body } from './panels.jsx';
import { interpolated, panelFrames, variables } from './prometheus.js';

const CELL = 30;
const GAP = 8;
const SECONDS = { s: 1, m: 60, h: 3600, d: 86400 };
const SETTLED_MS = 300; // components measure themselves after they are drawn

const parameters = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: parameters.get('theme') ?? 'dark' } });
const width = Number(parameters.get('width') ?? 1600);
const column = (width - GAP) / 24;
const report = (window.__report = { panels: [] });
let open = 1;
window.__done = () => open === 0;
const context = { eventsScope: 'global', eventBus: new EventBusSrv(), sync: () => 0, canAddAnnotations: () => false };

function Panel({ panel, values, time }) {
  const { x, y, w, h } = panel.gridPos;
  const size = { width: w * column - GAP, height: h * CELL + (h - 1) * GAP };
  const place = { position: 'absolute', left: GAP + x * column, top: y * (CELL + GAP), ...size };
  const replaced = (text) => interpolated(text, values);
  const [state, setState] = useState(null);
  useEffect(() => {
    if (panel.type === 'row') return;
    const entry = { title: panel.title, type: panel.type, series: 0, names: [] };
    report.panels.push(entry);
    open += 1;
    panelFrames(panel, values, time, size.width)
      .then((frames) => {
        const drawn = shown(panel, frames, replaced, theme);
        entry.series = frames.length;
        entry.names = namesOf(drawn.data);
        setState(drawn);
      })
      .catch((error) => {
        entry.error = String(error);
        setState({ error: entry.error });
      })
      .finally(() => setTimeout(() => { open -= 1; }, SETTLED_MS));
  }, []);
  if (panel.type === 'row') return <div style={place}>{panel.title}</div>;
  return (
    <div style={place}>
      <PanelChrome title={replaced(panel.title ?? '')} description={panel.description} {...size}>
        {(innerWidth, innerHeight) => (
          <PanelContextProvider value={context}>
            <Body panel={panel} state={state} time={time} width={innerWidth} height={innerHeight} />
          </PanelContextProvider>
        )}
      </PanelChrome>
    </div>
  );
}

function Board({ board, values, time }) {
  const panels = board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  const bottom = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * (CELL + GAP);
  useEffect(() => { open -= 1; }, []);
  const style = { position: 'relative', width, height: bottom, background: theme.colors.background.canvas, color: theme.colors.text.primary };
  return <div style={style}>{panels.map((panel, nth) => <Panel key={nth} {...{ panel, values, time }} />)}</div>;
}

const board = await (await fetch(`/boards/${parameters.get('board')}.json`)).json();
const [, count, unit] = /^now-(\d+)([smhd])$/.exec(parameters.get('from') ?? board.time.from);
const to = Date.now() / 1000;
const time = { from: to - Number(count) * SECONDS[unit], to };
const values = await variables(board.templating.list, time);
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <PortalContainer />
    <Board {...{ board, values, time }} />
  </ThemeContext.Provider>,
);
