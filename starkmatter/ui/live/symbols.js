// What a symbol is, how its prices are written and when its market trades: domain/pairs.py, instruments.py and
// market_hours.py once more, for the browser. tests/ui/test_symbols.py holds both against each other.
const CURRENCIES = new Set("USD EUR JPY GBP CHF AUD CAD NZD CNY HKD SGD SEK NOK DKK PLN CZK HUF TRY ZAR MXN BRL INR KRW THB ILS".split(" "));
const SMALL_UNITS = new Set("JPY HUF KRW INR THB".split(" "));
const PAIR = /^([A-Z][A-Z0-9]{1,9})-([A-Z]{3})$/;
export const NEW_YORK = "America/New_York";

export function classOf(symbol) {
  if (symbol?.startsWith("^")) return "index";
  const found = PAIR.exec(symbol ?? "");
  if (!found || found[1] === found[2] || !CURRENCIES.has(found[2])) return "share";
  if (CURRENCIES.has(found[1])) return "fx";
  return found[2] === "USD" ? "crypto" : "share";
}

export const isPair = (symbol) => ["fx", "crypto"].includes(classOf(symbol));

// Decimals of a price; of shares always two.
export function decimalsOf(symbol, price) {
  const kind = classOf(symbol);
  if (kind === "fx") return SMALL_UNITS.has(symbol.slice(-3)) ? 3 : 5;
  if (kind !== "crypto") return 2;
  const size = Math.abs(price);
  return size >= 100 ? 2 : size >= 1 ? 4 : size >= 0.01 ? 6 : 8;
}

export const zoneOf = (symbol) => (classOf(symbol) === "crypto" ? "UTC" : NEW_YORK);
// What is added to the wall clock before its date is the trading day's: a day of currencies begins at 17:00.
export const shiftOf = (symbol) => (classOf(symbol) === "fx" ? 7 * 3600 : 0);

const wall = new Intl.DateTimeFormat("en-US", { timeZone: NEW_YORK, weekday: "short", hour: "numeric", minute: "numeric", hourCycle: "h23" });
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const TURN = 17 * 60;

// "open", "pre" or "closed": of a pair or coin by its own hours, of everything else what the venue's clock says.
export function stateOf(symbol, clock, at) {
  const kind = classOf(symbol);
  if (kind === "crypto") return "open";
  if (kind !== "fx") return clock?.state;
  const part = Object.fromEntries(wall.formatToParts(at).map((one) => [one.type, one.value]));
  const day = DAYS.indexOf(part.weekday), mins = +part.hour * 60 + +part.minute;
  if (day === 0) return mins >= TURN ? "open" : mins >= TURN - 30 ? "pre" : "closed";
  return day === 6 || (day === 5 && mins >= TURN) ? "closed" : "open";
}

// The hours of a pair or coin in words; empty for what trades with the exchange, whose clock the page shows anyway.
export function hoursOf(symbol, at) {
  const kind = classOf(symbol);
  if (kind === "crypto") return "Always open";
  if (kind !== "fx") return "";
  return { open: "Open · closes Fri 17:00 ET", pre: "Opens at 17:00 ET", closed: "Closed · opens Sun 17:00 ET" }[stateOf(symbol, null, at)];
}
