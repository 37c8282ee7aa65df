// Forms that name a place with data-into put the answer there instead of leaving the page.
// Without this file the same forms lead to the same answers on pages of their own.
"use strict";

async function put(place, request) {
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(request.url, { ...request.options, headers: { "X-Fragment": "1" } });
    place.innerHTML = await answer.text();
  } catch {
    place.innerHTML = '<p class="note bad" role="alert">The service did not answer. Is it still running?</p>';
  }
  place.removeAttribute("aria-busy");
  watch(place);
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
    .then(() => { if (clears && !place.querySelector(".note.bad")) form.elements[clears].value = ""; });
});

watch(document);
