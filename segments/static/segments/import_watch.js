// Keeps an import's page up to date: asks for its state each second, less often while nothing moves.

import { drawChart, PHASE_WORDS } from "./import_chart.js";

const SOON = 1000;
const LATEST = 10000;
const SLOWER = 1.5;
const NO_WORKER_AFTER = 15000;

const number = new Intl.NumberFormat("en");
const announcement = document.getElementById("announcement");
const opened = Date.now();
let latest = null;
let delay = SOON;
let shownRevision = -1;
let announced = "";

start();

function start() {
  const state = JSON.parse(document.getElementById("import-state").textContent);
  show(state);
  window.addEventListener("resize", () => show(latest));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) delay = SOON;
  });
  if (!state.is_final) setTimeout(ask, SOON);
}

function page() {
  return document.getElementById("import");
}

function part(name) {
  return page().querySelector(`[data-part=${name}]`);
}

async function ask() {
  try {
    const answer = await fetch(page().dataset.stateUrl, { headers: { Accept: "application/json" } });
    if (answer.redirected || answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const state = await answer.json();
    trouble("");
    delay = state.revision === shownRevision ? Math.min(delay * SLOWER, LATEST) : SOON;
    if (state.is_final || isInterrupted(state) !== (page().dataset.interrupted === "yes")) {
      if (await takeOver()) return;
    } else {
      show(state);
    }
  } catch (error) {
    delay = Math.min(delay * SLOWER, LATEST);
    trouble(`The server cannot be reached (${error.message}). Retrying.`);
  }
  setTimeout(ask, delay);
}

function isInterrupted(state) {
  return state.status === "interrupted";
}

// How an import ended, why it was interrupted and what can be done is written by the server: take
// its part of the page from there. Whether that was the end.
async function takeOver() {
  const answer = await fetch(location.href);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const now = new DOMParser().parseFromString(await answer.text(), "text/html");
  const hadFocus = page().contains(document.activeElement);
  page().replaceWith(document.adoptNode(now.getElementById("import")));
  show(JSON.parse(document.getElementById("import-state").textContent));
  const outcome = document.getElementById("outcome");
  if (!outcome) return false;
  announce(outcome.textContent.trim().replace(/\s+/g, " "));
  if (hadFocus) outcome.focus();
  return true;
}

function show(state) {
  latest = state;
  shownRevision = state.revision;
  for (const place of page().querySelectorAll("[data-count]")) {
    place.textContent = number.format(state[place.dataset.count] ?? 0);
  }
  showPhases(state);
  drawChart(page().querySelector(".import-chart"), state.chart);
  if (!state.is_final) showProgress(state);
}

function showProgress(state) {
  const bar = document.getElementById("bar");
  if (state.fraction === null) bar.removeAttribute("value");
  else bar.value = state.fraction;
  part("words").textContent = state.words;
  const badge = page().querySelector(".import-badge");
  badge.className = `import-badge import-badge-${state.status}`;
  badge.textContent = state.words;
  part("line").textContent = lineOf(state) || "\u00a0";
  part("worker").textContent = state.worker ? `Worker: ${state.worker}.` : "";
  if (state.status === "waiting" && Date.now() - opened > NO_WORKER_AFTER) {
    trouble("No worker has started this import yet. They are busy, or none are running (make run, or manage.py run_workers).");
  }
  announce(`${state.words}${quarter(state.fraction)}`);
}

function lineOf(state) {
  const parts = [];
  if (state.fraction !== null) parts.push(`${Math.floor(state.fraction * 100)} %`);
  if (state.phase === "embedding") {
    const done = state.rows_embedded + state.rows_reused;
    parts.push(`${number.format(done)} of ${number.format(state.rows_staged)} rows`);
  } else if (state.rows_checked) {
    parts.push(`${number.format(state.rows_checked)} rows`);
  }
  if (state.rows_per_second) parts.push(`${number.format(Math.round(state.rows_per_second))} rows per second`);
  if (state.seconds_left !== null) parts.push(`about ${duration(state.seconds_left)} left`);
  return parts.join(" · ");
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function showPhases(state) {
  const names = Object.keys(PHASE_WORDS);
  const now = state.phase === "completed" ? names.length : names.indexOf(state.phase);
  for (const item of page().querySelectorAll("[data-phase]")) {
    const place = names.indexOf(item.dataset.phase);
    item.classList.toggle("is-done", place < now);
    item.classList.toggle("is-ended", place === now && state.is_final);
    if (place === now && !state.is_final) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
}

// Said aloud by screen readers: each phase, and each quarter of it.
function quarter(fraction) {
  return fraction === null || fraction < 0.25 ? "" : `, ${Math.floor(fraction * 4) * 25} %`;
}

function announce(words) {
  if (words === announced) return;
  announced = words;
  announcement.textContent = words;
}

function trouble(words) {
  const place = part("trouble");
  if (!place) return;
  place.hidden = words === "";
  place.textContent = words;
}
