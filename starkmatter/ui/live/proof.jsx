// The dialog that asks who it is: the passphrase, a code or a passkey, over REST.
import { useEffect, useState } from "react";
import { ask, leave as leaveFor } from "./rest.js";
import { hasPasskeys, useKey, whyNot } from "./keys.js";

const PATH = "/api/v1/auth/step-up";

export function Proof({ said, onProven, onLeave }) {
  const [ways, setWays] = useState(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    ask(PATH, { method: "GET" }).then(({ ok, told, problem }) => { setWays(ok ? told.accepted : ["passphrase"]); if (problem) setProblem(problem); });
  }, []);

  const leave = () => { if (!busy) onLeave(); };
  const prove = async (path, body) => {
    const { ok, status, problem } = await ask(path, { body });
    if (!ok) {
      setBusy(false);
      if (status === 401) leaveFor("/login");
      if (status === 428) setWays((known) => [...new Set([...(known ?? ["passphrase"]), "code"])]);
      setProblem(problem);
      return;
    }
    await onProven();
  };
  const withPassphrase = (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem("");
    prove(PATH, Object.fromEntries(new FormData(event.target)));
  };
  const withPasskey = async () => {
    setBusy(true);
    setProblem("");
    const { ok, told, problem } = await ask(`${PATH}/passkey/options`);
    if (!ok) { setBusy(false); setProblem(problem); return; }
    try {
      await prove(`${PATH}/passkey`, { credential: await useKey(told) });
    } catch (error) {
      setBusy(false);
      setProblem(whyNot(error));
    }
  };

  return (
    <div className="veil" onClick={(event) => { if (event.target === event.currentTarget) leave(); }}>
      <div className="dialog proof" role="dialog" aria-modal="true" aria-label="Confirm it is you">
        <header role="none"><h2>Confirm it is you</h2></header>
        <form className="body" onSubmit={withPassphrase}>
          {said ? <p className="note live"><b>LIVE</b>{said.replace(/^LIVE/, "")}</p> : (
            <p className="soft small">What you are about to do matters more than most, and you last confirmed it over five minutes ago.</p>
          )}
          {ways?.includes("passkey") && hasPasskeys() ? (
            <>
              <button type="button" className="btn primary wide" disabled={busy} onClick={withPasskey}>Use a passkey</button>
              {ways.includes("passphrase") ? <p className="or small">or</p> : null}
            </>
          ) : null}
          {ways?.length === 0 ? (
            <p className="note">You have no passphrase to confirm with. Sign out and in again, then do this within five minutes.</p>
          ) : ways && !ways.includes("passphrase") ? null : (
            <div className="field">
              <label htmlFor="proof-password">Your passphrase</label>
              <input id="proof-password" name="password" type="password" className="input" autoComplete="current-password"
                maxLength={128} required />
            </div>
          )}
          {ways?.includes("code") ? (
            <div className="field">
              <label htmlFor="proof-code">Code of your authenticator app</label>
              <input id="proof-code" name="totp" className="input mono" autoComplete="one-time-code" inputMode="numeric"
                maxLength={40} required />
              <span className="hint">Six digits, or one of your recovery codes.</span>
            </div>
          ) : null}
          <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
          <div className="actions">
            {ways && !ways.includes("passphrase") ? null : (
              <button type="submit" className="btn primary" disabled={busy}>{busy ? "One moment …" : "Confirm"}</button>
            )}
            <button type="button" className="btn ghost" disabled={busy} onClick={leave}>Not now</button>
          </div>
        </form>
      </div>
    </div>
  );
}
