// What a report is to be of, and what to do with it: look at it here, save it, have it mailed, or share it by a link whose
// address is shown once and never becomes an event. Everything goes over REST.
import { useEffect, useRef, useState } from "react";
import { ask } from "./rest.js";

const SECTIONS = [
  ["summary", "Summary"], ["performance", "Performance"], ["allocation", "Allocation"], ["activity", "Activity"],
  ["income", "Income"], ["gains", "Realized gains"], ["fees", "Fees and costs"], ["risk", "Risk"],
];
const EVERY = [["week", "Every week"], ["month", "Every month"], ["quarter", "Every quarter"], ["year", "Every year"]];
const DAYS = [[1, "a day"], [7, "a week"], [30, "30 days"], [90, "90 days"], [365, "a year"]];
const UNREACHED = "The server cannot be reached. Try again.";
const NO_ANSWER = "The report could not be made. Try again in a moment.";

const Problem = ({ text }) => (
  <div aria-live="assertive">{text ? <div className="note bad" role="alert">{text}</div> : null}</div>
);

function Given({ url, onClose }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(url).then(() => setCopied(true), () => {});
  return (
    <div className="grid">
      <div className="note warn">Send this address to whom it is for. It is not shown again.</div>
      <code className="given mono" data-shared>{url}</code>
      <div className="actions">
        <button type="button" className="btn" onClick={copy}>{copied ? "Copied" : "Copy"}</button>
        <button type="button" className="btn primary" onClick={onClose}>I have kept it</button>
      </div>
    </div>
  );
}

function save(blob, name) {
  const at = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = at;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(at), 10_000);
}

export function ReportDesk({ accounts, chosen, periods, benchmarks, mailReady, mailTo, onDone }) {
  const [picked, setPicked] = useState([]);
  const [period, setPeriod] = useState("");
  const [days, setDays] = useState({ from: "", to: "" });
  const [benchmark, setBenchmark] = useState("^");
  const [blend, setBlend] = useState("");
  const [amounts, setAmounts] = useState(true);
  const [sections, setSections] = useState(SECTIONS.map(([name]) => name));
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState("");
  const [page, setPage] = useState("");
  const [url, setUrl] = useState("");
  const [said, setSaid] = useState("");
  const stopping = useRef(null);

  useEffect(() => { setPicked(chosen ? [chosen] : []); setPage(""); }, [chosen]);
  useEffect(() => () => stopping.current?.abort(), []);
  const written = period === "days" ? `${days.from}..${days.to}` : period || periods[0]?.key || "";
  const against = benchmark === "%" ? blend.trim() : benchmark;
  const isSaid = picked.length > 0 && sections.length > 0 && (benchmark !== "%" || against !== "");
  const isWhole = isSaid && (period !== "days" || (days.from && days.to));
  const owns = picked.every((id) => accounts.find((one) => one.id === id)?.own);

  const wish = () => ({
    account_ids: picked, sections, amounts, ...(against === "^" ? {} : { benchmark: against }),
  });
  const query = () => {
    const asked = new URLSearchParams(picked.map((id) => ["account_id", id]));
    asked.set("period", written);
    asked.set("sections", sections.join(","));
    asked.set("amounts", String(amounts));
    if (against !== "^") asked.set("benchmark", against);
    return asked;
  };
  const fetched = async (kind) => {
    stopping.current = new AbortController();
    const answer = await fetch(`/api/v1/portfolio/report.${kind}?${query()}`, {
      credentials: "same-origin", signal: stopping.current.signal,
    });
    if (answer.ok) return answer.blob();
    const told = await answer.json().catch(() => ({}));
    throw new Error(told.detail ?? NO_ANSWER);
  };
  const during = async (what, work) => {
    if (busy) return;
    setBusy(what);
    setProblem("");
    setSaid("");
    try {
      await work();
    } catch (error) {
      if (error.name !== "AbortError") setProblem(error instanceof TypeError ? UNREACHED : error.message);
    }
    setBusy("");
  };
  // The page follows the system's theme, the preview ours.
  const preview = () => during("preview", async () => {
    const told = await (await fetched("html")).text();
    const media = document.documentElement.dataset.theme === "light" ? "@media not all" : "@media all";
    setPage(told.replace("@media (prefers-color-scheme:dark)", media));
  });
  const keep = (kind) => during(kind, async () => save(await fetched(kind), `starkmatter-report-${written.replace("..", "-")}.${kind}`));
  const sent = (event, path, more, done) => {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.target));
    during(path, async () => {
      const { ok, told, problem } = await ask(`/api/v1/${path}`, { body: { ...wish(), ...more(form) } });
      if (!ok) throw new Error(problem);
      done(told);
      onDone();
    });
  };
  const toggle = (list, set, name) => set(list.includes(name) ? list.filter((one) => one !== name) : [...list, name]);
  const boxes = (legend, all, list, set) => (
    <fieldset className="scopes">
      <legend>{legend}</legend>
      <div className="boxes">
        {all.map(([name, title]) => (
          <label key={name} className="checkline">
            <input type="checkbox" checked={list.includes(name)} onChange={() => toggle(list, set, name)} />
            <span>{title}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );

  return (
    <div className="body grid report-desk">
      <div className="fields">
        <div className="field">
          <label htmlFor="report-period">Period</label>
          <select id="report-period" className="input" value={period || written} onChange={(event) => setPeriod(event.target.value)}>
            {periods.map((one) => <option key={one.key} value={one.key}>{one.name}</option>)}
            <option value="days">Other days …</option>
          </select>
        </div>
        {period === "days" ? ["from", "to"].map((end) => (
          <div className="field" key={end}>
            <label htmlFor={`report-${end}`}>{end === "from" ? "From" : "To"}</label>
            <input id={`report-${end}`} type="date" className="input" value={days[end]}
              onChange={(event) => setDays({ ...days, [end]: event.target.value })} />
          </div>
        )) : null}
        <div className="field">
          <label htmlFor="report-benchmark">Benchmark</label>
          <select id="report-benchmark" className="input" value={benchmark} onChange={(event) => setBenchmark(event.target.value)}>
            <option value="^">The market's index</option>
            {benchmarks.map((one) => <option key={one.symbol} value={one.symbol}>{one.label}</option>)}
            <option value="%">A blend …</option>
            <option value="">No benchmark</option>
          </select>
        </div>
        {benchmark === "%" ? (
          <div className="field">
            <label htmlFor="report-blend">Blend</label>
            <input id="report-blend" className="input" value={blend} maxLength={240} autoComplete="off" placeholder="60 SPY, 40 AGG"
              onChange={(event) => setBlend(event.target.value)} />
          </div>
        ) : null}
        <div className="field">
          <label htmlFor="report-amounts">Figures</label>
          <select id="report-amounts" className="input" value={String(amounts)} onChange={(event) => setAmounts(event.target.value === "true")}>
            <option value="true">Amounts and percentages</option>
            <option value="false">Percentages only</option>
          </select>
        </div>
      </div>
      {accounts.length > 1 ? boxes("Accounts", accounts.map((one) => [one.id, one.name]), picked, setPicked) : null}
      {boxes("Sections", SECTIONS, sections, setSections)}
      <div className="actions">
        <button type="button" className="btn primary" disabled={!isWhole || busy !== ""} onClick={preview}>Preview</button>
        <button type="button" className="btn" disabled={!isWhole || busy !== ""} onClick={() => keep("pdf")}>Save as PDF</button>
        <button type="button" className="btn" disabled={!isWhole || busy !== ""} onClick={() => keep("html")}>Save as HTML</button>
        {["preview", "pdf", "html"].includes(busy) ? (
          <>
            <span className="soft small" role="status">Making the report …</span>
            <button type="button" className="btn ghost" onClick={() => stopping.current?.abort()}>Cancel</button>
          </>
        ) : null}
      </div>
      <Problem text={problem} />
      {said ? <div className="note good" role="status">{said}</div> : null}
      {page ? <iframe className="report-page" title="Preview of the report" sandbox="" srcDoc={page} /> : null}
      <div className="fields halves">
        <form onSubmit={(event) => sent(event, "report-schedules", (form) => ({ every: form.every }),
          () => setSaid("It is mailed when the running period is over."))}>
          <h3>Have it mailed</h3>
          <p className="soft small">To {mailTo}, the address you sign in with, after each period of this market. The period chosen above does not matter here.</p>
          {mailReady ? null : <p className="note">No mail server is set up, so nothing is sent yet. An admin sets one up under Settings, Connections; until then each report waits.</p>}
          <div className="actions">
            <select name="every" className="input" aria-label="How often" defaultValue="month">
              {EVERY.map(([name, words]) => <option key={name} value={name}>{words}</option>)}
            </select>
            <button type="submit" className="btn" disabled={!isSaid || busy !== ""}>Mail it</button>
          </div>
        </form>
        {url ? <Given url={url} onClose={() => setUrl("")} /> : (
          <form onSubmit={(event) => sent(event, "report-links",
            (form) => ({ period: written, label: form.label, expires_days: Number(form.expires_days) }), (told) => setUrl(told.url))}>
            <h3>Share it by a link</h3>
            <p className="soft small">Whoever has the link sees this report and nothing else, without signing in, until it ends. It shows your name.</p>
            {owns ? (
              <div className="actions">
                <input name="label" className="input" required maxLength={60} autoComplete="off" aria-label="Whom it is for" placeholder="Whom it is for" />
                <select name="expires_days" className="input" aria-label="Ends after" defaultValue="30">
                  {DAYS.map(([count, words]) => <option key={count} value={count}>Ends after {words}</option>)}
                </select>
                <button type="submit" className="btn" disabled={!isWhole || busy !== ""}>Make a link</button>
              </div>
            ) : <p className="note">Only the owner of an account can share it by a link.</p>}
          </form>
        )}
      </div>
    </div>
  );
}
