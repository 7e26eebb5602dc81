// Colors of the page's theme as the chart's canvas needs them, and figures as people read them.
import { decimalsOf, isPair } from "./symbols.js";

const probe = typeof document === "undefined" ? null : document.createElement("span");
export const color = (name) => {
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};
export const faint = (rgb, part = 0.32) => rgb.replace("rgb(", "rgba(").replace(")", `, ${part})`);
export const INKS = ["--ink-1", "--ink-2", "--ink-3", "--ink-4", "--ink-5", "--ink-6"];
export const looks = () => ({
  up: color("--up"), down: color("--down"), text: color("--text-3"), strong: color("--text-1"), grid: color("--chart-grid"),
  accent: color("--accent-text"), amber: color("--amber"), line: color("--line-strong"), back: color("--bg-1"),
  buy: color("--teal"), sell: color("--orange"), shade: color("--chart-shade"), inks: INKS.map(color),
});
export const shade = (look, name) => ({ accent: look.accent, up: look.up, down: look.down, amber: look.amber, plain: look.strong })[name] ?? look.accent;

const grouped = (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const plain = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(grouped);
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 2 });
export const digitsOf = (value, symbol) => {
  if (isPair(symbol)) return decimalsOf(symbol, value);
  const size = Math.abs(value);
  return size >= 1 || size === 0 ? 2 : size >= 0.01 ? 4 : 6;
};
export const price = (value, symbol) => plain[digitsOf(value, symbol)].format(value);
export const size = (value) => short.format(value);
export const figure = (value, unit, symbol) =>
  value === null || value === undefined || Number.isNaN(value) ? "–" : unit === "shares" || Math.abs(value) >= 1e6 ? size(value) : plain[digitsOf(value, unit === "price" ? symbol : "")].format(value);
export const signed = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${plain[2].format(Math.abs(value))} %`;
