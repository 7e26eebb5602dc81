// Requests to REST from the page. One that needs a fresh proof of who it is opens the dialog and is sent again after it.
const UNREACHED = "The server cannot be reached. Nothing was changed; try again.";
const NO_ANSWER = "The server could not answer. Try again in a moment.";
const LET_GO_MS = 60;

let underWay = 0;

async function once(path, method, body) {
  underWay += 1;
  try {
    const answer = await fetch(path, {
      method, credentials: "same-origin",
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    const told = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    return { ok: answer.ok, status: answer.status, told, problem: answer.ok ? "" : told.detail ?? NO_ANSWER };
  } finally {
    underWay -= 1;
  }
}

// Once every request of this page has its answer, and the browser the cookie that one may bring.
export async function answered() {
  while (underWay) await new Promise((done) => setTimeout(done, LET_GO_MS));
}

// { ok, status, told, problem }: `told` is the answer's body, `problem` what went wrong in words.
export async function ask(path, { method = "POST", body } = {}) {
  try {
    const first = await once(path, method, body);
    if (first.told.code !== "step_up_required" || !window.starkmatterStepUp) return first;
    if (await window.starkmatterStepUp(first.told.live ? first.told.detail : "")) return await once(path, method, body);
    return { ...first, problem: "Nothing was changed: it was not confirmed." };
  } catch {
    return { ok: false, status: 0, told: {}, problem: UNREACHED };
  }
}

const safe = (path) => (/^\/(?![/\\])[\w\-./?=&%^]*$/.test(path ?? "") ? path : "/");

let leaving = false;
if (typeof window !== "undefined") window.addEventListener("pageshow", () => { leaving = false; });

// Load another page as a whole. A page that is on its way out goes nowhere else: who signs out is sent to the door by
// the form and by the stream that is closed to them, and of two loads at once the second cuts off the first.
export function leave(path) {
  if (leaving) return;
  leaving = true;
  location.assign(path);
}

// After a sign-in: the page that was asked for, else the last one; as a whole load, so that its socket has the cookie.
export function goOn(next) {
  const back = sessionStorage.getItem("sm-last");
  leave(safe(new URLSearchParams(location.search).get("next") ?? back ?? next));
}

export function goTo(next) {
  sessionStorage.removeItem("sm-last");
  leave(safe(new URLSearchParams(location.search).get("next") ?? next));
}

// The cookie of the page's event socket is that of its handshake. The framework lets go of the socket when a page is
// hidden and connects again, with the state it had, when it is seen.
export async function reopenSocket() {
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  await new Promise((done) => setTimeout(done, LET_GO_MS));
  document.dispatchEvent(new Event("visibilitychange"));
}
