// "Confirm it is you": opened by a request that needs a fresh proof, or by the page's state (`asked`) for an event that
// waits. The dialog is loaded when it is first opened; after the proof, which brings a new cookie, sockets are opened
// anew and what was asked goes on.
import { Suspense, lazy, useEffect, useRef, useState } from "react";
import { reopenSocket } from "./rest.js";

const Proof = lazy(() => import("./proof.jsx").then((found) => ({ default: found.Proof })));

export function StepUp({ asked, words, onDone, onLeave }) {
  const [called, setCalled] = useState(false);
  const [told, setTold] = useState("");
  const [over, setOver] = useState(false);
  const answer = useRef(null);
  const renewed = useRef(null);

  useEffect(() => {
    const channel = new BroadcastChannel("sm-session");
    channel.onmessage = reopenSocket; // another tab of this browser has the new cookie, and so have we
    renewed.current = () => channel.postMessage("renewed");
    window.starkmatterStepUp = (about = "") => new Promise((resolve) => { answer.current?.(false); answer.current = resolve; setTold(about); setCalled(true); });
    return () => { delete window.starkmatterStepUp; answer.current?.(false); channel.close(); };
  }, []);
  useEffect(() => { if (!asked) setOver(false); }, [asked]);

  const end = (proven) => {
    setCalled(false);
    answer.current?.(proven);
    answer.current = null;
    if (!asked) return;
    setOver(true);
    (proven ? onDone : onLeave)?.();
  };
  const goOn = async () => {
    renewed.current?.();
    await reopenSocket();
    end(true);
  };

  if (!called && (!asked || over)) return null;
  // `words` and what is told are of an order of real money: what it does.
  return <Suspense fallback={null}><Proof said={called ? told : words} onProven={goOn} onLeave={() => end(false)} /></Suspense>;
}
