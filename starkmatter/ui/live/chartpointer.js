// The pointer over the chart: what can be grabbed there (drawings, order lines) comes before moving the chart itself.
export class Pointer {
  constructor(view) {
    this.view = view;
    this.held = null;
    const on = (name, handle, options) => view.host.addEventListener(name, handle, { capture: true, ...options });
    const off = new AbortController();
    this.close = () => off.abort();
    on("pointerdown", (event) => this.down(event), { signal: off.signal });
    on("pointermove", (event) => this.move(event), { signal: off.signal });
    on("pointerup", (event) => this.up(event), { signal: off.signal });
    on("pointercancel", () => this.cancel(), { signal: off.signal });
    // Keeps a finger that holds something from scrolling the page.
    on("touchstart", (event) => { if (this.held && event.cancelable) event.preventDefault(); }, { signal: off.signal, passive: false });
  }

  // Within the price's own pane; the axes belong to the chart.
  place(event) {
    const box = this.view.host.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const pane = this.view.chart.panes()[0];
    const inside = x >= 0 && y >= 0 && y < pane.getHeight() && x < this.view.chart.timeScale().width();
    return { x, y, inside };
  }

  find(x, y, event) {
    for (const grabber of [...this.view.grabbers].reverse()) {
      const held = grabber.grab(x, y, event);
      if (held) return { grabber, held };
    }
    return null;
  }

  down(event) {
    if (event.button !== 0) return;
    const { x, y, inside } = this.place(event);
    if (!inside) return;
    this.held = this.find(x, y, event);
    if (!this.held) return;
    this.freeze(true);
    this.view.host.setPointerCapture?.(event.pointerId);
    event.preventDefault();
    this.view.host.focus({ preventScroll: true });
  }

  move(event) {
    const { x, y, inside } = this.place(event);
    if (this.held) { this.held.grabber.drag(this.held.held, x, y); return; }
    if (event.pointerType === "mouse") {
      for (const grabber of this.view.grabbers) grabber.hover?.(x, y);
      this.view.host.style.cursor = (inside && this.view.drawings?.tool && "crosshair") || (inside && this.find(x, y, null)?.held.cursor) || "";
    }
  }

  up(event) {
    if (!this.held) return;
    const { x, y } = this.place(event);
    const { grabber, held } = this.held;
    this.held = null;
    this.freeze(false);
    grabber.drop(held, x, y);
  }

  cancel() {
    if (!this.held) return;
    this.held.grabber.letGo?.(this.held.held);
    this.held = null;
    this.freeze(false);
  }

  freeze(held) { this.view.chart.applyOptions({ handleScroll: held ? false : { mouseWheel: true, pressedMouseMove: true, horzTouchDrag: true, vertTouchDrag: false }, handleScale: !held }); }
}
