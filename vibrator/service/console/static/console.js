// Forms that name a place with data-into put the answer there instead of leaving the page.
// Without this file the same forms lead to the same answers on pages of their own.
"use strict";

async function put(place, request) {
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(request.url, { ...request.options, headers: { "X-Fragment": "1" } });
    if (answer.status === 401 || answer.url.endsWith("/console/login")) location.assign("/console/login");
    else if (answer.headers.get("content-type").startsWith("text/html")) place.innerHTML = await answer.text();
    else complain(place, (await answer.json()).detail);
  } catch {
    complain(place, "The service did not answer. Is it still running?");
  }
  place.removeAttribute("aria-busy");
  watch(place);
}

// The words may be somebody's own: they are put in as text, never as markup.
function complain(place, words) {
  const note = Object.assign(document.createElement("p"), { className: "note bad", textContent: words });
  note.setAttribute("role", "alert");
  place.replaceChildren(note);
}

function watch(within) {
  for (const live of within.querySelectorAll("[data-refresh]")) {
    setTimeout(() => put(live.parentElement, { url: live.dataset.refresh, options: {} }), 700);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const place = document.getElementById(form.dataset.into);
  if (!place) return;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  const body = form.enctype === "multipart/form-data" ? data : new URLSearchParams(data);
  const clears = event.submitter && event.submitter.dataset.clears;
  put(place, { url: event.submitter?.getAttribute("formaction") || form.action, options: { method: "POST", body } })
    .then(() => {
      if (clears && !place.querySelector(".note.bad")) form.elements[clears].value = "";
      const { top } = place.getBoundingClientRect(); // an answer out of sight is brought into it
      if (top < 0 || top > innerHeight - 120) place.scrollIntoView();
    });
});

watch(document);
