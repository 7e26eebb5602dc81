// For pages that are no page of the frame: the theme this browser has chosen, before the first paint.
const chosen = localStorage.getItem("sm-theme") || "dark";
const dark = chosen === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen !== "light";
document.documentElement.dataset.theme = dark ? "dark" : "light";
