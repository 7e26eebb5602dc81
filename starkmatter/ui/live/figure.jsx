// One Plotly figure: the library comes when the first one is shown; colors are the page's own and follow its theme.
import { useEffect, useRef, useState } from "react";

const CONFIG = { displayModeBar: false, responsive: true, showTips: false, doubleClick: false };
let library = null;
const load = () => (library ??= import("plotly.js-basic-dist-min").then((found) => found.default ?? found));

// "var(--teal)" as a color Plotly can compute with.
const resolve = (text) => {
  const probe = document.createElement("span");
  probe.style.color = text;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};
const painted = (part) => {
  if (typeof part === "string") return part.startsWith("var(") ? resolve(part) : part;
  // Long series are figures and dates, nothing to paint.
  if (Array.isArray(part)) return part.length && typeof part[0] === "object" ? part.map(painted) : [...part];
  if (part && typeof part === "object")
    return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, painted(value)]));
  return part;
};

export function Figure({ figure, label, height }) {
  const host = useRef(null);
  const [looks, setLooks] = useState(0);
  const [words, setWords] = useState("Drawing …");

  useEffect(() => {
    const themed = new MutationObserver(() => setLooks((count) => count + 1));
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-swap"] });
    const element = host.current;
    return () => {
      themed.disconnect();
      if (library) library.then((plotly) => plotly.purge(element)).catch(() => {});
    };
  }, []);

  useEffect(() => {
    let wanted = true;
    if (!figure?.data) {
      setWords("The line begins with the second value.");
      if (library) library.then((plotly) => wanted && plotly.purge(host.current)).catch(() => {});
      return () => { wanted = false; };
    }
    load()
      .then((plotly) => wanted && plotly.react(host.current, painted(figure.data), painted(figure.layout), CONFIG))
      .then(() => wanted && setWords(""))
      .catch(() => {
        library = null;
        if (wanted) setWords("The chart could not be loaded. The table below has the same figures.");
      });
    return () => { wanted = false; };
  }, [figure, looks]);

  return (
    <div className="figurebox" style={{ height }} role="img" aria-label={label}>
      <div ref={host} className="canvas" aria-hidden="true" />
      {words && <div className="wait">{words}</div>}
    </div>
  );
}
