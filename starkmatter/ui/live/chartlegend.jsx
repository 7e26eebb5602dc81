// The figures under the cross-hair: of the bar, of compared symbols, and of each indicator in its own pane.
import { useEffect, useRef, useState } from "react";
import { when } from "./chartbars.js";
import { price, signed, size } from "./chartlooks.js";

const ADJUSTED = { raw: "Prices as traded", all: "Adjusted for dividends" };
const dir = (value) => (value > 0 ? "up" : value < 0 ? "down" : "");

export function Legend({ ask, view, host, say, look, compared, onIndicators }) {
  const [told, setTold] = useState(null);
  const [panes, setPanes] = useState([]);
  const frame = useRef(0), waiting = useRef(null);

  useEffect(() => {
    // At most once a frame; null asks where the panes are.
    say.current = (data) => {
      if (data) waiting.current = data;
      if (frame.current) return;
      frame.current = requestAnimationFrame(() => {
        frame.current = 0;
        if (!view.current) return;
        setTold(waiting.current);
        let top = 0;
        const tops = view.current.chart.panes().map((pane) => { const at = top; top += pane.getHeight() + 1; return at; });
        setPanes((before) => (before.join() === tops.join() ? before : tops));
      });
    };
    const seen = new ResizeObserver(() => say.current(null));
    seen.observe(host.current);
    return () => { seen.disconnect(); cancelAnimationFrame(frame.current); say.current = null; };
  }, []);

  if (!told || !ask) return null;
  const { bar, change, notes, values, compared: others } = told;
  const shown = view.current?.indicators.shown ?? [];
  const trouble = view.current?.indicators.problem;
  const at = (name) => values.filter((one) => one.key.startsWith(`${name}/`));
  const drop = (i) => onIndicators(look.indicators.filter((_, j) => j !== i));
  const row = (one, i) => (
    <div className="row" key={one.name}>
      <span className="title">{one.title}</span>
      {at(one.name).map((line) => <b key={line.key} style={{ color: line.color }} title={line.title}>{line.text}</b>)}
      <button type="button" aria-label={`Remove ${one.title}`} title="Remove" onClick={() => drop(i)}>×</button>
    </div>
  );
  return (
    <>
      <div className="legend">
        <div className="row">
          <span className="title">{ask.symbol} · {ask.interval}</span>
          <span className="soft">{when(bar.starts, ask.interval, ask.symbol)}</span>
          <span>O <b>{price(bar.open, ask.symbol)}</b></span><span>H <b>{price(bar.high, ask.symbol)}</b></span><span>L <b>{price(bar.low, ask.symbol)}</b></span><span>C <b>{price(bar.close, ask.symbol)}</b></span>
          {change === null ? null : <b className={dir(change)}>{signed(change)}</b>}
          {bar.volume === null || !look.volume ? null : <span>V <b>{size(bar.volume)}</b></span>}
          {ADJUSTED[ask.adjustment] ? <span className="soft">{ADJUSTED[ask.adjustment]}</span> : null}
          {look.style === "heikin_ashi" ? <span className="soft">Heikin-Ashi drawn, true prices told</span> : null}
        </div>
        {others.map((one, i) => (
          <div className="row" key={one.symbol}>
            <span className="title" style={{ color: view.current?.inkOf(i) }}>{one.symbol}</span>
            <b>{one.problem || (one.value === undefined ? "–" : price(one.value, one.symbol))}</b>
          </div>
        ))}
        {shown.map((one, i) => (one.own ? null : row(one, i)))}
        {trouble ? <div className="row trouble">{trouble}</div> : null}
        {notes.slice(0, 3).map((text, i) => <div className="row note-line" key={i}>{text}</div>)}
        {notes.length > 3 ? <div className="row soft">and {notes.length - 3} more</div> : null}
      </div>
      {shown.map((one, i) => (one.own && panes[one.pane] !== undefined ? <div className="legend" key={one.name} style={{ top: panes[one.pane] + 4 }}>{row(one, i)}</div> : null))}
    </>
  );
}
