// The second factor, over REST only: the secret and the recovery codes are shown once and never become an event.
import { useState } from "react";

async function ask(path, body) {
  try {
    const answer = await fetch(`/api/v1/auth/totp/${path}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "same-origin",
    });
    const told = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    if (answer.ok) return [told, ""];
    return [null, told.detail ?? "The server could not answer. Try again in a moment."];
  } catch {
    return [null, "The server cannot be reached. Nothing was changed; try again."];
  }
}

function Field({ label, name, code, ...more }) {
  return (
    <div className="field">
      <label htmlFor={`factor-${name}`}>{label}</label>
      <input id={`factor-${name}`} name={name} required className={code ? "input mono" : "input"} {...more}
        {...(code
          ? { autoComplete: "one-time-code", maxLength: 40 }
          : { type: "password", autoComplete: "current-password", maxLength: 128 })} />
    </div>
  );
}

function Codes({ codes, onClose }) {
  const text = codes.join("\n");
  const file = `data:text/plain;charset=utf-8,${encodeURIComponent(text + "\n")}`;
  return (
    <div className="grid">
      <div className="note warn">
        Keep these recovery codes where your phone is not. Each opens the door once when the phone is lost. They are not
        shown again.
      </div>
      <ol className="codes mono">{codes.map((code) => <li key={code}>{code}</li>)}</ol>
      <div className="actions">
        <a className="btn" href={file} download="starkmatter-recovery-codes.txt">Download</a>
        <button type="button" className="btn" onClick={() => navigator.clipboard?.writeText(text)}>Copy</button>
        <button type="button" className="btn primary" onClick={onClose}>I have kept them</button>
      </div>
    </div>
  );
}

export function SecondFactor({ on, left, onDone }) {
  const [step, setStep] = useState("");
  const [given, setGiven] = useState(null);
  const [codes, setCodes] = useState(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const close = () => { setStep(""); setGiven(null); setCodes(null); setProblem(""); onDone(); };
  const send = (path, then) => async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem("");
    const [told, wrong] = await ask(path, Object.fromEntries(new FormData(event.target)));
    setBusy(false);
    if (wrong) setProblem(wrong); else then(told);
  };
  const shown = (told) => { setCodes(told.recovery_codes); setGiven(null); };

  const said = problem ? <div className="note bad" role="alert">{problem}</div> : null;
  const buttons = (text) => (
    <div className="actions">
      <button type="submit" className="btn primary" disabled={busy}>{text}</button>
      <button type="button" className="btn ghost" onClick={close}>Not now</button>
    </div>
  );

  if (codes) return <Codes codes={codes} onClose={close} />;
  if (given) return (
    <form className="grid" onSubmit={send("confirm", shown)}>
      <p className="soft small">Scan this with an authenticator app, or type the key. Then enter the six digits it shows.</p>
      <div className="qr">
        <img alt="QR code of the key below" src={given.qr_image} />
        <code className="mono">{given.secret.match(/.{1,4}/g).join(" ")}</code>
      </div>
      <Field label="Six digits" name="code" code inputMode="numeric" autoFocus />
      {said}
      {buttons("Turn it on")}
    </form>
  );
  if (step === "on") return (
    <form className="grid" onSubmit={send("enroll", setGiven)}>
      <Field label="Your passphrase" name="password" autoFocus />
      {said}
      {buttons("Go on")}
    </form>
  );
  if (step) return (
    <form className="grid" onSubmit={step === "off" ? send("off", close) : send("recovery-codes", shown)}>
      <Field label="Your passphrase" name="password" autoFocus />
      <Field label="Code of your authenticator app" name="totp" code />
      {said}
      {buttons(step === "off" ? "Turn it off" : "Make new codes")}
    </form>
  );
  return on ? (
    <div className="grid">
      <div className="note good">
        The second factor is on. {left} of 10 recovery {left === 1 ? "code is" : "codes are"} left.
      </div>
      <div className="actions">
        <button type="button" className="btn" onClick={() => setStep("codes")}>New recovery codes</button>
        <button type="button" className="btn danger" onClick={() => setStep("off")}>Turn it off</button>
      </div>
    </div>
  ) : (
    <div className="grid">
      <p className="soft small">
        With a second factor somebody who learns your passphrase still cannot sign in. Any authenticator app will do.
      </p>
      <div className="actions">
        <button type="button" className="btn primary" onClick={() => setStep("on")}>Turn on the second factor</button>
      </div>
    </div>
  );
}
