// The second factor, over REST only: the secret and the recovery codes are shown once and never become an event.
import { useState } from "react";
import { ask } from "./rest.js";

const PATH = "/api/v1/auth/totp";

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
  const send = async (path, then, body) => {
    if (busy) return;
    setBusy(true);
    setProblem("");
    const { ok, told, problem } = await ask(`${PATH}/${path}`, { body });
    setBusy(false);
    if (ok) then(told); else setProblem(problem);
  };
  const confirm = (event) => {
    event.preventDefault();
    send("confirm", shown, Object.fromEntries(new FormData(event.target)));
  };
  const shown = (told) => { setCodes(told.recovery_codes); setGiven(null); };

  const said = problem ? <div className="note bad" role="alert">{problem}</div> : null;

  if (codes) return <Codes codes={codes} onClose={close} />;
  if (given) return (
    <form className="grid" onSubmit={confirm}>
      <p className="soft small">Scan this with an authenticator app, or type the key. Then enter the six digits it shows.</p>
      <div className="qr">
        <img alt="QR code of the key below" src={given.qr_image} />
        <code className="mono">{given.secret.match(/.{1,4}/g).join(" ")}</code>
      </div>
      <div className="field">
        <label htmlFor="factor-code">Six digits</label>
        <input id="factor-code" name="code" className="input mono" required autoFocus autoComplete="one-time-code"
          inputMode="numeric" maxLength={40} />
      </div>
      {said}
      <div className="actions">
        <button type="submit" className="btn primary" disabled={busy}>Turn it on</button>
        <button type="button" className="btn ghost" onClick={close}>Not now</button>
      </div>
    </form>
  );
  if (step) return (
    <div className="grid">
      <div className="note warn">
        {step === "off"
          ? "Without it whoever learns your passphrase gets in. Your other sessions end."
          : "The codes you have kept are worth nothing as soon as there are new ones."}
      </div>
      {said}
      <div className="actions">
        {step === "off"
          ? <button type="button" className="btn danger" disabled={busy} onClick={() => send("off", close)}>Turn it off</button>
          : <button type="button" className="btn primary" disabled={busy} onClick={() => send("recovery-codes", shown)}>Make new codes</button>}
        <button type="button" className="btn ghost" onClick={close}>Not now</button>
      </div>
    </div>
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
      {said}
      <div className="actions">
        <button type="button" className="btn primary" disabled={busy} onClick={() => send("enroll", setGiven)}>Turn on the second factor</button>
      </div>
    </div>
  );
}
