"""A script that finds every control of a page without a name, for people who do not see it."""

NAMELESS = """() => {
  const shown = (one) => one.offsetParent !== null || one.getClientRects().length > 0;
  const text = (one) => (one?.textContent ?? "").trim();
  const named = (one) =>
    one.getAttribute("aria-label")?.trim() || text(one) || one.title ||
    (one.getAttribute("aria-labelledby") && text(document.getElementById(one.getAttribute("aria-labelledby"))));
  const bad = [];
  for (const one of document.querySelectorAll("input, select, textarea"))
    if (one.type !== "hidden" && !(one.labels?.length && text(one.labels[0])) && !one.getAttribute("aria-label"))
      bad.push("no label: " + one.outerHTML.slice(0, 120));
  for (const one of document.querySelectorAll("button, a[href], summary, [role=button]"))
    if (shown(one) && !named(one)) bad.push("no name: " + one.outerHTML.slice(0, 120));
  for (const one of document.querySelectorAll("img")) if (!one.hasAttribute("alt")) bad.push("no alt: " + one.src);
  for (const one of document.querySelectorAll("[role=img]"))
    if (!one.getAttribute("aria-label")) bad.push("no name: " + one.outerHTML.slice(0, 120));
  for (const one of document.querySelectorAll("table"))
    if (!text(one.caption) && !one.closest("[class^=tv-]")) bad.push("no caption: " + one.outerHTML.slice(0, 120));
  for (const one of document.querySelectorAll("[role=group], [role=region], [role=dialog], nav"))
    if (!one.getAttribute("aria-label")) bad.push("no name: " + one.outerHTML.slice(0, 120));
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) bad.push("twice: #" + id);
  if (document.documentElement.lang !== "en") bad.push("no language");
  if (document.querySelectorAll("main").length !== 1) bad.push("not one main part");
  if (document.querySelectorAll("h1").length !== 1) bad.push("not one h1: " + document.querySelectorAll("h1").length);
  if (!document.title) bad.push("no title");
  return bad;
}"""
