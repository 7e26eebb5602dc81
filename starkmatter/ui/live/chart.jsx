// Candles with volume from /api/v1/bars, kept alive by the page's one stream. Own orders and fills are drawn on it.
import { useEffect, useRef, useState } from "react";
import { CandlestickSeries, HistogramSeries, createChart, createSeriesMarkers } from "lightweight-charts";

const STEPS = { "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400 };
const PAGE = 300;

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const resolve = (name) => {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};
const faint = (rgb) => rgb.replace("rgb(", "rgba(").replace(")", ", 0.32)");
const seconds = (text) => Math.floor(new Date(text).getTime() / 1000);
// The library draws UTC: shift to the exchange's wall clock so that 09:30 reads 09:30.
const offset = (at) => {
  const there = new Date(new Date(at * 1000).toLocaleString("en-US", { timeZone: "America/New_York" }));
  const here = new Date(new Date(at * 1000).toLocaleString("en-US", { timeZone: "UTC" }));
  return Math.round((there - here) / 1000);
};
const shown = (at, interval) => (interval === "1d" ? at - (at % 86400) : at + offset(at));

async function load(symbol, venue, interval, end) {
  const query = new URLSearchParams({ symbol, venue, interval, limit: PAGE });
  if (end) query.set("end", new Date(end * 1000).toISOString());
  const answer = await fetch(`/api/v1/bars?${query}`);
  if (!answer.ok) throw new Error((await answer.json()).detail ?? "The bars could not be loaded.");
  return (await answer.json()).items.map((bar) => {
    const starts = seconds(bar.starts_at);
    return {
      starts, time: shown(starts, interval), open: +bar.open, high: +bar.high, low: +bar.low, close: +bar.close,
      volume: bar.volume === null ? null : +bar.volume,
    };
  });
}

export function CandleChart({ symbol, venue, interval, lines, marks }) {
  const host = useRef(null);
  const view = useRef(null);
  const [words, setWords] = useState("Loading …");
  const [legend, setLegend] = useState("");
  const [looks, setLooks] = useState(0);

  useEffect(() => {
    const chart = createChart(host.current, {
      autoSize: true,
      layout: { attributionLogo: true, fontFamily: "Inter, sans-serif", fontSize: 11, background: { color: "transparent" } },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.1, bottom: 0.22 } },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, rightOffset: 4 },
      crosshair: { mode: 0 },
    });
    const candles = chart.addSeries(CandlestickSeries, { borderVisible: false });
    const volume = chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    const markers = createSeriesMarkers(candles, []);
    view.current = { chart, candles, volume, markers, bars: [], priceLines: [] };
    const paint = () => {
      const up = resolve("--up"), down = resolve("--down"), grid = color("--chart-grid");
      chart.applyOptions({
        layout: { textColor: resolve("--text-3") },
        grid: { vertLines: { color: grid }, horzLines: { color: grid } },
      });
      candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
      view.current.up = faint(up);
      view.current.down = faint(down);
      volume.setData(view.current.bars.filter((bar) => bar.volume !== null).map(volumeOf));
    };
    const volumeOf = (bar) => ({ time: bar.time, value: bar.volume, color: bar.close >= bar.open ? view.current.up : view.current.down });
    view.current.volumeOf = volumeOf;
    paint();
    const themed = new MutationObserver(() => { paint(); setLooks((count) => count + 1); });
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-swap"] });
    chart.subscribeCrosshairMove((move) => {
      const bar = move.time === undefined ? view.current.bars.at(-1) : view.current.bars.find((one) => one.time === move.time);
      if (bar) say(bar);
    });
    return () => { themed.disconnect(); chart.remove(); view.current = null; };
  }, []);

  const say = (bar) => {
    const figure = (value) => value.toFixed(2);
    const volume = bar.volume === null ? "" : `  V ${bar.volume.toLocaleString("en-US", { maximumFractionDigits: 0 })}`;
    setLegend(`O ${figure(bar.open)}  H ${figure(bar.high)}  L ${figure(bar.low)}  C ${figure(bar.close)}${volume}`);
  };

  useEffect(() => {
    if (!symbol || !venue) return undefined;
    document.title = `${symbol} · Trade · StarkMatter`;
    let alive = true, older = false, done = false;
    const { chart, candles, volume } = view.current;
    const draw = () => {
      candles.setData(view.current.bars);
      volume.setData(view.current.bars.filter((bar) => bar.volume !== null).map(view.current.volumeOf));
    };
    setWords("Loading …");
    view.current.bars = [];
    draw();
    const first = (tries) => load(symbol, venue, interval)
      .then((bars) => {
        if (!alive) return;
        if (!bars.length && tries > 0) { setWords("Building the first bars …"); setTimeout(() => alive && first(tries - 1), 1500); return; }
        view.current.bars = bars;
        draw();
        chart.timeScale().setVisibleLogicalRange({ from: bars.length - 120, to: bars.length + 4 });
        setWords(bars.length ? "" : "No bars for this interval yet.");
        if (bars.length) say(bars.at(-1));
      })
      .catch((error) => {
        if (!alive) return;
        setWords(error.message);
        if (tries > 0) setTimeout(() => alive && first(tries - 1), 2000);
      });
    first(6);
    const back = (range) => {
      const bars = view.current?.bars ?? [];
      if (!range || range.from > 20 || older || done || !bars.length) return;
      older = true;
      load(symbol, venue, interval, bars[0].starts)
        .then((more) => { if (alive && more.length) { view.current.bars = [...more, ...view.current.bars]; draw(); } else done = true; })
        .catch(() => { done = true; })
        .finally(() => { older = false; });
    };
    chart.timeScale().subscribeVisibleLogicalRangeChange(back);
    const live = window.starkmatterStream;
    live?.want(symbol);
    const forget = live?.listen("quote", (quote) => {
      if (quote.symbol !== symbol || !view.current?.bars.length) return;
      const at = seconds(quote.observed_at);
      const price = +quote.last;
      const bars = view.current.bars;
      let bar = bars.at(-1);
      if (live.clock?.state !== "open") return;
      // From one bar's start to the next in whole steps: an hour begins with the session, not with the clock's hour.
      const starts = interval === "1d" ? bar.starts : bar.starts + Math.floor((at - bar.starts) / STEPS[interval]) * STEPS[interval];
      if (interval === "1d" && at - bar.starts > 43200) return;
      if (starts > bar.starts) {
        bar = { starts, time: shown(starts, interval), open: price, high: price, low: price, close: price, volume: null };
        bars.push(bar);
      } else if (starts === bar.starts) {
        bar.close = price;
        bar.high = Math.max(bar.high, price);
        bar.low = Math.min(bar.low, price);
      } else return;
      candles.update(bar);
      say(bar);
    });
    const refresh = setInterval(() => {
      load(symbol, venue, interval).then((bars) => {
        if (!alive || !bars.length || !view.current.bars.length) return;
        const from = bars[0].starts;
        view.current.bars = [...view.current.bars.filter((bar) => bar.starts < from), ...bars];
        draw();
      }).catch(() => {});
    }, 30_000);
    return () => {
      alive = false;
      clearInterval(refresh);
      forget?.();
      chart.timeScale().unsubscribeVisibleLogicalRangeChange(back);
    };
  }, [symbol, venue, interval]);

  useEffect(() => {
    const { candles, priceLines } = view.current;
    for (const line of priceLines) candles.removePriceLine(line);
    view.current.priceLines = (lines ?? []).map((line) =>
      candles.createPriceLine({ price: +line.price, title: line.title, color: resolve(line.side === "buy" ? "--teal" : "--orange"), lineWidth: 1, lineStyle: 2, axisLabelVisible: true }));
  }, [JSON.stringify(lines ?? []), looks]);

  useEffect(() => {
    const step = STEPS[interval] ?? 60;
    const drawn = (marks ?? []).map((mark) => {
      const at = seconds(mark.at);
      return {
        time: interval === "1d" ? at - (at % 86400) : shown(at - (at % step), interval),
        position: mark.side === "buy" ? "belowBar" : "aboveBar",
        shape: mark.side === "buy" ? "arrowUp" : "arrowDown",
        color: resolve(mark.side === "buy" ? "--teal" : "--orange"),
        text: mark.title,
      };
    });
    view.current.markers.setMarkers(drawn.sort((a, b) => a.time - b.time));
  }, [JSON.stringify(marks ?? []), interval, words, looks]);

  return (
    <div className="chart" role="img" aria-label={`Price chart of ${symbol}, ${interval}. ${legend}`}>
      <div className="legend">{legend}</div>
      <div className="canvas" ref={host} />
      {words ? <div className="wait">{words}</div> : null}
    </div>
  );
}
