// What is painted behind the candles: every other session a little darker, so that days are told apart at a glance.
import { isDaily } from "./chartbars.js";
import { shiftOf } from "./symbols.js";

export class SessionShade {
  constructor(view) {
    this.view = view;
    this.on = true;
    this.days = [];
    const renderer = { draw: () => {}, drawBackground: (target) => this.paint(target) };
    this.views = [{ zOrder: () => "bottom", renderer: () => renderer }];
  }

  attached({ requestUpdate }) { this.update = requestUpdate; }
  paneViews() { return this.on ? this.views : []; }

  // First index of each session, oldest first.
  count(bars, ask) {
    this.days = [];
    if (ask && !isDaily(ask.interval))
      for (let i = 0, day = null; i < bars.length; i++) {
        const of = Math.floor((bars[i].time + shiftOf(ask.symbol)) / 86400);
        if (of !== day) { this.days.push([i, of]); day = of; }
      }
    this.update?.();
  }

  paint(target) {
    const { chart, bars, look } = this.view;
    const scale = chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range || this.days.length < 2) return;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      context.fillStyle = look.shade;
      for (let i = 0; i < this.days.length; i++) {
        const [first, day] = this.days[i];
        const after = this.days[i + 1]?.[0] ?? bars.length;
        if (after < range.from || first > range.to || day % 2) continue;
        const left = this.view.xOf(first - 0.5), right = this.view.xOf(after - 0.5);
        context.fillRect(left, 0, right - left, mediaSize.height);
      }
    });
  }
}
