// Drawings on the chart: made and moved with the pointer, kept over REST per person and symbol. Loaded when first used.
import { instantOf, placeOf, instant, seconds } from "./chartbars.js";
import { faint, price, shade } from "./chartlooks.js";
import { ask } from "./rest.js";

const POINTS = { trend: 2, horizontal: 1, fibonacci: 2, rectangle: 2, text: 1 };
const LEVELS = [0, 0.236, 0.382, 0.5, 0.618, 0.786, 1];
const REACH_PX = 7;
const HANDLE_PX = 9;
export const NAMES = { trend: "Trend line", horizontal: "Horizontal line", fibonacci: "Fibonacci retracement", rectangle: "Rectangle", text: "Text" };

const distance = (x, y, a, b) => {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const part = length ? Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / length)) : 0;
  return Math.hypot(x - a.x - part * dx, y - a.y - part * dy);
};

export class Drawings {
  constructor(view, tell) {
    Object.assign(this, { view, tell, items: [], tool: null, making: null, chosen: null, of: "" });
    const renderer = { draw: (target) => this.paint(target) };
    this.views = [{ zOrder: () => "top", renderer: () => renderer }];
    view.drawings = this;
    view.grabbers.push(this);
    view.main.attachPrimitive(this);
  }

  attached({ requestUpdate }) { this.update = requestUpdate; }
  paneViews() { return this.views; }
  changed() { this.update?.(); this.tell.changed(); }

  async load({ symbol, venue }) {
    const of = `${venue}/${symbol}`;
    if (of === this.of) return;
    Object.assign(this, { of, items: [], chosen: null, making: null });
    const answer = await ask(`/api/v1/chart/drawings?${new URLSearchParams({ symbol, venue })}`, { method: "GET" });
    if (of !== this.of) return;
    if (!answer.ok) this.tell.problem(answer.problem);
    this.items = (answer.told.items ?? []).map((one) => this.read(one));
    this.changed();
  }

  read(row) {
    return { id: row.id, kind: row.kind, color: row.color, width: row.width, words: row.words, points: row.points.map((one) => ({ at: seconds(one.at), price: +one.price })) };
  }

  // --- places ---------------------------------------------------------------------------------------------------------

  xy(point) {
    const { view } = this;
    const place = placeOf(view.bars, point.at, view.ask.interval);
    const x = place === null ? null : view.xOf(place);
    const y = view.main.priceToCoordinate(point.price);
    return x === null || y === null ? null : { x, y };
  }

  pointAt(x, y) {
    const { view } = this;
    const place = view.chart.timeScale().coordinateToLogical(x);
    return { at: instantOf(view.bars, place, view.ask.interval), price: view.main.coordinateToPrice(y) };
  }

  // --- tools ----------------------------------------------------------------------------------------------------------

  use(tool) {
    this.tool = tool;
    this.making = null;
    this.chosen = null;
    this.changed();
  }

  escape() {
    if (this.making || this.tool) { this.use(null); return true; }
    if (this.chosen) { this.chosen = null; this.changed(); return true; }
    return false;
  }

  grab(x, y, event) {
    if (!this.view.bars.length) return null;
    if (this.tool) {
      if (!event) return { cursor: "crosshair" };
      if (!this.making) this.making = { kind: this.tool, color: "accent", width: 2, words: "", points: [this.pointAt(x, y)], from: { x, y } };
      return { make: this.making, cursor: "crosshair" };
    }
    for (const item of [...this.items].reverse()) {
      const part = this.touched(item, x, y);
      if (part !== null) {
        if (event) { this.chosen = item; this.changed(); }
        return { item, part, from: this.pointAt(x, y), before: item.points.map((one) => ({ ...one })), cursor: part < 0 ? "move" : "grab" };
      }
    }
    if (event && this.chosen) { this.chosen = null; this.changed(); }
    return null;
  }

  // The index of the touched end, -1 for the drawing as a whole, null when it is elsewhere.
  touched(item, x, y) {
    const ends = item.points.map((one) => this.xy(one));
    if (ends.some((one) => one === null)) return null;
    const reach = REACH_PX + item.width / 2;
    if (item.kind !== "horizontal" && item.kind !== "text") {
      const end = ends.findIndex((one) => Math.hypot(one.x - x, one.y - y) <= HANDLE_PX);
      if (end >= 0) return end;
    }
    const [a, b] = ends;
    if (item.kind === "horizontal") return Math.abs(a.y - y) <= reach ? -1 : null;
    if (item.kind === "trend") return distance(x, y, a, b) <= reach ? -1 : null;
    if (item.kind === "text") return item.box && x >= item.box.x && x <= item.box.x + item.box.w && y >= item.box.y && y <= item.box.y + item.box.h ? -1 : null;
    const [left, right, top, bottom] = [Math.min(a.x, b.x), Math.max(a.x, b.x), Math.min(a.y, b.y), Math.max(a.y, b.y)];
    if (item.kind === "fibonacci")
      return x >= left - reach && x <= right + reach && LEVELS.some((level) => Math.abs(b.y + (a.y - b.y) * level - y) <= reach) ? -1 : null;
    const inside = x >= left - reach && x <= right + reach && y >= top - reach && y <= bottom + reach;
    const deep = x > left + reach && x < right - reach && y > top + reach && y < bottom - reach;
    return inside && !deep ? -1 : null;
  }

  hover(x, y) {
    if (!this.making || this.making.points.length < 1 || POINTS[this.making.kind] < 2) return;
    this.making.points[1] = this.pointAt(x, y);
    this.update?.();
  }

  drag(held, x, y) {
    if (held.make) { this.hover(x, y); return; }
    const { item, part } = held;
    const to = this.pointAt(x, y);
    if (part >= 0) item.points[part] = to;
    else {
      const [by, steps] = [to.price - held.from.price, to.at - held.from.at];
      item.points = held.before.map((one) => ({ at: one.at + steps, price: one.price + by }));
    }
    this.update?.();
  }

  drop(held, x, y) {
    if (!held.make) {
      if (held.item.points.some((one, i) => one.at !== held.before[i].at || one.price !== held.before[i].price)) this.save(held.item, held.before);
      return;
    }
    const made = held.make;
    if (POINTS[made.kind] === 1) { made.points = [this.pointAt(x, y)]; this.finish(made); return; }
    if (Math.hypot(x - made.from.x, y - made.from.y) > 8) { made.points[1] = this.pointAt(x, y); this.finish(made); }
    else made.from = { x: -99, y: -99 }; // a click begins it, the next one ends it
  }

  letGo(held) {
    if (held.before) held.item.points = held.before;
    this.changed();
  }

  // --- keeping --------------------------------------------------------------------------------------------------------

  async finish(made) {
    this.tool = this.making = null;
    if (made.kind === "text") {
      made.words = await this.tell.words(this.xy(made.points[0]));
      if (!made.words) { this.changed(); return; }
    }
    const item = { ...made, id: null };
    this.items.push(item);
    this.chosen = item;
    this.changed();
    const { symbol, venue } = this.view.ask;
    const answer = await ask("/api/v1/chart/drawings", { body: { venue, symbol, kind: item.kind, ...this.told(item) } });
    if (answer.ok) item.id = answer.told.id;
    else { this.items = this.items.filter((one) => one !== item); this.chosen = null; this.tell.problem(answer.problem); }
    this.changed();
  }

  told(item) {
    const figure = (value) => Number(value.toPrecision(12)).toFixed(Math.abs(value) < 1 ? 8 : 4);
    return { points: item.points.map((one) => ({ at: instant(one.at), price: figure(one.price) })), color: item.color, width: item.width, words: item.words };
  }

  async save(item, before) {
    this.changed();
    const answer = item.id ? await ask(`/api/v1/chart/drawings/${item.id}`, { method: "PATCH", body: this.told(item) }) : { ok: true };
    if (!answer.ok) { if (before) item.points = before; this.tell.problem(answer.problem); this.changed(); }
  }

  dress(item, change) { Object.assign(item, change); this.save(item, null); }

  async remove(item = this.chosen) {
    if (!item) return false;
    this.items = this.items.filter((one) => one !== item);
    this.chosen = null;
    this.changed();
    const answer = item.id ? await ask(`/api/v1/chart/drawings/${item.id}`, { method: "DELETE" }) : { ok: true };
    if (!answer.ok && answer.status !== 404) { this.items.push(item); this.tell.problem(answer.problem); this.changed(); }
    return true;
  }

  // --- painting -------------------------------------------------------------------------------------------------------

  paint(target) {
    if (!this.view.bars.length) return;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      context.save();
      context.font = "12px Inter, sans-serif";
      for (const item of [...this.items, ...(this.making ? [this.making] : [])]) this.one(context, item, mediaSize);
      context.restore();
    });
  }

  one(context, item, size) {
    const ends = item.points.map((one) => this.xy(one));
    if (!ends.length || ends.some((one) => one === null)) return;
    const paint = shade(this.view.look, item.color);
    context.strokeStyle = context.fillStyle = paint;
    context.lineWidth = item.width;
    const [a, b] = ends;
    const line = (x1, y1, x2, y2) => { context.beginPath(); context.moveTo(x1, y1); context.lineTo(x2, y2); context.stroke(); };
    if (item.kind === "horizontal") { line(0, a.y, size.width, a.y); context.fillText(price(item.points[0].price, this.view.ask?.symbol), 6, a.y - 5); }
    else if (item.kind === "text") {
      const w = context.measureText(item.words).width;
      item.box = { x: a.x - 4, y: a.y - 18, w: w + 12, h: 24 };
      context.fillStyle = faint(this.view.look.back, 0.85);
      context.fillRect(item.box.x, item.box.y, item.box.w, item.box.h);
      context.fillStyle = paint;
      context.fillText(item.words, a.x + 2, a.y - 2);
    } else if (b && item.kind === "trend") line(a.x, a.y, b.x, b.y);
    else if (b && item.kind === "rectangle") {
      context.fillStyle = faint(paint, 0.12);
      context.fillRect(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(b.x - a.x), Math.abs(b.y - a.y));
      context.strokeRect(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(b.x - a.x), Math.abs(b.y - a.y));
    } else if (b) this.fibonacci(context, item, a, b, paint, line);
    if (item === this.chosen || item === this.making)
      for (const end of ends) {
        context.beginPath();
        context.arc(item.kind === "horizontal" ? size.width / 2 : end.x, end.y, 4.5, 0, 7);
        context.fillStyle = this.view.look.back;
        context.fill();
        context.lineWidth = 2;
        context.strokeStyle = paint;
        context.stroke();
      }
  }

  // From the second point (0) back to the first (1), as retracements are counted.
  fibonacci(context, item, a, b, paint, line) {
    const [left, right] = [Math.min(a.x, b.x), Math.max(a.x, b.x)];
    const [from, to] = item.points;
    context.lineWidth = Math.max(1, item.width - 1);
    for (const level of LEVELS) {
      const y = b.y + (a.y - b.y) * level;
      context.globalAlpha = level === 0 || level === 1 || level === 0.5 || level === 0.618 ? 1 : 0.65;
      line(left, y, right, y);
      context.fillText(`${level}  ${price(to.price + (from.price - to.price) * level, this.view.ask?.symbol)}`, left + 4, y - 4);
    }
    context.globalAlpha = 0.45;
    context.setLineDash([4, 4]);
    line(a.x, a.y, b.x, b.y);
    context.setLineDash([]);
    context.globalAlpha = 1;
  }
}
