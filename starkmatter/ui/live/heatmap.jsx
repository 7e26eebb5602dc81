// The map of the market: a tile for each symbol, placed for the room there is, colored by the newest prices.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Link } from "react-router";

// Bruls, Huizing and van Wijk, "Squarified treemaps" (2000): rows along the shorter side while their worst shape improves.
function squarify(parts, x, y, width, height) {
  const total = parts.reduce((sum, part) => sum + part.size, 0);
  if (!parts.length || total <= 0 || width <= 0 || height <= 0) return [];
  const scaled = parts.map((part) => ({ part, area: (part.size / total) * width * height }));
  const placed = [];
  let [left, top, wide, high] = [x, y, width, height];
  const worst = (row, sum, side) => row.reduce((most, one) => Math.max(most, (side * side * one.area) / (sum * sum), (sum * sum) / (side * side * one.area)), 0);
  let row = [], sum = 0;
  const lay = () => {
    const along = wide < high;
    const depth = sum / (along ? wide : high);
    let at = along ? left : top;
    for (const { part, area } of row) {
      const length = area / depth;
      placed.push(along ? { part, x: at, y: top, w: length, h: depth } : { part, x: left, y: at, w: depth, h: length });
      at += length;
    }
    if (along) { top += depth; high -= depth; } else { left += depth; wide -= depth; }
    row = [];
    sum = 0;
  };
  for (const one of scaled) {
    const side = Math.min(wide, high);
    if (row.length && worst([...row, one], sum + one.area, side) > worst(row, sum, side)) lay();
    row.push(one);
    sum += one.area;
  }
  if (row.length) lay();
  return placed;
}

const STEPS = [0.25, 1, 2, 3.5];
const HEAD_PX = 18;
const tint = (pct) => {
  if (pct === null) return "";
  const step = STEPS.filter((least) => Math.abs(pct) >= least).length;
  return step === 0 ? "flat" : `${pct > 0 ? "up" : "down"}${step}`;
};
const signed = (pct) => (pct === null ? "–" : `${pct > 0.004 ? "+" : pct < -0.004 ? "−" : ""}${Math.abs(pct).toFixed(2)} %`);

// A tile is a link: Tab enters the map once, arrows go to the nearest tile that way.
export function HeatMap({ tiles, bySector, label }) {
  const host = useRef(null);
  const [box, setBox] = useState([0, 0]);
  const [here, setHere] = useState(0);
  const [moved, setMoved] = useState({});

  useLayoutEffect(() => {
    const look = () => setBox([host.current.clientWidth, host.current.clientHeight]);
    const seen = new ResizeObserver(look);
    seen.observe(host.current);
    look();
    return () => seen.disconnect();
  }, []);

  // Prices move the colors: what came is shown once a second.
  useEffect(() => {
    const live = window.starkmatterStream;
    if (!live) return undefined;
    const shown = tiles.slice(0, 150).map((tile) => tile.symbol);
    for (const symbol of shown) live.want(symbol);
    const paint = () => {
      const fresh = {};
      for (const symbol of shown) {
        const quote = live.quotes.get(symbol);
        if (quote && quote.prev_close !== null) fresh[symbol] = (Number(quote.last) / Number(quote.prev_close) - 1) * 100;
      }
      setMoved(fresh);
    };
    const timer = setInterval(paint, 1_000);
    paint();
    return () => clearInterval(timer);
  }, [tiles]);

  const placed = useMemo(() => {
    const [width, height] = box;
    const parts = tiles.map((tile) => ({ tile, size: Number(tile.size) }));
    if (!bySector) return squarify(parts, 0, 0, width, height).map((one) => ({ ...one, tile: one.part.tile }));
    const groups = new Map();
    for (const part of parts) {
      const name = part.tile.sector || "Other";
      if (!groups.has(name)) groups.set(name, { name, size: 0, parts: [] });
      groups.get(name).size += part.size;
      groups.get(name).parts.push(part);
    }
    const found = [];
    for (const { part: group, x, y, w, h } of squarify([...groups.values()].sort((a, b) => b.size - a.size), 0, 0, width, height)) {
      const head = h > 54 && w > 44 ? HEAD_PX : 0;
      if (head) found.push({ group: group.name, x, y, w, h: head });
      for (const one of squarify(group.parts, x, y + head, w, h - head)) found.push({ ...one, tile: one.part.tile });
    }
    return found;
  }, [tiles, bySector, box]);

  const links = placed.filter((one) => one.tile);
  const keys = (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const at = links[here];
    if (!way || !at) return;
    event.preventDefault();
    const middle = (one) => [one.x + one.w / 2, one.y + one.h / 2];
    const [fromX, fromY] = middle(at);
    let best = -1, least = Infinity;
    links.forEach((one, number) => {
      const [dx, dy] = [middle(one)[0] - fromX, middle(one)[1] - fromY];
      const ahead = dx * way[0] + dy * way[1];
      if (number === here || ahead <= 1) return;
      const cost = ahead + 2.5 * Math.abs(dx * way[1] + dy * way[0]);
      if (cost < least) [best, least] = [number, cost];
    });
    if (best < 0) return;
    setHere(best);
    host.current.querySelectorAll("a")[best]?.focus();
  };

  let number = -1;
  return (
    <div ref={host} className="heatmap" role="group" aria-label={label} onKeyDown={keys}>
      {placed.map((one) => {
        const at = { left: one.x, top: one.y, width: one.w, height: one.h };
        if (one.group) return <span key={`of ${one.group}`} className="group" style={at} aria-hidden="true">{one.group}</span>;
        number += 1;
        const place = number;
        const { symbol, name, sector, words } = one.tile;
        const pct = moved[symbol] ?? (one.tile.change_pct === "" ? null : Number(one.tile.change_pct));
        const small = one.w < 58 || one.h < 32;
        return (
          <Link key={symbol} to={`/markets/${encodeURIComponent(symbol)}`} style={at} data-tint={tint(pct)} data-small={small ? "yes" : ""}
            tabIndex={place === here ? 0 : -1} onFocus={() => setHere(place)} title={`${name} · ${words}`}>
            <b style={{ fontSize: Math.max(10, Math.min(26, one.w / 5, one.h / 3)) }}>{symbol}</b>{" "}
            <span className={small ? "sr" : ""}>{signed(pct)}</span>
            <span className="sr">, {name}, {sector || "no sector"}, {words}</span>
          </Link>
        );
      })}
    </div>
  );
}
