// Shows in the form of a schedule when it will fire, or which field is wrong, while one types.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("convoy-preview");
  const form = place && place.closest("form");
  if (!form || !form.elements.namedItem("kind")) {
    return;
  }
  place.nextElementSibling.hidden = false; // how many times it lists
  const fields = place.dataset.fields.split(" ");
  const PAUSE = 250; // milliseconds in which nobody types
  let latest = 0;
  let timer;

  const say = (words, lines = []) => {
    const said = document.createElement("p");
    said.textContent = words;
    const list = document.createElement("ul");
    for (const line of lines) {
      list.appendChild(document.createElement("li")).textContent = line;
    }
    place.replaceChildren(said, list);
  };

  // As the admin marks what it refuses.
  const mark = (name, told) => {
    const field = form.elements.namedItem(name);
    const row = field && field.closest(".form-row");
    if (!row) {
      return;
    }
    row.querySelectorAll(".errorlist").forEach((list) => list.remove());
    row.classList.toggle("errors", Boolean(told));
    field.setAttribute("aria-invalid", String(Boolean(told)));
    if (told) {
      const list = document.createElement("ul");
      list.className = "errorlist";
      list.appendChild(document.createElement("li")).textContent = told;
      row.prepend(list);
      row.closest("details")?.setAttribute("open", "");
    }
  };

  const look = async () => {
    const mine = ++latest;
    let found;
    try {
      const answer = await fetch(place.dataset.url, { method: "POST", body: new FormData(form) });
      found = await answer.json();
    } catch {
      found = { words: "When it will fire cannot be said now.", lines: [] };
    }
    if (mine !== latest) {
      return;
    }
    const errors = found.errors || {};
    fields.forEach((name) => mark(name, (errors[name] || []).join(" ")));
    if (found.errors) {
      say(Object.values(errors).flat().join(" "));
    } else {
      say(found.words, found.lines);
    }
  };

  form.addEventListener("input", (event) => {
    if (fields.includes(event.target.name)) {
      clearTimeout(timer);
      timer = setTimeout(look, PAUSE);
    }
  });
});
