// Bars, indicators and events from REST, and time as the chart draws it: the exchange's wall clock, of coins UTC.
import { NEW_YORK, shiftOf, zoneOf } from "./symbols.js";

export const STEPS = { "1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14400, "1d": 86400, "1w": 604800, "1mo": 2592000 };
export const PAGE = 300;
export const MOST = 5000;
const DAILY = new Set(["1d", "1w", "1mo"]);
export const isDaily = (interval) => DAILY.has(interval);
export const seconds = (text) => Math.floor(Date.parse(text) / 1000);
export const instant = (at) => new Date(at * 1000).toISOString();

// The library draws UTC: shift to the exchange's wall clock so that 09:30 reads 09:30. Clocks change on Sundays, when
// nobody trades but in coins, which keep UTC, so that one answer serves a day; asking for each bar would take longer
// than drawing it. Currencies begin on such a Sunday, after the change: their days have answers of their own.
const zone = new Intl.DateTimeFormat("en-US", {
  timeZone: NEW_YORK, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric",
  minute: "numeric", second: "numeric",
});
const offsets = new Map();
function offset(at, symbol) {
  if (zoneOf(symbol) === "UTC") return 0;
  const day = Math.floor((at + shiftOf(symbol)) / 86400) + (shiftOf(symbol) ? 0.5 : 0);
  let found = offsets.get(day);
  if (found === undefined) {
    const part = Object.fromEntries(zone.formatToParts(at * 1000).map((one) => [one.type, +one.value]));
    found = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) / 1000 - at;
    offsets.set(day, found);
  }
  return found;
}
const midnight = (at) => at - (at % 86400);
// The trading day's date: a day of currencies carries the date it ends on.
export const dayOf = (at, symbol) => (shiftOf(symbol) ? midnight(at + offset(at, symbol) + shiftOf(symbol)) : midnight(at));
export const shown = (at, interval, symbol) => (isDaily(interval) ? dayOf(at, symbol) : at + offset(at, symbol));

const WORDS = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", weekday: "short", month: "short", day: "numeric", year: "numeric" });
const CLOCK = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", weekday: "short", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const when = (at, interval, symbol) =>
  isDaily(interval) ? WORDS.format(dayOf(at, symbol) * 1000)
    : `${CLOCK.format(shown(at, interval, symbol) * 1000)}${zoneOf(symbol) === "UTC" ? " UTC" : ""}`;

async function get(path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`, { credentials: "same-origin" });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.detail ?? "The chart's data could not be loaded.");
  return told;
}

function barOf(row, interval, symbol) {
  const starts = seconds(row.starts_at);
  return {
    starts, time: shown(starts, interval, symbol), open: +row.open, high: +row.high, low: +row.low, close: +row.close,
    volume: row.volume === null ? null : +row.volume,
  };
}

const series = (adjustment) => (adjustment && adjustment !== "splits" ? { adjustment } : {});

export async function loadBars({ symbol, venue, interval, adjustment }, limit = PAGE, end = null) {
  const query = { symbol, venue, interval, limit, ...series(adjustment), ...(end ? { end: instant(end) } : {}) };
  return (await get("/api/v1/bars", query)).items.map((row) => barOf(row, interval, symbol));
}

export async function loadIndicators({ symbol, venue, interval, adjustment }, names, limit, end = null) {
  const query = { symbol, venue, interval, limit, ...series(adjustment), names: names.join(","), ...(end ? { end: instant(end) } : {}) };
  const told = await get("/api/v1/indicators", query);
  return { items: told.items, starts: told.starts_at.map(seconds) };
}

export async function loadEvents({ symbol, venue }, start) {
  return (await get("/api/v1/chart/events", { symbol, venue, start: instant(start) })).items;
}

// The page is asked for before its state has arrived: with the market and the length that were looked at last, the
// first bars are on their way while the socket is still being opened. Only for what can be a symbol.
const LAST = "starkmatter.chart.last";
const last = () => { try { return JSON.parse(localStorage.getItem(LAST) ?? "{}"); } catch { return {}; } };
export const remember = (ask) => localStorage.setItem(LAST, JSON.stringify({ venue: ask.venue, interval: ask.interval }));
export function guess() {
  const found = /^\/trade\/((?:[\w.=^:-]|%5E|%2F)+)\/?$/i.exec(location.pathname);
  const { venue, interval } = last();
  if (!found || found[1].length > 24 || !venue || !STEPS[interval]) return null;
  return { symbol: decodeURIComponent(found[1]).toUpperCase(), venue, interval };
}
const same = (a, b) => a && b && a.symbol === b.symbol && a.venue === b.venue && a.interval === b.interval && (a.adjustment ?? "splits") === (b.adjustment ?? "splits");
let early = typeof window === "undefined" ? null : guess();
let earlyBars = early ? loadBars(early) : null;
earlyBars?.catch(() => {});
export function firstBars(ask) {
  const [asked, bars] = [early, earlyBars];
  early = earlyBars = null;
  return same(asked, ask) && bars ? bars : loadBars(ask);
}

// Index of the last bar that starts by `at`; -1 before the first.
export function indexAt(bars, at) {
  let low = 0, high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].starts <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// Where an instant lies among the bars, also between two and beyond the last: a drawing may reach into the future.
export function placeOf(bars, at, interval) {
  if (!bars.length) return null;
  const step = STEPS[interval];
  const index = indexAt(bars, at);
  if (index < 0) return (at - bars[0].starts) / step;
  const starts = bars[index].starts;
  const next = bars[index + 1]?.starts ?? starts + step;
  const part = (at - starts) / (index + 1 < bars.length ? Math.min(next - starts, step) : step);
  return index + (index + 1 < bars.length ? Math.min(part, 0.999) : part);
}
export function instantOf(bars, place, interval) {
  const step = STEPS[interval];
  if (place < 0) return Math.round(bars[0].starts + place * step);
  const index = Math.min(Math.floor(place), bars.length - 1);
  return Math.round(bars[index].starts + (place - index) * step);
}

// Each candle opens in the middle of the one before; the first loaded one opens in its own.
export function heikinAshi(bars) {
  let open = null, close = null;
  return bars.map((bar) => {
    const middle = (bar.open + bar.high + bar.low + bar.close) / 4;
    open = open === null ? (bar.open + bar.close) / 2 : (open + close) / 2;
    close = middle;
    return { time: bar.time, open, high: Math.max(bar.high, open, close), low: Math.min(bar.low, open, close), close };
  });
}
