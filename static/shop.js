// Small helps; every page works without them.

// A change of a filter or of the order applies itself.
for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

// A form that must be sent once shows that it was.
for (const form of document.querySelectorAll("form[data-submit-once]")) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button[type=submit]")) button.disabled = true;
  });
  // Coming back with the browser's own button finds the form usable again.
  window.addEventListener("pageshow", () => {
    for (const button of form.querySelectorAll("button[type=submit]")) button.disabled = false;
  });
}

// A small picture shows itself large in place.
for (const gallery of document.querySelectorAll("[data-gallery]")) {
  const main = gallery.querySelector(".gallery-main img");
  gallery.addEventListener("click", (event) => {
    const link = event.target.closest(".gallery-thumbs a");
    if (!link) return;
    event.preventDefault();
    main.src = link.href;
    main.alt = link.querySelector("img").alt;
  });
}

// An open menu closes with Escape, and when something else is clicked.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// The present department is in view on a narrow screen too.
const department = document.querySelector(".departments [aria-current]");
if (department) {
  const row = department.closest("ul");
  row.scrollLeft = department.offsetLeft - row.offsetLeft - 32;
}

// A note over the page leaves after a while, unless someone is at it.
document.addEventListener("htmx:afterSwap", () => {
  for (const toast of document.querySelectorAll(".message.toast")) {
    setTimeout(function leave() {
      if (toast.matches(":hover, :focus-within")) setTimeout(leave, 3000);
      else toast.remove();
    }, 10000);
  }
});

// A change that did not reach the shop says so.
for (const trouble of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(trouble, () => {
    const message = document.createElement("p");
    message.className = "message toast error";
    message.textContent = "That did not work. Load the page again and try once more.";
    document.getElementById("messages").replaceChildren(message);
  });
}

// What an Undo gives back is where the keyboard goes on.
document.addEventListener("htmx:beforeSwap", (event) => {
  const note = event.detail.target;
  if (!note.matches(".card-hidden") || !event.detail.shouldSwap) return;
  const button = note.parentElement.querySelector(".card-hide");
  // The card takes the focus once it is shown again, which a busy browser may put off.
  setTimeout(function focus(_event, tries = 40) {
    button.focus();
    if (document.activeElement !== button && tries) setTimeout(focus, 50, undefined, tries - 1);
  }, 50);
});
