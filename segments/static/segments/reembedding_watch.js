// Keeps a reembedding's page up to date: takes over what the server says now, each second, less
// often while nothing moves.

const SOON = 1000;
const LATEST = 10000;
const SLOWER = 1.5;

const announcement = document.getElementById("announcement");
let delay = SOON;

if (page().dataset.final === "no") setTimeout(ask, SOON);

function page() {
  return document.getElementById("reembedding");
}

async function ask() {
  try {
    const answer = await fetch(location.href);
    if (answer.redirected || answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const now = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (show(now.getElementById("reembedding"))) return;
  } catch (error) {
    delay = Math.min(delay * SLOWER, LATEST);
  }
  setTimeout(ask, delay);
}

// Whether that was the end. The buttons are only touched when others belong there.
function show(now) {
  const isMoving = now.querySelector("#live").innerHTML !== page().querySelector("#live").innerHTML;
  delay = isMoving ? SOON : Math.min(delay * SLOWER, LATEST);
  const isOther = now.dataset.status !== page().dataset.status;
  const isFinal = now.dataset.final === "yes";
  const hadFocus = page().contains(document.activeElement);
  if (isOther) page().replaceWith(document.adoptNode(now));
  else if (isMoving) page().querySelector("#live").replaceWith(document.adoptNode(now.querySelector("#live")));
  if (isOther || isMoving) announce();
  if (isFinal && hadFocus) document.getElementById("outcome").focus();
  return isFinal;
}

// Said aloud by screen readers: each state, each quarter, and the outcome.
function announce() {
  const outcome = document.getElementById("outcome");
  const bar = document.getElementById("bar");
  const quarter = bar && bar.value >= 0.25 ? `, ${Math.floor(bar.value * 4) * 25} %` : "";
  const words = (outcome ?? page().querySelector(".import-badge")).textContent;
  const said = words.trim().replace(/\s+/g, " ") + quarter;
  if (said !== announcement.textContent) announcement.textContent = said;
}
