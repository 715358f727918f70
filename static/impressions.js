// Tells the shop which recommended cards were really in view: half of one for a second, each once.

const address = document.currentScript.dataset.address;
const WAIT = 2000;
const waiting = new Map(); // impression -> positions to tell
let timer = null;

function tell() {
  clearTimeout(timer);
  timer = null;
  if (!waiting.size) return;
  const lists = [...waiting].map(([impression, positions]) => ({ impression, positions: [...positions] }));
  waiting.clear();
  const body = new Blob([JSON.stringify(lists)], { type: "application/json" });
  if (navigator.sendBeacon?.(address, body)) return;
  fetch(address, { method: "POST", body, keepalive: true }).catch(() => {});
}

function note(card) {
  const list = card.parentElement;
  if (!list) return; // swapped out while it was looked at
  const { impression } = list.dataset;
  if (!waiting.has(impression)) waiting.set(impression, new Set());
  waiting.get(impression).add([...list.children].indexOf(card));
  timer ??= setTimeout(tell, WAIT);
}

const clocks = new Map();
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      clearTimeout(clocks.get(target));
      clocks.delete(target);
      if (!isIntersecting) continue;
      clocks.set(
        target,
        setTimeout(() => {
          observer.unobserve(target);
          clocks.delete(target);
          note(target);
        }, 1000),
      );
    }
  },
  { threshold: 0.5 },
);

function watch(root) {
  for (const card of root.querySelectorAll("[data-impression]:not([data-watched]) > *")) observer.observe(card);
  for (const list of root.querySelectorAll("[data-impression]")) list.dataset.watched = "";
}

watch(document);
document.addEventListener("htmx:load", () => watch(document));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") tell();
});
window.addEventListener("pagehide", tell);
