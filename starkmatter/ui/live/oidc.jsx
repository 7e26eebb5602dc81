// Ways to another house and back, each as a whole page.
import { useEffect, useState } from "react";
import { ask, leave } from "./rest.js";

// What went wrong in words; when nothing did the browser goes there.
async function depart(slug, verb, body) {
  const { ok, told, problem } = await ask(`/api/v1/auth/oidc/${encodeURIComponent(slug)}/${verb}`, { body });
  if (ok && /^https?:\/\//.test(told.location)) { leave(told.location); return ""; }
  return problem || "The server could not answer. Try again in a moment.";
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
    const wrong = await depart(slug, "register", { invite_token: invitation });
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

// One button per provider: say yes there and come back here.
export function LinkSignIn({ providers }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const go = (slug) => async () => {
    setBusy(true);
    const wrong = await depart(slug, "link");
    setProblem(wrong);
    if (wrong) setBusy(false);
  };
  return (
    <div className="grid">
      <div className="actions">
        {providers.map(({ slug, title }) => (
          <button key={slug} type="button" className="btn" disabled={busy} onClick={go(slug)}>Link {title}</button>
        ))}
      </div>
      <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
    </div>
  );
}
