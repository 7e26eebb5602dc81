// The brief of one symbol after its last session, over REST: the server's own HTML, made safe there.
import { useEffect, useState } from "react";
import { ask } from "./rest.js";

const PATH = "/api/v1/assistant/brief";

export const usd = (text) => Number(text).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 4 });

export function Brief({ symbol, venue }) {
  const [seen, setSeen] = useState(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    let wanted = true;
    setSeen(null);
    setProblem("");
    if (!symbol) return undefined;
    ask(`${PATH}?symbol=${encodeURIComponent(symbol)}&venue=${venue}`, { method: "GET" }).then(({ ok, told, problem: wrong }) => {
      if (wanted) { setSeen(ok ? told : null); setProblem(wrong); }
    });
    return () => { wanted = false; };
  }, [symbol, venue]);
  const write = async () => {
    setBusy(true);
    const { ok, told, problem: wrong } = await ask(PATH, { body: { symbol, venue } });
    setBusy(false);
    if (ok) setSeen(told);
    setProblem(wrong);
  };
  if (problem && !seen) return <div className="body"><div className="note bad" role="alert">{problem}</div></div>;
  if (!seen) return <div className="body"><div className="skeleton" style={{ height: "120px" }} /></div>;
  return (
    <div className="body brief" data-brief={seen.symbol}>
      <p className="muted small">
        {seen.model ? `Brief by ${seen.model}, from the same figures · ${usd(seen.cost_usd)} USD` : "Local brief - computed here, no AI"}
        {seen.session_on ? ` · as of the close of ${seen.session_on}` : ""}
      </p>
      {seen.html ? <div className="written" dangerouslySetInnerHTML={{ __html: seen.html }} /> : <p className="soft">There are not enough finished days of {seen.symbol} yet.</p>}
      {seen.own ? <p className="small">{seen.own}</p> : null}
      {problem ? <div className="note bad" role="alert">{problem}</div> : null}
      {seen.can_ask ? (
        <div className="actions">
          <button type="button" className="btn tiny" disabled={busy} onClick={write}>{busy ? "Writing …" : "Have the analyst write one"}</button>
          <span className="muted small">Costs about a cent, once per session for everybody.</span>
        </div>
      ) : null}
    </div>
  );
}

export function BriefPicker({ symbols, venue }) {
  const [chosen, setChosen] = useState(symbols?.[0] ?? "AAPL");
  const pick = (event) => {
    event.preventDefault();
    const typed = new FormData(event.target).get("symbol").trim().toUpperCase();
    if (/^[A-Z0-9.^=-]{1,20}$/.test(typed)) setChosen(typed);
  };
  return (
    <>
      <div className="picker">
        {symbols?.map((one) => <button key={one} type="button" className="btn tiny" aria-pressed={one === chosen} onClick={() => setChosen(one)}>{one}</button>)}
        <form onSubmit={pick}>
          <input className="input" name="symbol" aria-label="Another symbol" placeholder="Symbol" maxLength={20} autoComplete="off" />
          <button type="submit" className="btn tiny">Show</button>
        </form>
      </div>
      <Brief symbol={chosen} venue={venue} />
    </>
  );
}
