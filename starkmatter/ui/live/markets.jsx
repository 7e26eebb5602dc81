// Parts of the watchlists: rows that change places by pointer and keys, imports over REST.
import { useEffect, useRef, useState } from "react";
import { ask } from "./rest.js";

const DRAG_PX = 5;
const REFOCUS_MS = 60;
const REFOCUS_TRIES = 20;

// Rows are elements with data-key inside one with data-sort. They are moved by their .grip with a pointer, or with Alt
// and arrows from anywhere in them. React draws the new order; this only says what was asked for.
export function Sortable({ group, across, onMove }) {
  useEffect(() => {
    const host = () => document.querySelector(`[data-sort="${group}"]`);
    const items = () => [...(host()?.querySelectorAll("[data-key]") ?? [])];
    let drag = null;

    const focusAgain = (key, tries = 0) => {
      const place = items().find((one) => one.dataset.key === key);
      (place?.querySelector(".grip") ?? place)?.focus();
      if (tries < REFOCUS_TRIES) setTimeout(() => { if (document.activeElement === document.body) focusAgain(key, tries + 1); }, REFOCUS_MS);
    };
    const say = (key, place) => {
      const now = items().findIndex((one) => one.dataset.key === key);
      if (place === now || place < 0 || place >= items().length) return;
      onMove(key, place);
      focusAgain(key);
    };
    const keys = (event) => {
      const item = event.target.closest?.("[data-key]");
      if (!item || !host()?.contains(item)) return;
      const [back, on] = across ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
      if (!(event.altKey || event.target.closest(".grip")) || (event.key !== back && event.key !== on)) return;
      event.preventDefault();
      event.stopPropagation();
      say(item.dataset.key, items().indexOf(item) + (event.key === back ? -1 : 1));
    };
    const clear = () => { for (const one of items()) delete one.dataset.drop; };
    const down = (event) => {
      const item = event.target.closest?.("[data-key]");
      if (event.button !== 0 || !item || !host()?.contains(item) || !(across || event.target.closest(".grip"))) return;
      drag = { item, x: event.clientX, y: event.clientY, on: false, place: -1 };
      if (!across) event.preventDefault();
    };
    const over = (event) => {
      if (!drag) return;
      const far = across ? Math.abs(event.clientX - drag.x) : Math.abs(event.clientY - drag.y);
      if (!drag.on && far < DRAG_PX) return;
      drag.on = true;
      drag.item.dataset.dragged = "yes";
      clear();
      const all = items();
      const middle = (one) => { const box = one.getBoundingClientRect(); return across ? box.left + box.width / 2 : box.top + box.height / 2; };
      const at = across ? event.clientX : event.clientY;
      const before = all.findIndex((one) => at < middle(one));
      const now = all.indexOf(drag.item);
      const slot = before < 0 ? all.length : before;
      drag.place = slot > now ? slot - 1 : slot;
      const mark = all[Math.min(slot, all.length - 1)];
      mark.dataset.drop = slot === all.length ? "after" : "before";
    };
    const up = () => {
      if (!drag) return;
      const { item, on, place } = drag;
      drag = null;
      delete item.dataset.dragged;
      clear();
      if (!on) return;
      // The click that ends a drag chooses nothing.
      const swallow = (event) => { event.preventDefault(); event.stopPropagation(); };
      item.addEventListener("click", swallow, true);
      setTimeout(() => item.removeEventListener("click", swallow, true), 0);
      say(item.dataset.key, place);
    };
    document.addEventListener("keydown", keys, true);
    document.addEventListener("pointerdown", down);
    document.addEventListener("pointermove", over);
    document.addEventListener("pointerup", up);
    document.addEventListener("pointercancel", up);
    return () => {
      document.removeEventListener("keydown", keys, true);
      document.removeEventListener("pointerdown", down);
      document.removeEventListener("pointermove", over);
      document.removeEventListener("pointerup", up);
      document.removeEventListener("pointercancel", up);
    };
  }, [group, across, onMove]);
  return null;
}

export function ImportSymbols({ list, onDone }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const [told, setTold] = useState(null);
  const area = useRef(null);

  const read = async (event) => {
    const file = event.target.files?.[0];
    if (!file) return;
    if (file.size > 50_000) { setProblem("The file is too large: 50,000 characters at most."); return; }
    area.current.value = await file.text();
  };
  const send = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem("");
    setTold(null);
    const answer = await ask(`/api/v1/watchlists/${list}/import`, { body: { text: area.current.value } });
    setBusy(false);
    if (!answer.ok) { setProblem(answer.problem); return; }
    setTold(answer.told);
    if (!answer.told.refused.length) area.current.value = "";
    onDone?.();
  };

  return (
    <form className="grid" onSubmit={send}>
      <div className="field">
        <label htmlFor="import-file">A file, CSV or text</label>
        <input id="import-file" type="file" accept=".csv,.txt,text/csv,text/plain" className="input file" onChange={read} />
      </div>
      <div className="field">
        <label htmlFor="import-text">Or the symbols themselves</label>
        <textarea id="import-text" ref={area} className="input" rows={6} maxLength={50_000} spellCheck={false} required
          placeholder={"AAPL, MSFT\nNASDAQ:NVDA"} />
        <span className="hint">Separated by commas, blanks or lines; of a CSV the column “symbol” is read.</span>
      </div>
      <div aria-live="polite">
        {problem ? <div className="note bad" role="alert">{problem}</div> : null}
        {told ? (
          <div className={told.refused.length ? "note warn" : "note good"}>
            {told.added.length ? `Added: ${told.added.join(", ")}.` : "Nothing was added."}
            {told.refused.length ? (
              <ul className="refused">
                {told.refused.map((one, at) => <li key={at}>Line {one.line}: {one.said ? <b>{one.said}</b> : "nothing"} – {one.why}</li>)}
              </ul>
            ) : null}
          </div>
        ) : null}
      </div>
      <div className="actions"><button type="submit" className="btn primary" disabled={busy}>{busy ? "Importing …" : "Import"}</button></div>
    </form>
  );
}
