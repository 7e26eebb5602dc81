// The chart itself, without a page around it: bars in five styles, compared symbols, volume, marks, live prices, the
// past as one scrolls into it. Components tell it what to show; it tells them what lies under the cross-hair.
import {
  AreaSeries, BarSeries, CandlestickSeries, HistogramSeries, LineSeries, createChart, createSeriesMarkers,
} from "lightweight-charts";
import {
  MOST, PAGE, STEPS, firstBars, heikinAshi, indexAt, isDaily, loadBars, remember, seconds, shown,
} from "./chartbars.js";
import { Compared } from "./chartcompare.js";
import { Events } from "./chartevents.js";
import { Indicators } from "./chartindicators.js";
import { digitsOf, faint, looks } from "./chartlooks.js";
import { OrderLines } from "./chartorders.js";
import { Pointer } from "./chartpointer.js";
import { SessionShade } from "./chartshade.js";
import { isPair } from "./symbols.js";

const REFRESH_MS = 30_000;
const FOLLOW_MS = 5_000;
const TAIL = 50;
const NEAR = 40;
const FEW = 3;
const STYLES = { candles: CandlestickSeries, bars: BarSeries, line: LineSeries, area: AreaSeries, heikin_ashi: CandlestickSeries };
const MODES = { linear: 0, log: 1, percent: 2, indexed: 3 };

export class ChartView {
  constructor(host, tell) {
    this.host = host;
    this.tell = tell;
    this.look = looks();
    this.ask = null;
    this.bars = [];
    this.compared = new Compared(this);
    this.events = new Events(this);
    this.grabbers = [];
    this.options = { style: "candles", scale: "linear", volume: true, sessions: true, events: true };
    this.turn = 0;
    this.chart = createChart(host, {
      autoSize: true,
      layout: { attributionLogo: true, fontFamily: "Inter, sans-serif", fontSize: 11, background: { color: "transparent" }, panes: { enableResize: true } },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.12, bottom: 0.2 } },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, rightOffset: 4, minBarSpacing: 0.05, enableConflation: true, conflationThresholdFactor: 4, precomputeConflationOnInit: true, precomputeConflationPriority: "user-blocking" },
      crosshair: { mode: 0 },
      handleScroll: { vertTouchDrag: false },
    });
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.shade = new SessionShade(this);
    this.orders = new OrderLines(this, (id, price) => tell.move(id, price));
    this.indicators = new Indicators(this, () => { this.tell.panes(); this.say(); });
    this.makeMain();
    this.paint();
    this.pointer = new Pointer(this);
    this.chart.subscribeCrosshairMove((move) => { this.under = move.time ?? null; this.say(); });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => this.back(range));
    this.themed = new MutationObserver(() => { this.look = looks(); this.paint(); this.restyle(); });
    this.themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-swap"] });
    this.timers = [setInterval(() => this.refresh(), REFRESH_MS), setInterval(() => this.follow(), FOLLOW_MS)];
  }

  close() {
    this.turn = -1;
    this.themed.disconnect();
    this.timers.forEach(clearInterval);
    this.forget?.();
    this.pointer.close();
    this.chart.remove();
  }

  get relative() { return this.mode() >= 2; }
  // Symbols of different prices can only be compared by how they moved.
  mode() { return this.compared.list.length && MODES[this.options.scale] < 2 ? 2 : MODES[this.options.scale]; }

  makeMain() {
    const before = this.main;
    this.main = this.chart.addSeries(STYLES[this.options.style], {});
    this.main.attachPrimitive(this.shade);
    if (this.drawings) this.main.attachPrimitive(this.drawings);
    this.markers = createSeriesMarkers(this.main, []);
    if (before) this.chart.removeSeries(before);
    this.main.setSeriesOrder?.(1);
  }

  paint() {
    const { up, down, text, grid, accent, line } = this.look;
    this.chart.applyOptions({
      layout: { textColor: text, panes: { separatorColor: grid, separatorHoverColor: faint(line, 0.4) } },
      grid: { vertLines: { color: grid }, horzLines: { color: grid } },
      crosshair: { vertLine: { labelBackgroundColor: line, color: text }, horzLine: { labelBackgroundColor: line, color: text } },
    });
    const digits = digitsOf(this.bars.at(-1)?.close ?? 1, this.ask?.symbol);
    this.main.applyOptions({
      priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits },
      ...({
        candles: { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false },
        heikin_ashi: { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false },
        bars: { upColor: up, downColor: down, thinBars: false },
        line: { color: accent, lineWidth: 2 },
        area: { lineColor: accent, lineWidth: 2, topColor: faint(accent, 0.28), bottomColor: faint(accent, 0.02) },
      })[this.options.style],
    });
  }

  // After a change of the theme: everything that was given a color gets its new one.
  restyle() {
    this.draw();
    this.orders.draw();
    this.events.mark();
    this.compared.paint();
    if (this.indicators.shown.length) this.indicators.reload();
  }

  // Where a place between two bars lies; the library itself knows whole ones only.
  xOf(place) {
    const scale = this.chart.timeScale(), whole = Math.floor(place), at = scale.logicalToCoordinate(whole);
    return at === null ? null : at + (place - whole) * scale.options().barSpacing;
  }

  inkOf(i) { return this.look.inks[(i + 2) % this.look.inks.length]; }

  set(options) {
    const before = this.options;
    this.options = { ...before, ...options };
    if (this.options.style !== before.style) { this.makeMain(); this.paint(); this.draw(); this.orders.draw(); this.events.mark(); }
    this.volume.applyOptions({ visible: this.options.volume });
    this.chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.12, bottom: this.options.volume ? 0.2 : 0.06 } });
    this.shade.on = this.options.sessions;
    this.shade.update?.();
    this.rescale();
    if (this.options.events !== before.events) this.events.read();
  }

  rescale() {
    const before = this.scaled;
    this.scaled = this.mode();
    this.chart.priceScale("right").applyOptions({ mode: this.scaled });
    this.scalePanes();
    if (before !== undefined && (before >= 2) !== (this.scaled >= 2)) this.indicators.reload();
  }

  // What the price's scale is set to, the library also gives to the others.
  scalePanes() {
    for (let pane = 1; pane < this.chart.panes().length; pane++)
      this.chart.priceScale("right", pane).applyOptions({ mode: 0, scaleMargins: { top: 0.22, bottom: 0.1 } });
  }

  // --- bars ---------------------------------------------------------------------------------------------------------

  show(ask) {
    const turn = ++this.turn;
    this.ask = ask;
    this.events.list = [];
    Object.assign(this, { bars: [], older: false, done: false, page: PAGE });
    this.draw();
    this.indicators.clear();
    this.tell.words("Loading …");
    this.first(turn, 6);
    this.forget?.();
    const live = window.starkmatterStream;
    live?.want(ask.symbol);
    this.forget = live?.listen("quote", (quote) => { if (quote.symbol === ask.symbol) this.take(quote, live); });
  }

  async first(turn, tries) {
    const again = (ms) => setTimeout(() => turn === this.turn && this.first(turn, tries - 1), ms);
    try {
      const bars = await firstBars(this.ask);
      if (turn !== this.turn) return;
      if (!bars.length && tries > 0) { this.tell.words("Building the first bars …"); again(1500); return; }
      this.bars = bars;
      this.paint();
      this.draw();
      this.home();
      this.tell.words(bars.length ? "" : "No bars for this interval yet.");
      if (bars.length) { remember(this.ask); performance.mark("chart-first-candle"); }
      this.indicators.reload();
      this.compared.read();
      this.events.read();
      this.tell.loaded();
      this.say();
      // Quotes make the first bars before a source has told of those before them.
      if (bars.length && bars.length < FEW && tries > 0) again(1500);
    } catch (error) {
      if (turn !== this.turn) return;
      this.tell.words(error.message);
      if (tries > 0) again(2000);
    }
  }

  // Bars, volume and what hangs on them, as they are now.
  draw() {
    const { bars, options, look } = this;
    const line = options.style === "line" || options.style === "area";
    const candles = options.style === "heikin_ashi" ? heikinAshi(bars) : bars;
    this.main.setData(line ? bars.map(({ time, close }) => ({ time, value: close })) : candles);
    const [up, down] = [faint(look.up), faint(look.down)];
    this.volume.setData(bars.filter((bar) => bar.volume !== null).map((bar) => ({ time: bar.time, value: bar.volume, color: bar.close >= bar.open ? up : down })));
    this.byTime = new Map(bars.map((bar, i) => [bar.time, i]));
    this.shade.count(bars, this.ask);
    this.drawings?.update?.();
  }

  // The newest bar has grown or has just begun.
  drawLast() {
    const bar = this.bars.at(-1);
    const { style } = this.options;
    this.byTime.set(bar.time, this.bars.length - 1);
    if (style === "heikin_ashi") this.main.update(heikinAshi(this.bars.slice(-200)).at(-1));
    else this.main.update(style === "line" || style === "area" ? { time: bar.time, value: bar.close } : bar);
  }

  async back(range) {
    if (!range || range.from > NEAR || this.older || this.done || !this.bars.length) return;
    this.older = true;
    const turn = this.turn;
    try {
      this.page = Math.min(this.page * 2, MOST);
      const end = this.bars[0].starts;
      const more = await loadBars(this.ask, this.page, end);
      if (turn !== this.turn) return;
      this.done = more.length < this.page;
      if (more.length) {
        this.bars = [...more, ...this.bars];
        this.draw();
        this.events.read();
        await Promise.all([this.indicators.extend(more.length, end), this.compared.read()]);
        this.tell.loaded();
      }
    } catch { this.done = true; } finally { if (turn === this.turn) this.older = false; }
  }

  async refresh() {
    if (!this.bars.length || document.hidden) return;
    const turn = this.turn;
    const fresh = await loadBars(this.ask, TAIL).catch(() => []);
    if (turn !== this.turn || !fresh.length) return;
    const from = fresh[0].starts;
    if (from > this.bars.at(-1).starts) { this.show(this.ask); return; }
    this.bars = [...this.bars.slice(0, indexAt(this.bars, from - 1) + 1), ...fresh];
    this.draw();
    this.indicators.follow(TAIL).catch(() => {});
    this.compared.read(TAIL);
    this.events.read();
  }

  follow() {
    if (document.hidden || window.starkmatterStream?.stateOf(this.ask?.symbol) !== "open") return;
    this.indicators.follow().catch(() => {});
  }

  take(quote, live) {
    const { bars, ask } = this;
    if (!bars.length || live.stateOf(ask.symbol) !== "open") return;
    const at = seconds(quote.observed_at), price = +quote.last, last = bars.at(-1), step = STEPS[ask.interval];
    const daily = isDaily(ask.interval);
    if (ask.interval === "1d" && at - last.starts > (isPair(ask.symbol) ? 86400 : 43200)) return;
    // From one bar's start to the next in whole steps: an hour begins with the session, not with the clock's hour.
    const starts = daily ? last.starts : last.starts + Math.floor((at - last.starts) / step) * step;
    if (at < last.starts) return;
    if (starts > last.starts) bars.push({ starts, time: shown(starts, ask.interval, ask.symbol), open: price, high: price, low: price, close: price, volume: null });
    else Object.assign(last, { close: price, high: Math.max(last.high, price), low: Math.min(last.low, price) });
    this.drawLast();
    this.say();
  }

  home() {
    const shownBars = Math.max(60, Math.min(160, Math.round(this.host.clientWidth / 7)));
    this.chart.timeScale().setVisibleLogicalRange({ from: this.bars.length - shownBars, to: this.bars.length + 4 });
  }

  // --- what lies under the cross-hair ---------------------------------------------------------------------------------

  say() {
    const index = this.under === null || this.under === undefined ? this.bars.length - 1 : this.byTime.get(this.under);
    const bar = this.bars[index];
    if (!bar) return;
    const before = this.bars[index - 1]?.close;
    this.tell.legend({
      bar, change: before ? (bar.close / before - 1) * 100 : null, notes: this.events.notes.get(bar.time) ?? [],
      values: this.indicators.at(bar.starts),
      compared: this.compared.list.map((one) => ({ symbol: one.symbol, value: one.bars.get(bar.time), problem: one.problem })),
    });
  }

  // --- keys and the picture -------------------------------------------------------------------------------------------

  pan(part) {
    const scale = this.chart.timeScale(), range = scale.getVisibleLogicalRange();
    if (!range) return;
    const by = Math.max(1, (range.to - range.from) * Math.abs(part)) * Math.sign(part);
    scale.setVisibleLogicalRange({ from: range.from + by, to: range.to + by });
  }

  zoom(factor) {
    const scale = this.chart.timeScale(), range = scale.getVisibleLogicalRange();
    if (!range) return;
    scale.setVisibleLogicalRange({ from: range.to - Math.max(5, (range.to - range.from) * factor), to: range.to });
  }

  start() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (range) this.chart.timeScale().setVisibleLogicalRange({ from: 0, to: range.to - range.from });
  }

  picture() { return this.chart.takeScreenshot(true); }
}
