// A new token for a program, over REST only: its text is shown here once and never becomes an event.
import { useState } from "react";
import { ask } from "./rest.js";

const SCOPES = [
  ["read", "Read", "prices, orders, accounts, news"],
  ["trade", "Trade", "place and cancel orders, pay in and out, alerts, the analyst"],
  ["admin", "Administer", "people, jobs, news feeds, the replay"],
];
const DAYS = [[7, "a week"], [30, "30 days"], [90, "90 days"], [180, "180 days"], [365, "a year"]];

function Given({ token, onClose }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(token).then(() => setCopied(true), () => {});
  return (
    <div className="grid">
      <div className="note warn">Keep this token where the program finds it. It is not shown again.</div>
      <code className="given mono">{token}</code>
      <div className="actions">
        <button type="button" className="btn" onClick={copy}>{copied ? "Copied" : "Copy"}</button>
        <button type="button" className="btn primary" onClick={onClose}>I have kept it</button>
      </div>
      <p className="soft small">Try it, with the token in the variable STARKMATTER_TOKEN:</p>
      <pre className="given mono" tabIndex={0}>
        {`curl -H "Authorization: Bearer $STARKMATTER_TOKEN" ${location.origin}/api/v1/accounts`}
      </pre>
    </div>
  );
}

export function NewProgram({ mayTrade, isAdmin, onDone }) {
  const [open, setOpen] = useState(false);
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const close = () => { setOpen(false); setToken(""); setProblem(""); };
  const send = async (event) => {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.target);
    setBusy(true);
    setProblem("");
    const { ok, told, problem } = await ask("/api/v1/tokens", { body: {
      name: form.get("name"), scopes: form.getAll("scopes"), expires_days: Number(form.get("expires_days")),
      networks: form.get("networks").split(/[\s,;]+/).filter(Boolean),
    } });
    setBusy(false);
    setProblem(problem);
    if (!ok) return;
    setToken(told.token);
    onDone();
  };

  if (token) return <Given token={token} onClose={close} />;
  if (!open) return (
    <div className="actions">
      <button type="button" className="btn primary" onClick={() => setOpen(true)}>Make a token</button>
    </div>
  );
  const offered = SCOPES.filter(([scope]) => scope === "read" || (scope === "trade" ? mayTrade : isAdmin));
  return (
    <form className="grid" onSubmit={send}>
      <div className="fields">
        <div className="field">
          <label htmlFor="program-name">What is it for?</label>
          <input id="program-name" name="name" className="input" required maxLength={60} autoComplete="off" autoFocus
            placeholder="Rebalancing script" />
        </div>
        <div className="field">
          <label htmlFor="program-days">Ends after</label>
          <select id="program-days" name="expires_days" className="input" defaultValue="90">
            {DAYS.map(([days, words]) => <option key={days} value={days}>{words}</option>)}
          </select>
        </div>
        <div className="field">
          <label htmlFor="program-networks">Only from these addresses (optional)</label>
          <input id="program-networks" name="networks" className="input mono" maxLength={900} autoComplete="off"
            placeholder="192.0.2.7, 2001:db8::/32" />
        </div>
      </div>
      <fieldset className="grid scopes">
        <legend>What may it do?</legend>
        {offered.map(([scope, title, words]) => (
          <label key={scope} className="checkline">
            <input type="checkbox" name="scopes" value={scope} defaultChecked={scope === "read"} />
            <span>{title}: <span className="soft">{words}</span></span>
          </label>
        ))}
      </fieldset>
      <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
      <div className="actions">
        <button type="submit" className="btn primary" disabled={busy}>Make it</button>
        <button type="button" className="btn ghost" onClick={close}>Not now</button>
      </div>
    </form>
  );
}
