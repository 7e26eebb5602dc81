// The chart's menus: indicators with their parameters, compared symbols, templates, what is shown, drawings, the table.
import { useEffect, useMemo, useRef, useState } from "react";
import { when } from "./chartbars.js";
import { figure, price, signed, size } from "./chartlooks.js";
import { NAMES } from "./chartdraw.js";
import { ask } from "./rest.js";

const TITLES = { indicators: "Indicators", compare: "Compare", templates: "Templates", show: "Show", objects: "Drawings", table: "Table" };
const MOST_COMPARED = 5;
const MOST_INDICATORS = 12;
const TABLE_BARS = 60;
let catalogue = null;
const loadCatalogue = () => (catalogue ??= ask("/api/v1/indicators/catalogue", { method: "GET" }).then((answer) => {
  if (!answer.ok) catalogue = null;
  return answer.told.items ?? [];
}));

export function Menu(props) {
  const box = useRef(null);
  const { kind, onClose } = props;
  useEffect(() => { (box.current.querySelector("input,select,button:not(.close)") ?? box.current).focus(); }, [kind]);
  const Body = { indicators: IndicatorMenu, compare: CompareMenu, templates: TemplateMenu, show: ShowMenu, objects: ObjectMenu, table: TableMenu }[kind];
  return (
    <section className="chartmenu" data-kind={kind} ref={box} tabIndex={-1} aria-label={TITLES[kind]}
      onKeyDown={(event) => { if (event.key === "Escape") { event.stopPropagation(); onClose(); } }}>
      <header><h2>{TITLES[kind]}</h2><button type="button" className="charttool close" aria-label="Close" onClick={onClose}>×</button></header>
      <Body {...props} />
    </section>
  );
}

const short = (one, values) => [one.name, ...values].join(":");

function IndicatorMenu({ look, onLook }) {
  const [all, setAll] = useState([]);
  const [query, setQuery] = useState("");
  useEffect(() => { loadCatalogue().then(setAll); }, []);
  const byName = useMemo(() => new Map(all.map((one) => [one.name, one])), [all]);
  const found = useMemo(() => {
    const text = query.trim().toLowerCase();
    return all.filter((one) => !text || one.name.includes(text) || one.title.toLowerCase().includes(text) || one.group.toLowerCase() === text);
  }, [all, query]);
  const groups = [...new Set(found.map((one) => one.group))];
  const put = (indicators) => onLook({ indicators: [...new Set(indicators)] });
  const add = (one) => put([...look.indicators, short(one, one.parameters.map((part) => part.default))]);
  const full = look.indicators.length >= MOST_INDICATORS;
  return (
    <div className="body">
      {look.indicators.map((text, i) => {
        const [name, ...values] = text.split(":");
        const one = byName.get(name);
        if (!one) return null;
        return <Chosen key={`${i}/${name}`} one={one} values={values} onChange={(next) => put(look.indicators.map((old, j) => (j === i ? short(one, next) : old)))} onRemove={() => put(look.indicators.filter((_, j) => j !== i))} />;
      })}
      <input className="input" type="search" placeholder={`Search ${all.length || ""} indicators`} aria-label="Search indicators" value={query} onChange={(event) => setQuery(event.target.value)} />
      {full ? <p className="soft small">{MOST_INDICATORS} at a time. Remove one to add another.</p> : null}
      <div className="list">
        {groups.map((group) => (
          <div key={group} role="group" aria-label={group}>
            <h3>{group}</h3>
            {found.filter((one) => one.group === group).map((one) => (
              <button key={one.name} type="button" disabled={full} onClick={() => add(one)}><span>{one.title}</span><span className="soft">{one.pane === "price" ? "on price" : one.unit}</span></button>
            ))}
          </div>
        ))}
        {all.length && !found.length ? <p className="soft small">No indicator is called that.</p> : null}
      </div>
    </div>
  );
}

function Chosen({ one, values, onChange, onRemove }) {
  const [typed, setTyped] = useState(values);
  const fits = (part, text) => text !== "" && +text >= part.least && +text <= part.most && (!part.whole || Number.isInteger(+text));
  const write = (i, text) => {
    const next = one.parameters.map((part, j) => (j === i ? text : typed[j] ?? String(part.default)));
    setTyped(next);
    if (one.parameters.every((part, j) => fits(part, next[j]))) onChange(next.map(Number));
  };
  return (
    <div className="chosen">
      <b>{one.title}</b>
      {one.parameters.map((part, i) => {
        const text = typed[i] ?? String(part.default);
        return (
          <label key={part.name} title={`${part.least} to ${part.most}`}>{part.title}
            <input className="input num" type="number" min={part.least} max={part.most} step={part.whole ? 1 : "any"} value={text} aria-invalid={!fits(part, text)} onChange={(event) => write(i, event.target.value)} />
          </label>
        );
      })}
      <button type="button" className="charttool" aria-label={`Remove ${one.title}`} onClick={onRemove}>×</button>
    </div>
  );
}

function CompareMenu({ view, compared, onCompare }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const [offered, setOffered] = useState([]);
  useEffect(() => {
    let alive = true;
    const wait = setTimeout(() => ask(`/api/v1/instruments?${new URLSearchParams({ query: text, venue: view.ask.venue, limit: 8 })}`, { method: "GET" })
      .then((answer) => alive && setOffered(answer.told.items ?? [])), 200);
    return () => { alive = false; clearTimeout(wait); };
  }, [text]);
  const add = (symbol) => {
    const wanted = symbol.trim().toUpperCase();
    if (!wanted) return;
    if (wanted === view.ask.symbol || compared.includes(wanted)) { setProblem(`${wanted} is on the chart already.`); return; }
    if (compared.length >= MOST_COMPARED) { setProblem(`${MOST_COMPARED} symbols at a time. Remove one first.`); return; }
    setProblem(""); setText("");
    onCompare([...compared, wanted]);
  };
  return (
    <form className="body" onSubmit={(event) => { event.preventDefault(); add(offered.find((one) => one.symbol === text.trim().toUpperCase())?.symbol ?? offered[0]?.symbol ?? text); }}>
      <div className="chips">{compared.map((symbol, i) => <button key={symbol} type="button" className="chip" aria-label={`Remove ${symbol}`} onClick={() => onCompare(compared.filter((one) => one !== symbol))}><i style={{ background: view.inkOf(i) }} />{symbol} ×</button>)}</div>
      <input className="input" type="search" aria-label="Symbol to compare" placeholder="Symbol or name" value={text} onChange={(event) => setText(event.target.value)} />
      {problem ? <p className="small" role="alert">{problem}</p> : null}
      <div className="list">
        {offered.filter((one) => one.symbol !== view.ask.symbol && !compared.includes(one.symbol)).map((one) => (
          <button key={one.symbol} type="button" onClick={() => add(one.symbol)}><span><b>{one.symbol}</b> {one.name}</span></button>
        ))}
      </div>
      <p className="soft small">Up to {MOST_COMPARED} symbols, drawn by how they moved since the left edge.</p>
    </form>
  );
}

function TemplateMenu({ look, onLook, onClose }) {
  const [kept, setKept] = useState(null);
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  const read = () => ask("/api/v1/chart/templates", { method: "GET" }).then((answer) => { setProblem(answer.problem); setKept(answer.told.items ?? []); });
  useEffect(() => { read(); }, []);
  const keep = async (event) => {
    event.preventDefault();
    const answer = await ask("/api/v1/chart/templates", { body: { name, look } });
    setProblem(answer.problem);
    if (answer.ok) { setName(""); read(); }
  };
  const drop = async (one) => { setProblem((await ask(`/api/v1/chart/templates/${one.id}`, { method: "DELETE" })).problem); read(); };
  return (
    <div className="body">
      <form className="inline-form" onSubmit={keep}>
        <input className="input" maxLength={40} required aria-label="Name of the template" placeholder="Keep this look as …" value={name} onChange={(event) => setName(event.target.value)} />
        <button type="submit" className="btn tiny">Save</button>
      </form>
      {problem ? <p className="small" role="alert">{problem}</p> : null}
      <div className="list">
        {(kept ?? []).map((one) => (
          <div className="pair" key={one.id}>
            <button type="button" onClick={() => { onLook(one.look); onClose(); }}><span>{one.name}</span><span className="soft">{one.look.indicators.length ? `${one.look.indicators.length} indicators` : one.look.style.replace("_", " ")}</span></button>
            <button type="button" className="charttool" aria-label={`Delete the template ${one.name}`} onClick={() => drop(one)}>×</button>
          </div>
        ))}
        {kept && !kept.length ? <p className="soft small">Style, scale and indicators under a name, for any symbol.</p> : null}
      </div>
    </div>
  );
}

function ShowMenu({ look, onLook }) {
  const parts = [["volume", "Volume"], ["sessions", "Shade every other session"], ["events", "Own fills, news, corporate actions"]];
  return <div className="body">{parts.map(([name, text]) => <label className="tick" key={name}><input type="checkbox" checked={look[name]} onChange={(event) => onLook({ [name]: event.target.checked })} />{text}</label>)}</div>;
}

function ObjectMenu({ drawings }) {
  const items = drawings?.items ?? [];
  return (
    <div className="body"><div className="list">
      {items.map((one, i) => (
        <div className="pair" key={one.id ?? i}>
          <button type="button" aria-pressed={drawings.chosen === one} onClick={() => { drawings.chosen = one; drawings.changed(); }}><span>{one.words || NAMES[one.kind]}</span><span className="soft">{price(one.points[0].price)}</span></button>
          <button type="button" className="charttool" aria-label={`Remove ${one.words || NAMES[one.kind]}`} onClick={() => drawings.remove(one)}>×</button>
        </div>
      ))}
      {items.length ? null : <p className="soft small">Nothing is drawn on this symbol. Choose a tool and click on the chart; drawings are kept for you.</p>}
    </div></div>
  );
}

function TableMenu({ view }) {
  const { bars, ask: asked } = view;
  const rows = bars.slice(-TABLE_BARS).reverse();
  const lines = [...view.indicators.lines()];
  const names = view.indicators.shown.flatMap((one) => one.lines.map((line) => (one.lines.length > 1 ? `${one.title}: ${line.title}` : one.title)));
  return (
    <div className="body scroll" tabIndex={0} role="region" aria-label="Figures of the chart">
      <table className="data">
        <caption className="sr">The newest {rows.length} bars of {asked.symbol}, {asked.interval}</caption>
        <thead><tr><th scope="col">When</th>{["Open", "High", "Low", "Close", "Change", "Volume", ...names].map((name) => <th key={name} scope="col" className="num">{name}</th>)}<th scope="col">Events</th></tr></thead>
        <tbody>
          {rows.map((bar, i) => {
            const before = bars[bars.length - 2 - i]?.close;
            return (
              <tr key={bar.starts}>
                <td>{when(bar.starts, asked.interval)}</td>
                {[bar.open, bar.high, bar.low, bar.close].map((value, j) => <td key={j} className="num">{price(value)}</td>)}
                <td className="num">{before ? signed((bar.close / before - 1) * 100) : "–"}</td>
                <td className="num">{bar.volume === null ? "–" : size(bar.volume)}</td>
                {lines.map((line, j) => <td key={j} className="num">{figure(line.values.get(bar.starts), line.unit)}</td>)}
                <td>{(view.events.notes.get(bar.time) ?? []).join("; ")}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
