// Own resting orders as lines on the price. Dragging one sends nothing: it asks the page for the ticket with that price.
const REACH_PX = 7;

export class OrderLines {
  constructor(view, onMove) {
    this.view = view;
    this.onMove = onMove;
    this.orders = [];
    this.drawn = [];
    view.grabbers.push(this);
  }

  show(orders) {
    this.orders = orders ?? [];
    this.draw();
  }

  draw() {
    const { main, look } = this.view;
    for (const { line, on } of this.drawn) if (on === main) on.removePriceLine(line);
    this.drawn = this.orders.map((order) => ({
      order, on: main,
      line: main.createPriceLine({
        price: +order.price, title: order.title, color: order.side === "buy" ? look.buy : look.sell, lineWidth: 1,
        lineStyle: 2, axisLabelVisible: true,
      }),
    }));
  }

  grab(x, y) {
    for (const one of this.drawn) {
      const at = this.view.main.priceToCoordinate(+one.order.price);
      if (one.order.id && at !== null && Math.abs(at - y) <= REACH_PX) return { one, from: y, cursor: "ns-resize" };
    }
    return null;
  }

  priceAt(held, y) {
    const found = this.view.main.coordinateToPrice(y);
    const tick = Math.abs(found) < 1 ? 1e4 : 1e2;
    return Math.max(Math.round(found * tick) / tick, 1 / tick);
  }

  drag(held, x, y) {
    held.price = this.priceAt(held, y);
    held.one.line.applyOptions({ price: held.price, lineStyle: 0 });
  }

  drop(held, x, y) {
    const moved = held.price !== undefined && Math.abs(y - held.from) > 2 && held.price !== +held.one.order.price;
    held.one.line.applyOptions({ price: +held.one.order.price, lineStyle: 2 });
    if (moved) this.onMove(held.one.order.id, String(held.price));
  }

  letGo(held) { held.one.line.applyOptions({ price: +held.one.order.price, lineStyle: 2 }); }
}
