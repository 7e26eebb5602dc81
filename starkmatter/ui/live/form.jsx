// A form whose fields go to REST and nowhere else, so that a passphrase never becomes an event. Then a full page load,
// because the session cookie is read when the page's socket opens. With `onDone` the page stays and is told instead.
import { useEffect, useRef, useState } from "react";
import { ask, goOn, goTo } from "./rest.js";

function strength(text) {
  if (!text) return [0, ""];
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(text)).length;
  const distinct = new Set(text.toLowerCase()).size;
  if (text.length < 12 || distinct < 5) return [1, `${Math.max(0, 12 - text.length)} more characters needed`];
  if (text.length < 15) return [2, "Good; fifteen or more are better"];
  return text.length >= 20 || kinds >= 3 ? [4, "Excellent"] : [3, "Strong"];
}

export function RestForm({ action, method, wrap, next, meter, linkField, onDone, children }) {
  const form = useRef(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [level, setLevel] = useState([0, ""]);
  const [said, setSaid] = useState("");
  const [oneMore, setOneMore] = useState(false);

  useEffect(() => {
    for (const button of form.current.querySelectorAll("button[type=submit]")) button.disabled = busy;
  }, [busy]);

  const send = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem("");
    setSaid("");
    const query = new URLSearchParams(location.search);
    const fields = Object.fromEntries(new FormData(form.current));
    if (meter && query.get("invite")) fields.invite_token = query.get("invite");
    else if (linkField) fields[linkField] = query.get("token");
    const body = wrap ? { [wrap]: fields } : fields;
    const { ok, status, told, problem } = await ask(action, { method: method ?? "POST", body });
    if (ok && !onDone) {
      (action.endsWith("/login") ? goOn : goTo)(next);
      return;
    }
    if (ok) {
      if (told.ok === false) setProblem(told.text); else setSaid(told.text ?? "Saved.");
      for (const secret of form.current.querySelectorAll("input[type=password], #totp")) secret.value = "";
      setOneMore(false);
      setLevel([0, ""]);
    } else if (status === 428) setOneMore(true);
    else setProblem(problem);
    setBusy(false);
    if (ok) onDone();
  };

  const watch = (event) => { if (meter && event.target.autocomplete === "new-password") setLevel(strength(event.target.value)); };

  return (
    <form ref={form} onSubmit={send} onInput={watch}>
      {children[0] ?? children}
      {meter ? (
        <div className="field" aria-live="polite">
          <div className="meter" data-level={level[0]}><i /><i /><i /><i /></div>
          <span className="hint">{level[1] || "At least 12 characters; several unrelated words make a good one"}</span>
        </div>
      ) : null}
      {oneMore ? (
        <div className="field">
          <label htmlFor="totp">Code of your authenticator app</label>
          <input id="totp" name="totp" className="input mono" autoComplete="one-time-code" inputMode="numeric" maxLength={40}
            required autoFocus />
          <span className="hint">Six digits, or one of your recovery codes.</span>
        </div>
      ) : null}
      {said ? <div className="note good" role="status">{said}</div> : null}
      <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
      {Array.isArray(children) ? children.slice(1) : null}
    </form>
  );
}
