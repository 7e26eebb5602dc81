// A file on its way to an import, and looking again while the worker has one.
import { useEffect, useRef, useState } from "react";

const MOST_BYTES = 32 * 1024 * 1024;
const LOOK_MS = 700;
const UNREACHED = "The server cannot be reached. Nothing was taken; try again.";

// Its bytes go to REST and to nothing else; a page's events never carry them.
function send(account, file, told) {
  const request = new XMLHttpRequest();
  const query = new URLSearchParams({ file_name: file.name });
  request.open("POST", `/api/v1/accounts/${account}/imports?${query}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.onprogress = (event) => told({ sent: event.loaded / Math.max(event.total, 1) });
  request.onload = () => {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
    if (request.status === 202) told({ done: answer.id });
    else told({ problem: answer.detail ?? "The server could not answer. Try again in a moment." });
  };
  request.onerror = () => told({ problem: UNREACHED });
  request.onabort = () => told({ problem: "The upload was stopped. Nothing was taken." });
  request.send(file);
  return request;
}

export function UploadImport({ account, onDone }) {
  const [sent, setSent] = useState(null);
  const [problem, setProblem] = useState("");
  const [over, setOver] = useState(false);
  const [name, setName] = useState("");
  const request = useRef(null);
  const field = useRef(null);

  useEffect(() => () => request.current?.abort(), []);

  const take = (file) => {
    if (!file || sent !== null) return;
    setProblem("");
    setName(file.name);
    if (file.size > MOST_BYTES) { setProblem("The file is larger than 32 MB. Export a shorter period."); return; }
    if (!file.size) { setProblem("The file is empty."); return; }
    setSent(0);
    // What is chosen on the page, which the server may be told of a moment later.
    const chosen = document.getElementById("import-target")?.value || account;
    request.current = send(chosen, file, (told) => {
      if (told.sent !== undefined) { setSent(told.sent); return; }
      setSent(null);
      if (field.current) field.current.value = "";
      if (told.problem) setProblem(told.problem);
      else onDone(told.done);
    });
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files?.[0]);
  };

  return (
    <div className="field">
      <label htmlFor="import-file">A file that another program exported</label>
      <div className="dropzone" data-over={over ? "yes" : "no"} onDrop={drop}
        onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}>
        <input id="import-file" ref={field} type="file" className="input file" disabled={sent !== null}
          accept=".csv,.txt,.tsv,.json,.xml,.ofx,.qfx,text/csv,text/plain,application/json,application/xml"
          onChange={(event) => take(event.target.files?.[0])} />
        <span className="hint">Or drop it here. CSV, JSON, XML, OFX and QFX, up to 32 MB and 50,000 lines.</span>
      </div>
      <div aria-live="polite">
        {sent !== null ? (
          <div className="going">
            <span className="small">Sending {name} …</span>
            <progress max="1" value={sent} aria-label="Sent" />
            <button type="button" className="btn tiny" onClick={() => request.current?.abort()}>Stop</button>
          </div>
        ) : null}
        {problem ? <div className="note bad" role="alert">{problem}</div> : null}
      </div>
    </div>
  );
}

export function FollowImport({ active, onLook }) {
  const look = useRef(onLook);
  look.current = onLook;
  useEffect(() => {
    if (!active) return undefined;
    const timer = setInterval(() => { if (document.visibilityState === "visible") look.current(); }, LOOK_MS);
    return () => clearInterval(timer);
  }, [active]);
  return null;
}
