// The analyst's conversations, over REST. An answer streams in as plain text and is replaced at its end by the
// HTML that the server has made safe. Nothing a model says is ever put into the page as it is.
import { useCallback, useEffect, useRef, useState } from "react";
import { usd } from "./brief.jsx";
import { ask } from "./rest.js";

const API = "/api/v1/assistant";
const LOOK_MS = 1_500;
const FIRST = [
  "How is my book doing, and what drives it?",
  "What did I pay in fees, and why did my last fill get its price?",
  "Where am I concentrated?",
  "Compare my return with the index. Why do the three returns differ?",
];

async function call(path, method = "GET", body) {
  const { ok, told, problem } = await ask(API + path, { method, body });
  return ok ? [told, ""] : [null, problem];
}

// Server-sent events of a POST, one after the other.
async function* listen(path, body) {
  const answer = await fetch(API + path, {
    method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    yield ["problem", { text: told.detail ?? "The server could not answer. Try again in a moment." }];
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    waiting += value;
    const frames = waiting.split("\n\n");
    waiting = frames.pop();
    for (const frame of frames) {
      const name = /^event: (.*)$/m.exec(frame)?.[1];
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (name && data) yield [name, JSON.parse(data)];
    }
  }
}

const figure = (text) => Number(text).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const shares = (text) => Number(text).toLocaleString("en-US", { maximumFractionDigits: 6 });
const words = (name) => name.replaceAll("_", " ");
const plain = (value) => (Array.isArray(value) && value.every((one) => typeof one !== "object") ? value.join(", ") : value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));

function openFact(event) {
  const link = event.target.closest?.('a[href^="#fact-"]');
  if (!link) return;
  event.preventDefault();
  const fact = document.getElementById(link.getAttribute("href").slice(1));
  if (!fact) return;
  fact.closest("details").open = true;
  fact.scrollIntoView({ block: "center" });
  fact.focus({ preventScroll: true });
}

function Tool({ one }) {
  const given = one.name === "propose_order" ? [] : Object.entries(one.args ?? {});
  const count = one.facts?.length ?? 0;
  const state = one.problem ? "refused" : one.state ?? `${count} ${count === 1 ? "fact" : "facts"}`;
  return (
    <details className="toolcall">
      <summary>
        <span>{one.title}</span>
        <span className="muted">{given.filter(([name]) => !name.endsWith("id")).map(([, value]) => plain(value)).join(", ").slice(0, 80)}</span>
        <span className="push" />
        {one.outside_text ? <span className="badge quiet">Text from outside</span> : null}
        <span className="muted small">{state}</span>
      </summary>
      <div className="scroll">
        {one.problem ? <p className="small">{one.problem}</p> : null}
        {one.facts?.map((fact) => (
          <div key={fact.ref} id={`fact-${fact.ref.slice(1, -1)}`} className="fact" tabIndex={-1}>
            <b>{fact.ref.slice(1, -1)}</b>
            <span>
              {Object.entries(fact).filter(([name]) => name !== "ref").map(([name, value]) => (
                <span key={name}><i>{words(name)}</i> {plain(value)} </span>
              ))}
            </span>
          </div>
        ))}
      </div>
    </details>
  );
}

// Instead of opening the ticket oneself: put it before those who trade on the account.
function ToApprovals({ one }) {
  const [stage, setStage] = useState("");
  const [problem, setProblem] = useState("");
  const send = async (event) => {
    event.preventDefault();
    const invalidation = new FormData(event.currentTarget).get("invalidation");
    const [told, wrong] = await call(`/proposals/${one.id}/approval`, "POST", { invalidation });
    setProblem(wrong);
    if (told) setStage("sent");
  };
  if (stage === "sent") return <a className="link small" href="/approvals">It waits under Approvals</a>;
  if (stage === "") return <button type="button" className="btn" onClick={() => setStage("asking")}>Send to approvals</button>;
  return (
    <form className="toapprovals" onSubmit={send}>
      <label htmlFor={`wrong-${one.id}`} className="small">Wrong if</label>
      <input id={`wrong-${one.id}`} name="invalidation" className="input" required maxLength={1000} autoComplete="off"
        placeholder="What would show that it is not sensible" />
      <button type="submit" className="btn">Send</button>
      {problem ? <div className="note bad" role="alert">{problem}</div> : null}
    </form>
  );
}

function Ticket({ one }) {
  const [state, setState] = useState(one.state);
  useEffect(() => {
    setState(one.state);
    if (one.state !== "open") return;
    const timer = setTimeout(() => setState("expired"), Math.max(0, new Date(one.expires_at) - Date.now()));
    return () => clearTimeout(timer);
  }, [one.state, one.expires_at]);
  const seen = one.preview;
  const side = one.side === "buy" ? "Buy" : "Sell";
  const type = one.type === "limit" ? `Limit at ${figure(one.limit_price)}` : "Market";
  const row = (name, value) => (value === null || value === undefined ? null : <div key={name}><span>{name}</span><span className="mono">{value}</span></div>);
  const proceeds = Number(seen.est_cost) < 0;
  return (
    <article className="proposal" aria-label={`Proposed order: ${side} ${shares(one.qty)} ${one.symbol}`}>
      <header>
        <b>{side} {shares(one.qty)} {one.symbol}</b>
        <span className="soft small">{type} · {one.time_in_force === "gtc" ? "Until canceled" : "Day"} · {one.account_name}</span>
      </header>
      <p className="small">{one.why}</p>
      <div className="rows">
        {row("Est. price", seen.est_price && figure(seen.est_price))}
        {row(proceeds ? "Est. proceeds" : "Est. cost", seen.est_cost && figure(Math.abs(Number(seen.est_cost))))}
        {row("Est. fees", seen.est_fees && figure(seen.est_fees))}
        {row("Buying power after", seen.buying_power_after && figure(seen.buying_power_after))}
        {row("Position after", `${shares(seen.signed_qty)} → ${shares(seen.signed_qty_after)}`)}
      </div>
      {seen.refusals.map((text) => <div key={text} className="note bad">{text}</div>)}
      {seen.warnings.map((text) => <div key={text} className="note warn">{text}</div>)}
      <footer>
        {state === "open" ? (
          <>
            <a className="btn primary" href={`/trade/${encodeURIComponent(one.symbol)}?proposal=${one.id}`}>Review</a>
            <ToApprovals one={one} />
            <span className="muted small">Nothing is sent until you send it. It waits ten minutes.</span>
          </>
        ) : state === "used" ? (
          <span className="small">You sent it. <a className="link" href={`/orders?order=${one.order_id}`}>See the order</a></span>
        ) : <span className="muted small">This proposal has expired. Ask again for a new one.</span>}
      </footer>
    </article>
  );
}

function Said({ one, proposals }) {
  const saved = Number(one.saved_usd ?? 0);
  return (
    <>
      <div className="asked">{one.question}</div>
      <div className="answered">
        {one.tools.length ? <div className="toolcalls">{one.tools.map((tool) => <Tool key={tool.id} one={tool} />)}</div> : null}
        {one.html ? <div className="written" dangerouslySetInnerHTML={{ __html: one.html }} /> : null}
        {proposals.map((ticket) => <Ticket key={ticket.id} one={ticket} />)}
        {one.problem ? <div className="note warn" role="status">{one.problem}</div> : null}
        {one.footnotes.length ? (
          <ol className="footnotes" aria-label="Footnotes">
            {one.footnotes.map((note) => <li key={note.number}><a href={`#fact-${note.number}`}>{note.number}</a> {note.words}</li>)}
          </ol>
        ) : null}
        <p className="muted small cost">
          {one.dropped ? `${one.dropped} ${one.dropped === 1 ? "footnote" : "footnotes"} pointed to nothing and ${one.dropped === 1 ? "was" : "were"} taken out. ` : ""}
          {one.cost_usd !== null ? `${usd(one.cost_usd)} USD` : ""}
          {saved > 0 ? ` · the cache saved ${usd(saved)} USD` : ""}
          {one.model ? ` · ${one.model}` : ""}
        </p>
      </div>
    </>
  );
}

function Live({ now }) {
  return (
    <>
      {now.question ? <div className="asked">{now.question}</div> : null}
      <div className="answered" aria-busy="true">
        {now.tools.length ? <div className="toolcalls">{now.tools.map((tool) => <Tool key={tool.id} one={tool} />)}</div> : null}
        {now.text ? <div className="written streaming">{now.text}</div> : <p className="muted small thinking">Reading and thinking …</p>}
      </div>
    </>
  );
}

export function Analyst({ connected, why, onSpent }) {
  const [chats, setChats] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [found, setFound] = useState(null);
  const [live, setLive] = useState(null);
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const [listed, setListed] = useState(false);
  const [sure, setSure] = useState(false);
  const end = useRef(null);
  const field = useRef(null);
  const here = useRef(null);

  const list = useCallback(async () => {
    const [told, wrong] = await call("/chats");
    if (told) setChats(told.items); else { setChats([]); setProblem(wrong); }
  }, []);

  const read = useCallback(async (id) => {
    const [told, wrong] = await call(`/chats/${id}`);
    if (here.current !== id) return null;
    if (told) setFound(told); else { setProblem(wrong); setFound(null); }
    return told;
  }, []);

  const choose = useCallback(async (id) => {
    here.current = id;
    setChosen(id);
    setFound(null);
    setLive(null);
    setProblem("");
    setListed(false);
    setSure(false);
    const url = new URL(location.href);
    url.search = id ? `?chat=${id}` : "";
    history.replaceState(history.state, "", url);
    if (id) await read(id); else field.current?.focus();
  }, [read]);

  useEffect(() => {
    const query = new URLSearchParams(location.search);
    const about = query.get("about");
    list();
    if (query.get("chat")) choose(query.get("chat"));
    if (about && /^[A-Za-z0-9.^=-]{1,20}$/.test(about)) {
      setText(`What should I know about ${about.toUpperCase()}, and what do I hold of it?`);
      field.current?.focus();
    }
  }, []);

  // An answer that was begun in another window, or before this page was opened.
  useEffect(() => {
    if (!found?.chat.answering || live) return;
    const timer = setTimeout(() => read(found.chat.id), LOOK_MS);
    return () => clearTimeout(timer);
  }, [found, live, read]);

  useEffect(() => { end.current?.scrollIntoView({ block: "nearest" }); }, [live, found]);

  const send = async (question) => {
    const asked = question.trim();
    if (!asked || live || found?.chat.answering) return;
    setProblem("");
    let id = chosen;
    if (!id) {
      const [made, wrong] = await call("/chats", "POST", {});
      if (!made) { setProblem(wrong); return; }
      id = made.id;
      await choose(id);
    }
    setText("");
    let now = { question: asked, text: "", tools: [] };
    setLive(now);
    const show = (change) => { now = { ...now, ...change }; if (here.current === id) setLive(now); };
    try {
      for await (const [name, data] of listen(`/chats/${id}/messages`, { text: asked })) {
        if (name === "text") show({ text: now.text + data.text });
        else if (name === "tool") {
          const others = now.tools.filter((tool) => tool.id !== data.id);
          show({ text: data.state === "running" && now.text ? `${now.text.trimEnd()}\n\n` : now.text, tools: [...others, data] });
        } else if (name === "problem" && here.current === id) setProblem(data.text);
      }
    } catch {
      if (here.current === id) setProblem("The connection was lost. The answer goes on; it is shown as soon as it is there.");
    }
    const told = await read(id);
    if (here.current === id) { setLive(null); if (told?.exchanges.at(-1)?.problem) setProblem(""); }
    list();
    onSpent?.();
    field.current?.focus();
  };

  const keys = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) { event.preventDefault(); send(text); }
  };
  const rename = async (event) => {
    const title = event.target.value.trim();
    if (!title || title === found.chat.title) return;
    const [told, wrong] = await call(`/chats/${chosen}`, "PATCH", { title });
    if (told) { setFound({ ...found, chat: told }); list(); } else setProblem(wrong);
  };
  const remove = async () => {
    if (!sure) { setSure(true); return; }
    const [told, wrong] = await call(`/chats/${chosen}`, "DELETE");
    if (!told) { setProblem(wrong); return; }
    await choose(null);
    list();
  };

  if (!connected && !chats?.length) return null;
  const busy = live !== null || Boolean(found?.chat.answering);
  const of = (at, next) => (found?.proposals ?? []).filter((one) => one.created_at >= at && (!next || one.created_at < next));
  const exchanges = found?.exchanges ?? [];
  const going = found?.chat.answering && !live;
  return (
    <div className="analyst" data-listed={listed}>
      <aside className="panel" aria-label="Conversations">
        <header>
          <h2>Conversations</h2>
          <span className="push" />
          <button type="button" className="btn tiny" onClick={() => choose(null)} disabled={!connected}>New</button>
        </header>
        <nav aria-label="Conversations">
          {chats === null ? <div className="skeleton" /> : null}
          {chats?.map((one) => (
            <button key={one.id} type="button" aria-current={one.id === chosen ? "true" : undefined} onClick={() => choose(one.id)}>
              <span>{one.title || "New conversation"}</span>
              <span className="muted small">{new Date(one.updated_at).toLocaleString("en-US", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false })}</span>
            </button>
          ))}
          {chats?.length === 0 ? <p className="muted small">Your questions and their answers are kept here until you delete them.</p> : null}
        </nav>
      </aside>
      <section className="panel talk" aria-label="Conversation">
        <header>
          <button type="button" className="btn tiny phoneonly" aria-expanded={listed} onClick={() => setListed(!listed)}>All</button>
          {found ? (
            <input key={found.chat.id + found.chat.title} className="title" defaultValue={found.chat.title || "New conversation"} aria-label="Title of this conversation" maxLength={80}
              onBlur={rename} onKeyDown={(event) => { if (event.key === "Enter") event.target.blur(); }} />
          ) : <h2>New conversation</h2>}
          <span className="push" />
          {found ? <button type="button" className="btn tiny danger" onClick={remove} onBlur={() => setSure(false)}>{sure ? "Really delete?" : "Delete"}</button> : null}
        </header>
        <div className="messages" onClick={openFact}>
          {!chosen && !live ? (
            <div className="first">
              <p className="soft">Ask about your accounts, your orders or a symbol. Every figure carries a footnote to where it comes from. The analyst can fill in a ticket; only you can send it.</p>
              {FIRST.map((question) => <button key={question} type="button" className="btn" disabled={!connected} onClick={() => send(question)}>{question}</button>)}
            </div>
          ) : null}
          {exchanges.map((one, number) => going && number === exchanges.length - 1 ? (
            <Live key={one.id} now={{ question: one.question, text: found.partial, tools: one.tools }} />
          ) : live && number === exchanges.length - 1 && one.question === live.question && !one.answered_at ? null : (
            <Said key={one.id} one={one} proposals={of(one.asked_at, exchanges[number + 1]?.asked_at)} />
          ))}
          {live ? <Live now={live} /> : null}
          <div ref={end} />
        </div>
        <div aria-live="assertive">{problem ? <div className="note bad" role="alert">{problem}</div> : null}</div>
        {found?.chat.has_outside_text ? (
          <div className="note">
            This conversation has read text from outside, so the analyst proposes no orders in it.
            <button type="button" className="btn tiny" onClick={() => choose(null)}>Start a new one</button>
          </div>
        ) : null}
        <form className="composer" onSubmit={(event) => { event.preventDefault(); send(text); }}>
          <textarea ref={field} className="input" rows={2} value={text} maxLength={4000} disabled={!connected} aria-label="Your question"
            placeholder={connected ? "Ask the analyst. Enter sends, Shift+Enter makes a new line." : why}
            onChange={(event) => setText(event.target.value)} onKeyDown={keys} />
          {busy ? (
            <button type="button" className="btn" onClick={() => call(`/chats/${chosen}/stop`, "POST")}>Stop</button>
          ) : <button type="submit" className="btn primary" disabled={!connected || !text.trim()}>Ask</button>}
        </form>
      </section>
    </div>
  );
}
