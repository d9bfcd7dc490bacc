// Shows below the form of a schedule when it will fire, while it is filled in.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("convoy-preview");
  const form = place && place.closest("form");
  if (!form || !form.elements.namedItem("kind")) {
    return;
  }
  let latest = 0;
  const show = (words, lines) => {
    const list = document.createElement("ul");
    for (const text of lines) {
      list.appendChild(document.createElement("li")).textContent = text;
    }
    const said = document.createElement("p");
    said.textContent = words;
    place.replaceChildren(said, list);
  };
  const look = async () => {
    const mine = ++latest;
    const answer = await fetch(place.dataset.url, { method: "POST", body: new FormData(form) });
    if (!answer.ok || mine !== latest) {
      return;
    }
    const found = await answer.json();
    if (found.errors) {
      show(Object.values(found.errors).flat().join(" "), []);
    } else {
      show(found.words, found.times.map(([utc, local]) => `${local} (${utc} UTC)`));
    }
  };
  form.addEventListener("change", look);
});
