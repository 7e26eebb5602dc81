// The chart as a PNG with its title, in the colors of the page.
import { when } from "./chartbars.js";
import { price } from "./chartlooks.js";

const HEAD = 40;

export function save(view, look) {
  if (!view.bars.length) return;
  const { ask, bars } = view;
  const last = bars.at(-1);
  const drawn = view.picture();
  const ratio = drawn.width / view.host.clientWidth;
  const canvas = document.createElement("canvas");
  canvas.width = drawn.width;
  canvas.height = drawn.height + HEAD * ratio;
  const paint = canvas.getContext("2d");
  paint.fillStyle = view.look.back;
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.scale(ratio, ratio);
  paint.fillStyle = view.look.strong;
  paint.font = "600 15px Inter, sans-serif";
  paint.fillText(`${ask.symbol} · ${ask.interval}`, 12, 25);
  const title = paint.measureText(`${ask.symbol} · ${ask.interval}`).width;
  paint.fillStyle = view.look.text;
  paint.font = "12px Inter, sans-serif";
  const names = view.indicators.shown.map((one) => one.title).join(" · ");
  paint.fillText([`${price(last.close, ask.symbol)} on ${when(last.starts, ask.interval, ask.symbol)}`, ask.venue === "replay" ? "REPLAY" : "", look.style === "heikin_ashi" ? "Heikin-Ashi" : "", names, "StarkMatter"].filter(Boolean).join("   "), title + 28, 25);
  paint.setTransform(1, 0, 0, 1, 0, 0);
  paint.drawImage(drawn, 0, HEAD * ratio);
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${ask.symbol.replace(/[^\w.-]/g, "")}-${ask.interval}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, "image/png");
}
