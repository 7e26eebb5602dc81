// One socket per page to /api/v1/stream. It owns the text of every element with data-live: ticks never pass through
// Reflex. Protocol: docs/stream.md. Money is computed only for display, from the server's own figures.
import { useEffect } from "react";
import { answered, leave } from "./rest.js";
import { decimalsOf, hoursOf, stateOf } from "./symbols.js";

const MIN_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;
const SCAN_MS = 120;
const DELAYED_MS = 5_000;
const STALE_MS = 15_000;
// Sources of the market of today are asked every few seconds; no market order is taken on a price a minute old.
const MARKET_DELAYED_MS = 15_000;
const MARKET_STALE_MS = 60_000;
const PULSE_MS = 3_000;
const RELOAD_MS = 250;
const FLASH_EVERY_MS = 1_200;
const FLASH_MS = 400;
const MAX_SYMBOLS = 200; // of one connection, as the server counts them

const fixed = (value, digits) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
const signed = (value, digits) => {
  const rounded = Number(value.toFixed(digits));
  return (rounded > 0 ? "+" : rounded < 0 ? "−" : "") + fixed(Math.abs(rounded), digits);
};
const aged = (ms) => (ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : ms < 120_000 ? `${Math.round(ms / 1000)} s` : ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`);
const cents = (value) => Math.round(value * 100) / 100;

// React keeps hold of the text it rendered: write into its node, never replace it, or React fails to take it away later.
function print(cell, text) {
  if (cell.smNode && !cell.smNode.isConnected) cell.smNode = null;
  const theirs = [...cell.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node !== cell.smNode);
  if (theirs.length) {
    cell.smNode?.remove();
    cell.smNode = null;
    theirs.forEach((node, number) => { node.nodeValue = number ? "" : text; });
  } else if (cell.smNode) cell.smNode.nodeValue = text;
  else cell.append((cell.smNode = document.createTextNode(text)));
  cell.smText = text;
}

// What we printed ourselves needs no look; what React put there does.
function foreign(record) {
  const cell = record.type === "characterData" ? record.target.parentElement : record.target;
  return record.type === "attributes" || cell?.smText === undefined || cell.smText !== cell.textContent;
}

class Stream {
  constructor() {
    this.quotes = new Map();
    this.symbols = new Set();
    this.listeners = new Map();
    this.wait = MIN_WAIT_MS;
    this.venue = "";
    this.clock = null;
    this.clockAt = 0;
    this.latency = null;
    this.closed = false;
    this.flashing = [];
    this.fading = null;
  }

  start() {
    this.closed = false;
    this.connect();
    this.observer = new MutationObserver((records) => { if (records.some(foreign)) this.scanSoon(); });
    this.observer.observe(document.body, { childList: true, characterData: true, subtree: true, attributes: true, attributeFilter: ["data-live", "data-holdings", "data-qty", "data-cost"] });
    this.timer = setInterval(() => this.beat(), 1000);
    this.scanSoon();
  }

  stop() {
    this.closed = true;
    this.observer?.disconnect();
    clearInterval(this.timer);
    clearTimeout(this.retry);
    this.socket?.close();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/stream`);
    this.socket = socket;
    socket.onopen = () => {
      this.wait = MIN_WAIT_MS;
      this.sent = new Set();
      this.greet();
    };
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (this.closed || this.socket !== socket) return;
      // The session has another token, and so has this browser as soon as it is told.
      if (event.code === 4402) { this.retry = setTimeout(() => answered().then(() => { if (!this.closed && this.socket === socket) this.connect(); }), MIN_WAIT_MS); return; }
      document.documentElement.dataset.stream = "down";
      if (event.code === 4401) { leave("/login"); return; }
      if (event.code === 4400 || event.code === 1009) return;
      const wait = event.code === 4429 ? 30_000 : this.wait * (0.7 + Math.random() * 0.6);
      this.wait = Math.min(MAX_WAIT_MS, this.wait * 2);
      this.retry = setTimeout(() => this.connect(), wait);
    };
  }

  // Which market the page shows: the chosen account's. Until it is known, nothing is asked for.
  show(venue) {
    if (!venue || venue === this.venue) return;
    // Charts and lists of the other market are drawn from nothing; a page that is being left is left first.
    if (this.venue) setTimeout(() => location.reload(), RELOAD_MS);
    if (this.venue && this.sent?.size) this.say({ op: "unsubscribe", venue: this.venue, channels: ["clock", ...[...this.sent].map((symbol) => `quotes:${symbol}`)] });
    Object.assign(this, { venue, clock: null, clockAt: 0, latency: null, newest: null });
    this.quotes.clear();
    this.symbols.clear();
    this.sent = new Set();
    if (this.socket?.readyState === WebSocket.OPEN) this.greet();
    this.scanSoon();
  }

  greet() {
    if (!this.venue) return;
    this.say({ op: "subscribe", venue: this.venue, channels: ["orders", "alerts", "clock"] });
    this.subscribe();
  }

  say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  listen(kind, listener) {
    if (!this.listeners.has(kind)) this.listeners.set(kind, new Set());
    this.listeners.get(kind).add(listener);
    return () => this.listeners.get(kind).delete(listener);
  }

  tell(kind, value) {
    for (const listener of this.listeners.get(kind) ?? []) listener(value);
  }

  // A name that begins with = is of a holding whose quotes are in another currency than the account's books.
  want(symbol) {
    if (symbol && symbol[0] !== "=" && !this.symbols.has(symbol)) { this.symbols.add(symbol); this.subscribe(); }
  }

  subscribe() {
    let fresh = [...this.symbols].filter((symbol) => !this.sent?.has(symbol));
    if (!this.venue || !fresh.length || this.socket?.readyState !== WebSocket.OPEN) return;
    if (this.sent.size + fresh.length > MAX_SYMBOLS) this.leave();
    fresh = fresh.slice(0, MAX_SYMBOLS - this.sent.size);
    if (!fresh.length) return;
    for (const symbol of fresh) this.sent.add(symbol);
    this.say({ op: "subscribe", venue: this.venue, channels: fresh.map((symbol) => `quotes:${symbol}`) });
  }

  // Make room: what the page has shown before and shows no more is not asked for any longer.
  leave() {
    const shown = new Set([...document.querySelectorAll("[data-live]")].map((cell) => cell.dataset.live));
    for (const cell of document.querySelectorAll("[data-holdings]"))
      for (const symbol of Object.keys(JSON.parse(cell.dataset.holdings || "{}"))) shown.add(symbol);
    const gone = [...this.sent].filter((symbol) => !shown.has(symbol));
    if (!gone.length) return;
    for (const symbol of gone) { this.sent.delete(symbol); this.symbols.delete(symbol); this.quotes.delete(symbol); }
    this.say({ op: "unsubscribe", venue: this.venue, channels: gone.map((symbol) => `quotes:${symbol}`) });
  }

  take(message) {
    if (message.venue && message.venue !== this.venue) return;
    if (message.ch === "quotes") {
      document.documentElement.dataset.stream = "up";
      const now = Date.now();
      const changed = new Set();
      for (const quote of message.d) {
        quote.seen = now - (quote.age_ms ?? 0);
        quote.observed = new Date(quote.observed_at).getTime();
        this.latency = quote.age_ms ?? this.latency;
        if (!(this.newest?.observed > quote.observed)) this.newest = quote;
        this.quotes.set(quote.symbol, quote);
        changed.add(quote.symbol);
        this.tell("quote", quote);
      }
      this.fresh = true;
      this.paint(changed);
    } else if (message.ch === "clock") {
      document.documentElement.dataset.stream = "up";
      this.clock = message.d[0];
      this.clockAt = Date.now();
      this.tell("clock", this.clock);
      this.paintClock();
    } else if (message.ch === "orders") {
      for (const event of message.d) this.tell("order", event);
    } else if (message.ch === "alerts") {
      for (const event of message.d) this.tell("alert", event);
    }
  }

  scanSoon() {
    if (this.scanning) return;
    this.scanning = setTimeout(() => { this.scanning = null; this.scan(); }, SCAN_MS);
  }

  scan() {
    for (const cell of document.querySelectorAll("[data-live]")) this.want(cell.dataset.live);
    for (const cell of document.querySelectorAll("[data-holdings]"))
      for (const symbol of Object.keys(JSON.parse(cell.dataset.holdings || "{}"))) this.want(symbol);
    this.paint(null);
    this.paintClock();
  }

  paint(changed) {
    for (const cell of document.querySelectorAll("[data-live]")) {
      if (changed && !changed.has(cell.dataset.live)) continue;
      const quote = this.quotes.get(cell.dataset.live);
      if (quote) this.write(cell, quote);
    }
    for (const cell of document.querySelectorAll("[data-holdings]")) this.total(cell);
  }

  write(cell, quote) {
    const last = Number(quote.last);
    const field = cell.dataset.field;
    const { qty, cost, base } = cell.dataset;
    const digits = decimalsOf(quote.symbol, last);
    if (field === "fresh") return this.freshness(cell, quote);
    if (field === "change" || field === "changepct") {
      if (quote.prev_close === null) return;
      const before = Number(quote.prev_close);
      const value = field === "change" ? last - before : ((last - before) / before) * 100;
      return this.put(cell, field === "change" ? signed(value, digits) : `${signed(value, 2)} %`, value, true);
    }
    if (field === "value") return this.put(cell, fixed(cents(Number(qty) * last), 2), Number(qty) * last);
    if (field === "pl") { const pl = cents(Number(qty) * last - Number(cost)); return this.put(cell, signed(pl, 2), pl, true); }
    if (field === "plpct") { const pl = ((Number(qty) * last - Number(cost)) / Math.abs(Number(cost))) * 100; return this.put(cell, signed(pl, 2) + " %", pl, true); }
    if (field === "daypl") { const pl = cents(Number(qty) * last - Number(base)); return this.put(cell, signed(pl, 2), pl, true); }
    if (field === "range") {
      if (!cell.dataset.low) return;
      if (cell.smSymbol !== quote.symbol || cell.smDay !== quote.prev_close) {
        const fresh = cell.smSymbol !== quote.symbol;
        Object.assign(cell, { smSymbol: quote.symbol, smDay: quote.prev_close, smLow: fresh ? +cell.dataset.low : last, smHigh: fresh ? +cell.dataset.high : last });
      }
      cell.smLow = Math.min(cell.smLow, last);
      cell.smHigh = Math.max(cell.smHigh, last);
      return this.put(cell, `${fixed(cell.smLow, digits)} – ${fixed(cell.smHigh, digits)}`, last);
    }
    const raw = quote[field];
    if (raw === null || raw === undefined) return this.put(cell, "–", 0);
    const size = field.endsWith("_size") || field === "volume";
    this.put(cell, fixed(Number(raw), size ? 0 : digits), Number(raw));
  }

  total(cell) {
    if (cell.dataset.cash === "") return;
    let value = Number(cell.dataset.cash || 0);
    for (const [symbol, held] of Object.entries(JSON.parse(cell.dataset.holdings || "{}"))) {
      const quote = this.quotes.get(symbol);
      value += quote ? cents(Number(held.qty) * Number(quote.last)) : Number(held.value);
    }
    const field = cell.dataset.total;
    if (field === "change") { const pl = cents(value - Number(cell.dataset.base)); this.put(cell, signed(pl, 2), pl, true); }
    else if (field === "changepct") { const pl = (value / Number(cell.dataset.base) - 1) * 100; this.put(cell, signed(pl, 2) + " %", pl, true); }
    else this.put(cell, fixed(cents(value), 2), value);
  }

  put(cell, text, value, colored = false) {
    if (colored) {
      cell.classList.toggle("up", value > 0);
      cell.classList.toggle("down", value < 0);
    }
    if (cell.textContent === text) return;
    const before = cell.smValue;
    cell.smValue = value;
    print(cell, text);
    if (before === undefined || before === value || cell.dataset.still !== undefined) return;
    const now = performance.now();
    if (now - (cell.smFlashed ?? 0) < FLASH_EVERY_MS) return;
    cell.smFlashed = now;
    this.flash(cell, value > before ? "flash-up" : "flash-down", now);
  }

  // On and off, each once: an animation would paint the whole page at every frame.
  flash(cell, name, now) {
    cell.classList.add(name);
    this.flashing.push([cell, name, now + FLASH_MS]);
    this.fading ??= setTimeout(() => this.fade(), FLASH_MS);
  }

  fade() {
    const now = performance.now() + 20; // what is due in a moment ends with what is due now
    while (this.flashing.length && this.flashing[0][2] <= now) {
      const [cell, name] = this.flashing.shift();
      cell.classList.remove(name);
    }
    this.fading = this.flashing.length ? setTimeout(() => this.fade(), this.flashing[0][2] - now + 20) : null;
  }

  // On the replay a quote is as old as its way to us; on the market of today as old as its source says.
  age(quote) {
    return this.venue === "market" ? Math.max(0, this.venueNow() - quote.observed) : Date.now() - quote.seen;
  }

  stateOf(symbol) { return this.venue === "market" ? stateOf(symbol, this.clock, this.venueNow()) : this.clock?.state; }

  venueNow() {
    return this.clock ? new Date(this.clock.venue_now).getTime() + Date.now() - this.clockAt : Date.now();
  }

  freshness(cell, quote) {
    const age = this.age(quote);
    const quiet = this.clock && this.stateOf(quote.symbol) !== "open";
    cell.dataset.fresh = quiet ? "live" : this.grade(age);
    const words = quiet ? "The market is closed: last price" : `${aged(age)} old`;
    cell.title = `${words} · ${quote.provider}`;
    cell.setAttribute("aria-label", cell.title);
  }

  grade(age) {
    const [delayed, stale] = this.venue === "market" ? [MARKET_DELAYED_MS, MARKET_STALE_MS] : [DELAYED_MS, STALE_MS];
    return age < delayed ? "live" : age < stale ? "delayed" : "stale";
  }

  beat() {
    for (const cell of document.querySelectorAll('[data-field="fresh"]')) {
      const quote = this.quotes.get(cell.dataset.live);
      if (quote) this.freshness(cell, quote);
    }
    const age = this.clockAt ? Date.now() - this.clockAt : null;
    const up = this.socket?.readyState === WebSocket.OPEN;
    for (const cell of document.querySelectorAll("[data-hours]")) {
      const words = this.venue === "market" && this.clock ? hoursOf(cell.dataset.hours, this.venueNow()) : "";
      if (cell.textContent !== words) print(cell, words);
    }
    this.set("[data-strip=connection]", up ? "Connected" : "Reconnecting …");
    const silent = age === null || age >= 5000;
    let [feed, grade] = [silent ? (age === null ? "Feed –" : `Feed silent for ${Math.round(age / 1000)} s`) : "Feed live", silent ? "delayed" : "live"];
    let latency = this.latency === null ? "" : `Quote age ${this.latency} ms`;
    if (this.venue === "market" && !silent) {
      const open = this.newest ? this.stateOf(this.newest.symbol) === "open" : this.clock.state === "open";
      const old = this.newest ? this.age(this.newest) : null;
      grade = !open ? "live" : old === null ? "delayed" : this.grade(old);
      feed = old === null ? "No price yet: no source has answered" : !open ? `Last prices from ${this.newest.provider}` : `Prices ${grade} · ${this.newest.provider}`;
      latency = old === null || !open ? "" : `Newest price ${aged(old)} old`;
    }
    const note = (!silent && this.clock.note) || "";
    if (note && grade === "live") grade = "delayed";
    this.set("[data-strip=feed]", feed);
    this.set("[data-strip=sources]", note);
    this.set("[data-strip=latency]", latency);
    for (const dot of document.querySelectorAll("[data-strip=dot]")) {
      dot.dataset.fresh = up ? grade : "stale";
      dot.title = up ? [feed, note, latency].filter(Boolean).join(" · ") : "Connection lost";
      dot.setAttribute("aria-label", dot.title);
    }
  }

  paintClock() {
    if (!this.clock) return;
    const clock = this.clock;
    const zone = { timeZone: "America/New_York" };
    const now = new Date(clock.venue_now);
    const day = now.toLocaleDateString("en-US", { ...zone, year: "numeric", month: "short", day: "numeric" });
    const time = now.toLocaleTimeString("en-US", { ...zone, hour12: false });
    const at = (text) => {
      if (!text) return "";
      const then = new Date(text);
      const time = then.toLocaleTimeString("en-US", { ...zone, hour: "2-digit", minute: "2-digit", hour12: false });
      const far = this.venue === "market" && then - now > 86_400_000;
      return far ? `${then.toLocaleDateString("en-US", { ...zone, weekday: "short" })} ${time}` : time;
    };
    const words = {
      open: `Open · closes ${at(clock.next_close)} ET`,
      pre: `Opens ${at(clock.next_open)} ET`,
      closed: `Closed · opens ${at(clock.next_open)} ET`,
      ended: "End of data",
    }[clock.state];
    this.set("[data-clock=time]", `${time} ET`);
    this.set("[data-clock=state]", clock.paused ? "Paused" : words);
    this.set("[data-clock=date]", day);
    this.set("[data-clock=short]", clock.state === "open" ? "open" : "closed");
    this.set("[data-clock=speed]", clock.paused ? " · paused" : ` · ${clock.speed}×`);
    const next = clock.state === "open" ? clock.next_close : clock.next_open;
    if (!next) return;
    const here = new Date(next).toLocaleTimeString("en-US", { hour: "2-digit", minute: "2-digit", hour12: false });
    const mins = Math.ceil((new Date(next) - now) / 60_000 / clock.speed);
    const wait = clock.paused ? "the clock is paused" : `in about ${mins} min on your own clock`;
    for (const node of document.querySelectorAll(".clock"))
      node.title = `${clock.state === "open" ? "Closes" : "Opens"} ${at(next)} in New York, ${here} in your time zone; ${wait}`;
  }

  set(selector, text) {
    for (const node of document.querySelectorAll(selector)) if (node.textContent !== text) print(node, text);
  }
}

function stream() {
  if (!window.starkmatterStream) window.starkmatterStream = new Stream();
  return window.starkmatterStream;
}

const GO = { d: "/", m: "/markets", t: "/trade/AAPL", p: "/portfolio", o: "/orders", l: "/alerts", s: "/settings", a: "/assistant", n: "/news" };
const GO_WITHIN_MS = 1_200;
const onPhone = () => matchMedia("(max-width: 760px)").matches;
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

const MARK = "LIVE · ";

// The window's title says so too while an account of real money is shown, whoever else sets it.
function markTitle(live) {
  const wanted = () => {
    const bare = document.title.startsWith(MARK) ? document.title.slice(MARK.length) : document.title;
    const title = live ? MARK + bare : bare;
    if (title !== document.title) document.title = title;
  };
  wanted();
  const watch = new MutationObserver(wanted);
  watch.observe(document.head, { childList: true, subtree: true, characterData: true });
  return () => watch.disconnect();
}

export function LiveRoot({ venue, live, onOrder, onAlert, onPulse, steady, onKey, theme, swap }) {
  useEffect(() => {
    if (theme) {
      localStorage.setItem("sm-theme", theme);
      localStorage.setItem("sm-swap", String(swap));
      window.starkmatterTheme?.();
    }
  }, [theme, swap]);
  useEffect(() => stream().show(venue), [venue]);
  useEffect(() => markTitle(live === "yes"), [live]);
  useEffect(() => {
    const live = stream();
    live.show(venue);
    live.start();
    sessionStorage.setItem("sm-last", location.pathname + location.search);
    let waiting = null;
    const forget = live.listen("order", (event) => {
      const bits = [event.side, event.filled_qty, event.symbol].filter(Boolean).join(" ");
      const what = event.status === "filled" || event.status === "partial" ? `${event.status === "filled" ? "Filled" : "Part filled"}: ${bits}${event.price ? ` at ${event.price}` : ""}` : null;
      if (what) toast(what);
      clearTimeout(waiting);
      waiting = setTimeout(() => onOrder?.(), 60);
    });
    const deaf = live.listen("alert", (event) => {
      toast(event.price ? `Alert: ${event.words} (last ${event.price})` : event.words);
      onAlert?.();
    });
    let asked = 0;
    const keys = (event) => {
      const combo = (event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k";
      if (combo || (event.key === "/" && !typing(event.target))) { event.preventDefault(); onKey?.("palette"); return; }
      if (event.key === "Escape") {
        for (const open of document.querySelectorAll("details.menu[open]")) open.open = false;
        (document.querySelector(".veil") ?? document.querySelector(".sheet[data-open=true] [data-close]"))?.click();
        return;
      }
      if (event.key.startsWith("Arrow") && event.target.closest?.(".palette")) { walk(event); return; }
      if (typing(event.target) || event.metaKey || event.ctrlKey || event.altKey) return;
      const went = performance.now() - asked < GO_WITHIN_MS && GO[event.key];
      asked = event.key === "g" ? performance.now() : 0;
      if (went) { document.querySelector(`.rail a[href="${went}"], .rail a[href="${went}/"]`)?.click(); return; }
      if (event.key === "?") onKey?.("keys");
      if (event.key.toLowerCase() === "b" || event.key.toLowerCase() === "s")
        document.querySelector(`[data-key=${event.key.toLowerCase() === "b" ? "buy" : "sell"}]`)?.click();
      if (event.key.startsWith("Arrow")) move(event);
    };
    const outside = (event) => {
      for (const open of document.querySelectorAll("details.menu[open]"))
        if (!open.contains(event.target) || event.target.closest(".list button, .list a")) open.open = false;
    };
    document.addEventListener("keydown", keys);
    document.addEventListener("click", outside);
    const release = holdFocus();
    const pulse = setInterval(() => {
      if (onPulse && (steady || live.fresh) && document.visibilityState === "visible") { live.fresh = false; onPulse(); }
    }, PULSE_MS);
    return () => {
      forget();
      deaf();
      release();
      clearInterval(pulse);
      live.stop();
      document.removeEventListener("keydown", keys);
      document.removeEventListener("click", outside);
    };
  }, []);
  return null;
}

// What opens over the page gets the focus, keeps it while it is open and gives it back.
function holdFocus() {
  let held = null, before = null;
  const stops = () => [...held.querySelectorAll("a[href], button, input, select, [tabindex='0']")]
    .filter((one) => !one.disabled && one.offsetParent !== null);
  const look = () => {
    const open = document.querySelector(".veil .dialog") ?? (onPhone() ? document.querySelector(".sheet[data-open=true]") : null);
    if (open === held) return;
    if (open) {
      if (!held) before = document.activeElement;
      held = open;
      (open.querySelector("input[type=search], [data-first]") ?? stops()[0])?.focus();
    } else {
      held = null;
      if (before?.isConnected) before.focus({ preventScroll: true });
    }
  };
  const keep = (event) => {
    if (event.key !== "Tab" || !held) return;
    const all = stops();
    const edge = event.shiftKey ? all[0] : all.at(-1);
    if (document.activeElement !== edge && held.contains(document.activeElement)) return;
    event.preventDefault();
    (event.shiftKey ? all.at(-1) : all[0])?.focus();
  };
  const observer = new MutationObserver(look);
  observer.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-open"] });
  document.addEventListener("keydown", keep);
  return () => { observer.disconnect(); document.removeEventListener("keydown", keep); };
}

function walk(event) {
  const stops = [...document.querySelectorAll(".palette input, .palette a")];
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (!step) return;
  event.preventDefault();
  stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length]?.focus();
}

function move(event) {
  const links = [...document.querySelectorAll("table.data tbody a, table.data tbody button")];
  const at = links.indexOf(document.activeElement);
  if (at < 0) return;
  const row = document.activeElement.closest("tr");
  const next = event.key === "ArrowDown" ? row.nextElementSibling : event.key === "ArrowUp" ? row.previousElementSibling : null;
  const target = next?.querySelector("a, button");
  if (target) { event.preventDefault(); target.focus(); }
}

function toast(text) {
  let host = document.querySelector(".toasts");
  if (!host) {
    host = document.createElement("div");
    host.className = "toasts";
    host.setAttribute("role", "status");
    host.setAttribute("aria-live", "polite");
    document.body.append(host);
  }
  const note = document.createElement("div");
  note.className = "toast";
  note.textContent = text;
  host.append(note);
  setTimeout(() => note.remove(), 5000);
}
