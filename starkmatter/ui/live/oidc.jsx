// Ways to another house and back, each as a whole page. A passphrase goes over REST only.
import { useEffect, useState } from "react";

async function depart(slug, verb, body) {
  try {
    const answer = await fetch(`/api/v1/auth/oidc/${encodeURIComponent(slug)}/${verb}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "same-origin",
    });
    const told = await answer.json().catch(() => ({}));
    if (answer.ok && /^https?:\/\//.test(told.location)) { location.assign(told.location); return [0, ""]; }
    return [answer.status, told.detail ?? "The server could not answer. Try again in a moment."];
  } catch {
    return [0, "The server cannot be reached. Nothing was sent; try again."];
  }
}

// On the sign-in page links that go; on the invitation page buttons that take the invitation along.
export function ProviderButtons({ providers, invited }) {
  const [query, setQuery] = useState(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => { setQuery(new URLSearchParams(location.search)); }, []);
  const invitation = query?.get("invite");
  if (!query || !providers.length || (invited && !invitation)) return null;
  const next = query.get("next") ?? sessionStorage.getItem("sm-last") ?? "/";
  const register = (slug) => async () => {
    setBusy(true);
    const [, wrong] = await depart(slug, "register", { invite_token: invitation });
    setProblem(wrong);
    if (wrong) setBusy(false);
  };
  return (
    <div className="elsewhere">
      <div className="or" aria-hidden="true">or</div>
      {providers.map(({ slug, title }) => (invited
        ? <button key={slug} type="button" className="btn wide" disabled={busy} onClick={register(slug)}>Register with {title}</button>
        : <a key={slug} className="btn wide" href={`/api/v1/auth/oidc/${slug}/start?next=${encodeURIComponent(next)}`}>
            Sign in with {title}
          </a>))}
      <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
    </div>
  );
}

// One button per provider; the chosen one asks who it is before it goes.
export function LinkSignIn({ providers, passphrase }) {
  const [chosen, setChosen] = useState(null);
  const [code, setCode] = useState(false);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const close = () => { setChosen(null); setCode(false); setProblem(""); };
  const send = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    const [status, wrong] = await depart(chosen.slug, "link", Object.fromEntries(new FormData(event.target)));
    if (wrong) setBusy(false);
    if (status === 428) { setCode(true); setProblem(""); } else setProblem(wrong);
  };
  if (!chosen) return (
    <div className="actions">
      {providers.map((one) => (
        <button key={one.slug} type="button" className="btn" onClick={() => setChosen(one)}>Link {one.title}</button>
      ))}
    </div>
  );
  return (
    <form className="grid" onSubmit={send}>
      {passphrase ? (
        <div className="field">
          <label htmlFor="link-password">Your passphrase</label>
          <input id="link-password" name="password" type="password" className="input" autoComplete="current-password"
            maxLength={128} required autoFocus />
        </div>
      ) : null}
      {code ? (
        <div className="field">
          <label htmlFor="link-totp">Code of your authenticator app</label>
          <input id="link-totp" name="totp" className="input mono" autoComplete="one-time-code" maxLength={40} required autoFocus />
        </div>
      ) : null}
      <p className="soft small">You go to {chosen.title}, say yes there, and come back here.</p>
      <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
      <div className="actions">
        <button type="submit" className="btn primary" disabled={busy}>Go to {chosen.title}</button>
        <button type="button" className="btn ghost" onClick={close}>Not now</button>
      </div>
    </form>
  );
}
