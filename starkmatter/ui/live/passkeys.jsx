// Passkeys, over REST only: the list in the settings, and the sign-in with one.
import { useEffect, useState } from "react";
import { ask, goOn, reopenSocket } from "./rest.js";
import { hasPasskeys, makeKey, useKey, whyNot } from "./keys.js";

const PATH = "/api/v1/auth/passkeys";
const MAX_NAME = 60;
const day = (text) => new Date(text).toLocaleDateString("en-US", { year: "numeric", month: "short", day: "numeric" });

function device() {
  const agent = navigator.userAgent;
  const kind = ["iPhone", "iPad", "Android", "Windows", "Mac", "Linux"].find((one) => agent.includes(one));
  return kind ? `My ${kind}` : "My device";
}

// Why none can be added here; nothing when one can.
function hindrance(origin) {
  if (!origin) return "Passkeys work on https under a name, or on localhost. The address of this installation is neither; whoever runs it can set STARKMATTER_PUBLIC_URL.";
  if (location.origin !== origin) return <>Passkeys belong to one address. Open <a className="link" href={`${origin}/settings/security`}>{origin}</a> to add or use one; this page is at {location.origin}.</>;
  return hasPasskeys() ? "" : "This browser does not know passkeys.";
}

function One({ one, last, busy, onRename, onRemove }) {
  const [step, setStep] = useState("");
  const rename = (event) => {
    event.preventDefault();
    onRename(new FormData(event.target).get("name")).then((done) => done && setStep(""));
  };
  return (
    <li>
      <div className="head">
        <div>
          <b>{one.name}</b>
          <div className="muted small">Added {day(one.created_at)} · {one.last_used_at ? `last used ${day(one.last_used_at)}` : "not used yet"}</div>
        </div>
        {step ? null : (
          <>
            <button type="button" className="btn tiny" aria-label={`Rename ${one.name}`} onClick={() => setStep("name")}>Rename</button>
            <button type="button" className="btn tiny danger" aria-label={`Remove ${one.name}`} onClick={() => setStep("gone")}>Remove</button>
          </>
        )}
      </div>
      {step === "name" ? (
        <form className="actions" onSubmit={rename}>
          <input className="input" name="name" aria-label="New name" defaultValue={one.name} maxLength={MAX_NAME} required autoFocus />
          <button type="submit" className="btn tiny primary" disabled={busy}>Save</button>
          <button type="button" className="btn tiny ghost" onClick={() => setStep("")}>Not now</button>
        </form>
      ) : null}
      {step === "gone" ? (
        <div className="note warn">
          <p>{last
            ? "This is all that stands beside your passphrase: without it whoever learns the passphrase gets in. Turn on the second factor first, or remove it all the same."
            : "It will not open anything any more. Your other sessions end."}</p>
          <div className="actions">
            <button type="button" className="btn tiny danger" disabled={busy} onClick={onRemove}>Remove it</button>
            <button type="button" className="btn tiny ghost" onClick={() => setStep("")}>Keep it</button>
          </div>
        </div>
      ) : null}
    </li>
  );
}

export function Passkeys({ onDone }) {
  const [found, setFound] = useState(null);
  const [adding, setAdding] = useState(false);
  const [problem, setProblem] = useState("");
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);

  const read = async () => {
    const { ok, told, problem } = await ask(PATH, { method: "GET" });
    if (ok) setFound(told); else setProblem(problem);
  };
  useEffect(() => { read(); }, []);

  const change = async (path, options, words) => {
    setBusy(true);
    setProblem("");
    setSaid("");
    const { ok, problem } = await ask(PATH + path, options);
    setBusy(false);
    if (ok) { setSaid(words); await read(); onDone?.(); } else setProblem(problem);
    return ok;
  };
  const add = async (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("name");
    setBusy(true);
    setProblem("");
    setSaid("");
    const { ok, told, problem } = await ask(`${PATH}/options`);
    if (!ok) { setBusy(false); setProblem(problem); return; }
    try {
      const credential = await makeKey(told);
      if (await change("", { body: { name, credential } }, "Added. From now on it signs you in by itself.")) setAdding(false);
    } catch (error) {
      setBusy(false);
      setProblem(whyNot(error));
    }
  };

  if (!found) return problem ? <div className="note bad" role="alert">{problem}</div> : <div className="skeleton" style={{ height: "60px" }} />;
  const why = hindrance(found.origin);
  return (
    <div className="grid">
      {found.items.length ? (
        <ul className="passkeys" aria-label="Passkeys">
          {found.items.map((one) => (
            <One key={one.id} one={one} last={found.last_factor} busy={busy}
              onRename={(name) => change(`/${one.id}`, { method: "PATCH", body: { name } }, "Renamed.")}
              onRemove={() => change(`/${one.id}`, { method: "DELETE" }, "Removed.")} />
          ))}
        </ul>
      ) : (
        <p className="soft small">
          A passkey lives on your phone, your computer or a security key and opens with a finger, a face or a PIN. It
          signs you in by itself, counts as two factors, and no false page can take it from you.
        </p>
      )}
      {said ? <div className="note good" role="status">{said}</div> : null}
      <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
      {why ? <p className="hint small">{why}</p> : adding ? (
        <form className="grid" onSubmit={add}>
          <div className="field">
            <label htmlFor="passkey-name">Name of this passkey</label>
            <input id="passkey-name" name="name" className="input" defaultValue={device()} maxLength={MAX_NAME} required autoFocus />
            <span className="hint">So that you know it again. Your other sessions end when it is added.</span>
          </div>
          <div className="actions">
            <button type="submit" className="btn primary" disabled={busy}>{busy ? "Waiting for your device …" : "Go on"}</button>
            <button type="button" className="btn ghost" onClick={() => { setAdding(false); setProblem(""); }}>Not now</button>
          </div>
        </form>
      ) : (
        <div className="actions">
          <button type="button" className={found.items.length ? "btn" : "btn primary"} onClick={() => { setAdding(true); setSaid(""); }}>Add a passkey</button>
        </div>
      )}
    </div>
  );
}

// Below the sign-in form. A browser that cannot use one does not see it.
export function PasskeySignIn({ next }) {
  const [can, setCan] = useState(false);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    setCan(hasPasskeys());
    // Sent here by a socket whose cookie another tab has replaced: with the new one the server knows us and sends us back.
    if (window.starkmatterStream) reopenSocket();
  }, []);

  const open = async () => {
    setBusy(true);
    setProblem("");
    const { ok, told, problem } = await ask(`${PATH}/sign-in/options`);
    if (!ok) { setBusy(false); setProblem(problem); return; }
    try {
      const opened = await ask(`${PATH}/sign-in`, { body: { credential: await useKey(told) } });
      if (opened.ok) { goOn(next); return; }
      setProblem(opened.problem);
    } catch (error) {
      setProblem(whyNot(error));
    }
    setBusy(false);
  };

  if (!can) return null;
  return (
    <div className="grid">
      <p className="or small">or</p>
      <button type="button" className="btn wide" disabled={busy} onClick={open}>{busy ? "Waiting for your device …" : "Sign in with a passkey"}</button>
      <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
    </div>
  );
}
