// The browser's side of passkeys: what REST says in base64url becomes bytes, and back.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const listed = (keys) => (keys ?? []).map((one) => ({ ...one, id: bytes(one.id) }));
const sent = (key, response) => ({ id: key.id, rawId: text(key.rawId), type: key.type, response });

// A browser has them on https, or on localhost, and never under a bare number.
export const hasPasskeys = () =>
  window.isSecureContext && !!window.PublicKeyCredential && !/^[\d.]+$|^\[/.test(location.hostname);

export const whyNot = (error) =>
  ({
    InvalidStateError: "This device has a passkey for you already.",
    SecurityError: "Passkeys do not work at this address.",
    NotSupportedError: "This device cannot make such a passkey.",
  })[error?.name] ?? "Nothing was chosen, or it took too long. Try again.";

export async function makeKey(options) {
  const key = await navigator.credentials.create({
    publicKey: {
      ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: listed(options.excludeCredentials),
    },
  });
  const { clientDataJSON, attestationObject } = key.response;
  return sent(key, { clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject) });
}

export async function useKey(options) {
  const key = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: listed(options.allowCredentials) },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = key.response;
  return sent(key, {
    clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature),
    ...(userHandle ? { userHandle: text(userHandle) } : {}),
  });
}
