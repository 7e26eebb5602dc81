// Other symbols on the same chart: lines that tell how each moved.
import { LineSeries } from "lightweight-charts";
import { MOST, isDaily, loadBars, shown } from "./chartbars.js";

export class Compared {
  constructor(view) {
    this.view = view;
    this.list = [];
  }

  show(symbols) {
    const { view } = this;
    for (const one of this.list.filter((kept) => !symbols.includes(kept.symbol))) view.chart.removeSeries(one.series);
    const kept = new Map(this.list.map((one) => [one.symbol, one]));
    this.list = symbols.map((symbol) => kept.get(symbol) ?? {
      symbol, bars: new Map(),
      series: view.chart.addSeries(LineSeries, { lineWidth: 2, priceLineVisible: false, title: symbol }),
    });
    this.paint();
    view.rescale();
    for (const one of this.list) if (!kept.has(one.symbol)) this.readOne(one, view.bars.length);
  }

  paint() { this.list.forEach((one, i) => one.series.applyOptions({ color: this.view.inkOf(i) })); }

  read(limit = this.view.bars.length) { return Promise.all(this.list.map((one) => this.readOne(one, limit))); }

  async readOne(one, limit) {
    const { view } = this;
    if (!view.bars.length) return;
    const turn = view.turn;
    try {
      for (let left = limit, end = null; left > 0; left -= MOST) {
        const bars = await loadBars({ ...view.ask, symbol: one.symbol }, Math.min(left, MOST), end);
        if (turn !== view.turn || !bars.length) break;
        // On the clock of the chart's own symbol: coins keep another.
        for (const bar of bars) one.bars.set(isDaily(view.ask.interval) ? bar.time : shown(bar.starts, view.ask.interval, view.ask.symbol), bar.close);
        end = bars[0].starts;
      }
      one.problem = one.bars.size ? "" : "no bars";
    } catch (error) { one.problem = error.message; }
    if (turn !== view.turn || !this.list.includes(one)) return;
    // Only where the chart's own symbol has a bar: another exchange's hours would stretch the time axis.
    const common = view.bars.filter((bar) => one.bars.has(bar.time));
    if (one.bars.size && !common.length) one.problem = "no bars at the same times";
    one.series.setData(common.map(({ time }) => ({ time, value: one.bars.get(time) })));
    view.say();
  }
}
