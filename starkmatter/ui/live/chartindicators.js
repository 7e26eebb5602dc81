// Indicator lines, on the price or in panes of their own: history from REST, the newest two bars asked for again and again.
import { HistogramSeries, LineSeries } from "lightweight-charts";
import { MOST, loadIndicators } from "./chartbars.js";
import { digitsOf, faint, figure } from "./chartlooks.js";

export class Indicators {
  constructor(view, onChange) {
    this.view = view;
    this.onChange = onChange;
    this.names = [];
    this.shown = [];
    this.asked = 0;
  }

  // The short forms, such as "macd:12:26:9", in the order they are drawn.
  async show(names) {
    this.names = names;
    await this.reload();
  }

  async reload() {
    const { ask, bars } = this.view;
    const turn = ++this.asked;
    if (!this.names.length || !bars.length || !ask) { this.clear(); this.onChange(); return; }
    try {
      const parts = [];
      for (let left = bars.length, end = null; left > 0; left -= MOST) {
        const part = await loadIndicators(ask, this.names, Math.min(left, MOST), end);
        if (turn !== this.asked) return;
        parts.unshift(part);
        if (!part.starts.length) break;
        end = part.starts[0];
      }
      this.build(parts);
      this.problem = "";
    } catch (error) {
      if (turn !== this.asked) return;
      this.clear();
      this.problem = error.message;
    }
    this.onChange();
  }

  // Older bars have come before those that are drawn.
  async extend(count, end) {
    if (!this.shown.length) return;
    const turn = this.asked;
    for (let left = count; left > 0; left -= MOST) {
      const part = await loadIndicators(this.view.ask, this.names, Math.min(left, MOST), end);
      if (turn !== this.asked || !part.starts.length) return;
      this.keep(part);
      end = part.starts[0];
    }
    this.draw();
  }

  async follow(limit = 2) {
    if (!this.shown.length) return;
    const turn = this.asked;
    const part = await loadIndicators(this.view.ask, this.names, limit);
    if (turn !== this.asked) return;
    const last = this.view.bars.at(-1), before = [...this.lines()].map((line) => new Map(part.starts.map((starts) => [starts, line.values.get(starts)])));
    this.keep(part);
    if (limit > 2) this.draw();
    else
      for (const bar of this.view.bars.slice(-2))
        for (const [i, line] of [...this.lines()].entries()) {
          // What stands already stays: a change of any but the newest point has the library go through all of them.
          if (line.values.get(bar.starts) === before[i].get(bar.starts)) continue;
          const point = this.pointOf(line, bar);
          try { line.series.update(point, bar !== last); } catch { line.series.setData(this.pointsOf(line)); }
        }
    this.onChange();
  }

  * lines() { for (const one of this.shown) yield* one.lines; }

  keep(part) {
    part.items.forEach((item, i) => item.lines.forEach((line, j) => {
      const values = this.shown[i]?.lines[j]?.values;
      if (values) part.starts.forEach((starts, k) => values.set(starts, line.values[k]));
    }));
  }

  clear() {
    for (const line of this.lines()) this.view.chart.removeSeries(line.series);
    this.shown = [];
  }

  build(parts) {
    this.clear();
    const { chart, look, relative } = this.view;
    let pane = 0, ink = 0;
    for (const item of parts.at(-1).items) {
      const own = item.pane === "own";
      if (own) pane += 1;
      const one = { name: item.name, title: item.title, unit: item.unit, own, pane: own ? pane : 0, lines: [] };
      const band = item.lines.some((line) => line.id === "upper");
      if (band) ink += 1;
      for (const line of item.lines) {
        const paint = look.inks[(band ? ink - 1 : ink++) % look.inks.length];
        const seen = own || !relative;
        const common = { lastValueVisible: own, priceLineVisible: false, visible: seen, color: paint };
        const last = line.values.findLast((value) => value !== null) ?? 1;
        const digits = digitsOf(last, item.unit === "price" ? this.view.ask?.symbol : "");
        const format = item.unit === "shares" ? { type: "volume" } : { type: "price", precision: digits, minMove: 10 ** -digits };
        const series = line.drawn === "histogram"
          ? chart.addSeries(HistogramSeries, { ...common, priceFormat: format }, one.pane)
          : chart.addSeries(LineSeries, {
            ...common, priceFormat: format, lineWidth: own ? 1 : 2, crosshairMarkerRadius: 3,
            ...(line.drawn === "dots" ? { lineVisible: false, pointMarkersVisible: true, pointMarkersRadius: 1.5 } : {}),
          }, one.pane);
        one.lines.push({ id: line.id, title: line.title, drawn: line.drawn, unit: item.unit, color: paint, seen, series, values: new Map() });
      }
      for (const level of item.levels)
        if (own) one.lines[0].series.createPriceLine({ price: level, color: faint(look.text, 0.5), lineWidth: 1, lineStyle: 2, axisLabelVisible: false, title: "" });
      this.shown.push(one);
    }
    for (const part of parts) this.keep(part);
    this.draw();
    this.view.scalePanes();
    chart.panes().forEach((one, index) => one.setStretchFactor(index ? 1 : Math.max(3, 4 - pane / 2)));
  }

  pointOf(line, bar) {
    const value = line.values.get(bar.starts);
    if (value === null || value === undefined) return { time: bar.time };
    if (line.drawn !== "histogram") return { time: bar.time, value };
    return { time: bar.time, value, color: faint(value >= 0 ? this.view.look.up : this.view.look.down, 0.6) };
  }

  pointsOf(line) { return this.view.bars.map((bar) => this.pointOf(line, bar)); }

  draw() { for (const line of this.lines()) line.series.setData(this.pointsOf(line)); }

  // Values at a bar, for the legend and the table.
  at(starts) {
    return this.shown.flatMap((one) => one.lines.map((line) => ({
      key: `${one.name}/${line.id}`, title: line.title, color: line.color, text: line.seen ? figure(line.values.get(starts), line.unit, this.view.ask?.symbol) : "not on this scale",
    })));
  }
}
