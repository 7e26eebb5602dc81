// The price chart of one symbol with its tools, legend and keys. What it draws is in chartview.js; menus, drawing
// tools and pictures are loaded when they are first used.
import "./chart.css";
import { Suspense, lazy, useEffect, useRef, useState } from "react";
import { guess, when } from "./chartbars.js";
import { Legend } from "./chartlegend.jsx";
import { ChartView } from "./chartview.js";
import { isPair } from "./symbols.js";

const Menu = lazy(() => import("./chartmenus.jsx").then((found) => ({ default: found.Menu })));
const LOOK = "starkmatter.chart.look";
const PLAIN = { style: "candles", scale: "linear", volume: true, sessions: true, events: true, adjustment: "splits", indicators: [] };
const STYLES = [["candles", "Candles"], ["bars", "Bars"], ["line", "Line"], ["area", "Area"], ["heikin_ashi", "Heikin-Ashi"]];
const SCALES = [["linear", "Linear"], ["log", "Log"], ["percent", "Percent"], ["indexed", "Indexed to 100"]];
const ADJUSTMENTS = [["splits", "Adj. splits"], ["all", "Adj. dividends"], ["raw", "Raw"]];
const TOOLS = [
  ["trend", "Trend line", "M5 19L19 5M5 19h.01M19 5h.01"], ["horizontal", "Horizontal line", "M3 12h18M12 12h.01"],
  ["fibonacci", "Fibonacci retracement", "M4 5h16M4 10h16M4 14h16M4 19h16"], ["rectangle", "Rectangle", "M4 7h16v10H4z"],
  ["text", "Text", "M6 6h12M12 6v13M9 19h6"],
];
const ICONS = {
  indicators: "M3 17l5-6 4 4 5-8 4 5", compare: "M3 16l6-6 4 3 8-8M3 20l6-3 5 2 7-5", templates: "M4 5h16v5H4zM4 14h7v5H4zM15 14h5v5h-5z",
  show: "M3 12s3.5-6 9-6 9 6 9 6-3.5 6-9 6-9-6-9-6zM12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4z", table: "M4 5h16v14H4zM4 10h16M4 14.5h16M10 5v14",
  picture: "M4 8h4l1.5-2h5L16 8h4v11H4zM12 10.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z", draw: "M4 20l1-4L16 5l3 3L8 19zM13.5 7.5l3 3", objects: "M5 7h14M5 12h14M5 17h9",
};
const KEYS = "Arrow keys move through time, plus and minus zoom, Home and End go to the ends, Escape ends a drawing, Delete removes the chosen one. The button Table shows the same figures as a table.";

const kept = () => { try { return { ...PLAIN, ...JSON.parse(localStorage.getItem(LOOK) ?? "{}") }; } catch { return PLAIN; } };
const Icon = ({ path }) => <svg className="icon" viewBox="0 0 24 24" width="16" height="16" aria-hidden="true"><path d={path} fill="none" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" strokeLinejoin="round" /></svg>;

function Choice({ label, value, options, onChange }) {
  return (
    <select className="chartselect" aria-label={label} title={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {options.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
    </select>
  );
}

export function CandleChart({ symbol, venue, interval, lines, onMove }) {
  const host = useRef(null), view = useRef(null), legend = useRef(null), drawings = useRef(null), opener = useRef(null);
  const [words, setWords] = useState("Loading …");
  const [look, setLook] = useState(kept);
  const [compared, setCompared] = useState([]);
  const [menu, setMenu] = useState("");
  const [tool, setTool] = useState("");
  const [tools, setTools] = useState(false);
  const [asking, setAsking] = useState(null);
  const [problem, setProblem] = useState("");
  const [summary, setSummary] = useState("");
  const [, setDrawn] = useState(0);
  const [guessed] = useState(guess);
  const move = useRef(onMove);
  move.current = onMove;
  // What was guessed stands only until the page has said for the first time what it shows.
  const known = useRef(false);
  known.current ||= !!(symbol && venue);
  const asked = symbol && venue ? { symbol, venue, interval } : known.current ? null : guessed;
  // The replay's history has one series, and nothing splits a pair or pays on it.
  const ask = asked && { ...asked, adjustment: asked.venue === "market" && !isPair(asked.symbol) ? look.adjustment : "splits" };

  useEffect(() => {
    const chart = new ChartView(host.current, {
      words: setWords, legend: (data) => legend.current?.(data), panes: () => legend.current?.(null),
      move: (id, price) => move.current?.(id, price), loaded: () => setSummary(told(view.current)),
    });
    view.current = chart;
    host.current.chartView = chart; // for tests and benches
    return () => { chart.close(); view.current = null; };
  }, []);

  useEffect(() => { view.current.set(look); localStorage.setItem(LOOK, JSON.stringify(look)); }, [look]);
  useEffect(() => { view.current.indicators.show(look.indicators); }, [look.indicators.join()]);
  useEffect(() => {
    if (!ask) return;
    document.title = `${ask.symbol} · Trade · StarkMatter`;
    view.current.show(ask);
    setTool("");
    if (drawings.current) drawings.current.load(ask);
    else hasDrawings(ask).then((some) => some && withDrawings());
  }, [ask?.symbol, ask?.venue, ask?.interval, ask?.adjustment]);
  useEffect(() => window.starkmatterStream?.listen("order", () => setTimeout(() => view.current?.events.read(), 400)), []);
  useEffect(() => { setCompared([]); }, [ask?.symbol, ask?.venue]);
  useEffect(() => { view.current.compared.show(compared); }, [compared.join()]);
  useEffect(() => { view.current.orders.show(lines); }, [JSON.stringify(lines ?? [])]);

  const change = (part) => setLook((before) => ({ ...before, ...part }));
  const toggle = (name, event) => { opener.current = event.currentTarget; setMenu((open) => (open === name ? "" : name)); };
  const close = () => { setMenu(""); opener.current?.focus(); };

  async function withDrawings() {
    if (!drawings.current) {
      const { Drawings } = await import("./chartdraw.js");
      if (!view.current || drawings.current) return drawings.current;
      drawings.current = new Drawings(view.current, {
        changed: () => { setTool(drawings.current?.tool ?? ""); setDrawn((count) => count + 1); },
        problem: setProblem,
        words: (at) => new Promise((done) => setAsking({ at, done })),
      });
    }
    await drawings.current.load(view.current.ask);
    return drawings.current;
  }
  async function draw(kind) {
    const kit = await withDrawings();
    kit?.use(kit.tool === kind ? null : kind);
    host.current.focus({ preventScroll: true });
  }

  function press(event) {
    if (event.target !== host.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const chart = view.current;
    const does = {
      ArrowLeft: () => chart.pan(event.shiftKey ? -0.5 : -0.1), ArrowRight: () => chart.pan(event.shiftKey ? 0.5 : 0.1),
      "+": () => chart.zoom(0.8), "=": () => chart.zoom(0.8), "-": () => chart.zoom(1.25), Home: () => chart.start(), End: () => chart.home(),
      Escape: () => drawings.current?.escape() ?? false, Delete: () => !!drawings.current?.chosen && drawings.current.remove(),
      Backspace: () => !!drawings.current?.chosen && drawings.current.remove(),
    }[event.key];
    if (does && does() !== false) { event.preventDefault(); event.stopPropagation(); }
  }

  const chosen = drawings.current?.chosen;
  const button = (name, text, extra) => (
    <button type="button" className="charttool" aria-expanded={menu === name} title={text} onClick={(event) => toggle(name, event)}>
      <Icon path={ICONS[name]} /><span className="word">{text}</span>{extra ? <i className="count"> {extra}</i> : null}
    </button>
  );
  return (
    <div className="chart" data-menu={menu || undefined}>
      <div className="chartbar" role="group" aria-label="Chart settings">
        <Choice label="Chart style" value={look.style} options={STYLES} onChange={(style) => change({ style })} />
        <Choice label="Price scale" value={look.scale} options={SCALES} onChange={(scale) => change({ scale })} />
        {ask?.venue === "market" && !isPair(ask.symbol) ? <Choice label="Price adjustment" value={look.adjustment} options={ADJUSTMENTS} onChange={(adjustment) => change({ adjustment })} /> : null}
        {button("indicators", "Indicators", look.indicators.length)}
        {button("compare", "Compare", compared.length)}
        {button("templates", "Templates")}
        {button("show", "Show")}
        <button type="button" className="charttool phoneonly" title="Draw" aria-pressed={tools} onClick={() => setTools(!tools)}><Icon path={ICONS.draw} /><span className="word">Draw</span></button>
        <span className="push" />
        {button("table", "Table")}
        <button type="button" className="charttool" title="Save as an image" onClick={() => import("./chartpicture.js").then(({ save }) => save(view.current, look))}><Icon path={ICONS.picture} /><span className="word">Image</span></button>
      </div>
      <div className="chartbody">
        <div className="charttools" role="group" aria-label="Drawing tools" data-open={tools || undefined}>
          {TOOLS.map(([kind, text, path]) => (
            <button key={kind} type="button" className="charttool" aria-label={text} title={text} aria-pressed={tool === kind} onClick={() => draw(kind)}><Icon path={path} /></button>
          ))}
          <button type="button" className="charttool" aria-label="Drawings on this chart" title="Drawings on this chart" aria-expanded={menu === "objects"}
            onClick={(event) => { toggle("objects", event); withDrawings(); }}><Icon path={ICONS.objects} /></button>
        </div>
        <div className="chartplace">
          <div className="canvas" ref={host} tabIndex={0} role="application" aria-roledescription="price chart" aria-label={`Price chart of ${ask?.symbol ?? ""}, ${ask?.interval ?? ""}. ${summary}`} aria-describedby="chart-keys" onKeyDown={press} />
          <span id="chart-keys" className="sr">{KEYS}</span>
          <Legend ask={ask} view={view} host={host} say={legend} look={look} compared={compared} onIndicators={(indicators) => change({ indicators })} />
          {words ? <div className="wait" role="status">{words}</div> : null}
          {problem ? <button type="button" className="note bad chartproblem" onClick={() => setProblem("")}>{problem}</button> : null}
          {tool && !asking ? <div className="charthint">{tool === "text" || tool === "horizontal" ? "Click where it belongs." : "Click both ends, or drag."} Esc ends.</div> : null}
          {chosen && !tool && menu !== "objects" ? <Dress item={chosen} kit={drawings.current} /> : null}
          {asking ? <Words asking={asking} onDone={(text) => { asking.done(text); setAsking(null); host.current.focus(); }} /> : null}
          {menu ? (
            <Suspense fallback={null}>
              <Menu kind={menu} view={view.current} look={look} compared={compared} drawings={drawings.current} onLook={change} onCompare={setCompared} onClose={close} />
            </Suspense>
          ) : null}
        </div>
      </div>
    </div>
  );
}

const COLORS = [["accent", "Blue"], ["up", "Rising color"], ["down", "Falling color"], ["amber", "Amber"], ["plain", "Plain"]];

function Dress({ item, kit }) {
  return (
    <div className="chartdress" role="group" aria-label="Chosen drawing">
      {COLORS.map(([name, text]) => <button key={name} type="button" aria-label={text} title={text} aria-pressed={item.color === name} data-color={name} onClick={() => kit.dress(item, { color: name })} />)}
      <select aria-label="Line width" value={item.width} onChange={(event) => kit.dress(item, { width: +event.target.value })}>
        {[1, 2, 3, 4].map((width) => <option key={width} value={width}>{width} px</option>)}
      </select>
      <button type="button" className="charttool" aria-label="Remove the drawing" title="Remove (Delete)" onClick={() => kit.remove(item)}><Icon path="M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12" /></button>
    </div>
  );
}

function Words({ asking, onDone }) {
  const box = useRef(null);
  useEffect(() => { box.current.focus(); }, []);
  return (
    <form className="chartwords" style={{ left: Math.max(8, asking.at?.x ?? 40), top: Math.max(8, (asking.at?.y ?? 40) - 18) }}
      onSubmit={(event) => { event.preventDefault(); onDone(box.current.value.trim()); }}
      onKeyDown={(event) => { if (event.key === "Escape") { event.stopPropagation(); onDone(""); } }}>
      <input ref={box} className="input" maxLength={200} aria-label="Text on the chart" placeholder="Text, then Enter" />
    </form>
  );
}

async function hasDrawings({ symbol, venue }) {
  const answer = await fetch(`/api/v1/chart/drawings?${new URLSearchParams({ symbol, venue })}`).catch(() => null);
  return !!answer?.ok && (await answer.json()).items.length > 0;
}

// What a person who does not see the picture hears first.
function told(view) {
  const bars = view?.bars ?? [];
  if (!bars.length) return "";
  const [first, last] = [bars[0], bars.at(-1)];
  const [high, low] = [Math.max(...bars.map((bar) => bar.high)), Math.min(...bars.map((bar) => bar.low))];
  return `${bars.length} bars from ${when(first.starts, view.ask.interval, view.ask.symbol)} to ${when(last.starts, view.ask.interval, view.ask.symbol)}, last ${last.close}, highest ${high}, lowest ${low}, ${((last.close / first.close - 1) * 100).toFixed(1)} % over all.`;
}
