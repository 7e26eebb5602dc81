// Own fills, news and corporate events as marks on the bars they fell into.
import { indexAt, loadEvents, seconds } from "./chartbars.js";

const LETTERS = { news: "N", dividend: "D", split: "S", earnings: "E" };

export class Events {
  constructor(view) {
    this.view = view;
    this.list = [];
    this.notes = new Map();
  }

  async read() {
    const { view } = this;
    const turn = view.turn;
    const found = !view.options.events || !view.bars.length ? [] : await loadEvents(view.ask, view.bars[0].starts).catch(() => this.list);
    if (turn !== view.turn) return;
    this.list = found;
    this.mark();
    view.tell.loaded();
  }

  // One mark for all news of a bar; each own fill has its own.
  mark() {
    const { bars, look, markers } = this.view;
    const drawn = [], others = new Map();
    this.notes = new Map();
    for (const event of this.list) {
      const bar = bars[indexAt(bars, seconds(event.at))];
      if (!bar) continue;
      this.notes.set(bar.time, [...(this.notes.get(bar.time) ?? []), event.title]);
      if (event.kind === "fill") {
        const bought = event.side === "buy";
        drawn.push({ time: bar.time, position: bought ? "belowBar" : "aboveBar", shape: bought ? "arrowUp" : "arrowDown", color: bought ? look.buy : look.sell, text: event.qty ?? "" });
      } else others.set(bar.time, new Set([...(others.get(bar.time) ?? []), LETTERS[event.kind] ?? ""]));
    }
    for (const [time, letters] of others)
      drawn.push({ time, position: "aboveBar", shape: "circle", size: 0.6, color: look.amber, text: [...letters].join("") });
    markers.setMarkers(drawn.sort((a, b) => a.time - b.time));
  }
}
