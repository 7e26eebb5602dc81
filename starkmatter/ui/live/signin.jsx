// Signing in at a vendor that wants more than keys: its page opens beside ours, and what it gives is brought back here. Neither
// the page's address nor what is brought back ever becomes an event of the page's state.
import { useState } from "react";
import { ask } from "./rest.js";

export function VendorSignIn({ kind, title, answer, again, onDone }) {
  const [place, setPlace] = useState("");
  const [brought, setBrought] = useState("");
  const [problem, setProblem] = useState("");
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);
  const path = `/api/v1/connections/${encodeURIComponent(kind)}/sign-in`;

  const begin = async () => {
    setBusy(true);
    setProblem("");
    setSaid("");
    const { ok, told, problem: wrong } = await ask(path);
    const fine = ok && /^https:\/\//.test(told.location);
    setPlace(fine ? told.location : "");
    setProblem(fine ? "" : wrong || "The server could not answer. Try again in a moment.");
    setBusy(false);
  };
  const finish = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem("");
    const { ok, told, problem: wrong } = await ask(path, { method: "PUT", body: { answer: brought } });
    setBusy(false);
    setBrought("");
    if (ok) setPlace("");
    if (ok && told.ok) setSaid(told.text);
    else setProblem(ok ? told.text : wrong);
    if (ok) onDone();
  };

  return (
    <div className="grid">
      {place ? (
        <form className="grid" onSubmit={finish}>
          <p className="small">
            1. <a className="inline" href={place} target="_blank" rel="noopener noreferrer">Open {title}'s page</a> and sign in there.
            {" "}2. Bring back what it gives you:
          </p>
          <div className="field">
            <label htmlFor={`${kind}-answer`}>{answer}</label>
            <input id={`${kind}-answer`} type="text" className="input" autoComplete="off" spellCheck={false} maxLength={2000} required
              value={brought} onChange={(event) => setBrought(event.target.value)} />
          </div>
          <div className="actions">
            <button type="submit" className="btn primary" disabled={busy}>Finish</button>
            <button type="button" className="btn" disabled={busy} onClick={() => { setPlace(""); setProblem(""); }}>Leave it</button>
          </div>
        </form>
      ) : (
        <div className="actions">
          <button type="button" className={again ? "btn" : "btn primary"} disabled={busy} onClick={begin}>
            {again ? `Sign in at ${title} anew` : `Sign in at ${title}`}
          </button>
        </div>
      )}
      {said ? <div className="note good" role="status">{said}</div> : null}
      <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
    </div>
  );
}
