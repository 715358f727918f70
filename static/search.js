// Helps for the search; every page works without them.

// Suggestions while typing: the combobox of the ARIA Authoring Practices, with a list that is only pointed at.
const box = document.getElementById("search-box");
const list = document.getElementById("search-suggestions");
const WAIT = 120;
let timer = null;
let asking = null;
let typed = "";

function close() {
  clearTimeout(timer);
  asking?.abort();
  list.hidden = true;
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
}

function options() {
  return [...list.querySelectorAll("[role=option]")];
}

function point(option) {
  for (const other of options()) other.setAttribute("aria-selected", String(other === option));
  if (option) {
    box.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else box.removeAttribute("aria-activedescendant");
  box.value = option?.dataset.words ?? typed;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function optionFor({ name, url, words, picture, note }) {
  const option = element("li", "suggestion");
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  option.id = `suggestion-${options().length}`;
  option.dataset.address = url;
  if (words) option.dataset.words = words;
  if (picture) {
    const image = element("img");
    Object.assign(image, { src: picture, alt: "", width: 40, height: 40 });
    option.append(image);
  }
  const label = element("bdi", "suggestion-name", name);
  option.append(label);
  if (note) option.append(element("span", "muted", note));
  return option;
}

function show(found) {
  list.replaceChildren();
  const groups = [
    ["Searches", found.queries.map(({ text, url }) => ({ name: text, url, words: text }))],
    ["Categories", found.categories],
    ["Products", found.products.map((product) => ({ ...product, note: product.price_label }))],
  ];
  for (const [title, entries] of groups) {
    if (!entries.length) continue;
    const group = element("ul");
    const heading = element("li", "suggestion-title", title);
    heading.id = `suggestions-${title.toLowerCase()}`;
    heading.setAttribute("role", "presentation");
    group.setAttribute("role", "group");
    group.setAttribute("aria-labelledby", heading.id);
    group.append(heading);
    list.append(group);
    for (const entry of entries) group.append(optionFor(entry));
  }
  const count = options().length;
  list.hidden = !count;
  box.setAttribute("aria-expanded", String(Boolean(count)));
  box.removeAttribute("aria-activedescendant");
  const status = document.getElementById("suggestions-status");
  status.textContent = count ? `${count} suggestion${count === 1 ? "" : "s"}` : "";
}

async function ask() {
  asking?.abort();
  if (!typed.trim()) return close();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const answer = await fetch(`${list.dataset.address}?${new URLSearchParams({ q: typed })}`, { signal });
    if (answer.ok && document.activeElement === box) show(await answer.json());
  } catch {
    // typed on, or out of reach: the form still works
  }
}

function move(step) {
  const all = options();
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = at === -1 && step < 0 ? all.length - 1 : at + step;
  point(all[next]); // past either end: what was typed
}

if (box && list) {
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-expanded", "false");
  box.setAttribute("aria-controls", list.id);
  box.addEventListener("input", () => {
    typed = box.value;
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const chosen = list.querySelector("[aria-selected=true]");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) {
        typed = box.value;
        ask();
      } else move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      box.value = typed;
      close();
    } else if (event.key === "Enter" && !list.hidden && chosen) {
      event.preventDefault();
      window.location.assign(chosen.dataset.address);
    }
  });
  box.addEventListener("blur", close);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) window.location.assign(option.dataset.address);
  });
}

// An address names only what is set.
document.addEventListener("formdata", (event) => {
  if (!event.target.matches("[data-leave-out-empty]")) return;
  for (const [name, value] of [...event.formData]) {
    if (value === "") event.formData.delete(name);
  }
});
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches("[data-leave-out-empty]")) return;
  const given = event.detail.formData;
  for (const [name, value] of [...given.entries()]) {
    if (value === "") given.delete(name);
  }
});

// What a changed filter left is said aloud; the panel stays as it was.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "search") return;
  const open = document.querySelector("[data-filters]")?.open;
  document.addEventListener(
    "htmx:afterSettle",
    () => {
      const filters = document.querySelector("[data-filters]");
      if (filters && open) filters.open = true;
      const count = document.getElementById("results-heading");
      const status = document.getElementById("search-status");
      if (count && status) status.textContent = count.textContent.trim().replace(/\s+/g, " ");
      showPicture();
    },
    { once: true },
  );
});

// A picture to search by: chosen, dropped on the page, or pasted. It is made small here, if the browser can.
const form = document.querySelector("form[data-by-picture]");
const SIDE = 1024;
const KEPT = "search picture";

async function drawn(file, side) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

async function smaller(file) {
  if (file.size < 1_000_000) return file;
  try {
    const canvas = await drawn(file, SIDE);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
    return blob ? new File([blob], "picture.jpg", { type: "image/jpeg" }) : file;
  } catch {
    return file; // the shop says what is wrong with it
  }
}

async function remember(file) {
  try {
    sessionStorage.setItem(KEPT, (await drawn(file, 144)).toDataURL("image/jpeg", 0.8));
  } catch {
    sessionStorage.removeItem(KEPT);
  }
}

async function searchBy(file) {
  await remember(file);
  const files = new DataTransfer();
  files.items.add(await smaller(file));
  for (const input of form.querySelectorAll("input[type=file]")) input.value = "";
  form.querySelector("input[type=file]").files = files.files;
  form.requestSubmit();
}

// The shopper's own picture beside what it found; it never left this browser but for the search itself.
function showPicture() {
  const shown = document.querySelector("img[data-picture]");
  if (!shown) return;
  const own = `${KEPT} ${shown.dataset.picture}`;
  const kept = sessionStorage.getItem(own) ?? sessionStorage.getItem(KEPT);
  if (!kept) return;
  sessionStorage.setItem(own, kept);
  sessionStorage.removeItem(KEPT);
  shown.src = kept;
  shown.hidden = false;
}

if (form) {
  form.querySelector("[data-drop-hint]").hidden = false;
  form.addEventListener("change", (event) => {
    const [file] = event.target.files ?? [];
    if (file) searchBy(file);
  });
  const pictureIn = (data) => [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));
  document.addEventListener("paste", (event) => {
    const file = pictureIn(event.clipboardData);
    if (!file) return;
    event.preventDefault();
    searchBy(file);
  });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    const file = pictureIn(event.dataTransfer);
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    if (file) searchBy(file);
  });
  showPicture();
}
