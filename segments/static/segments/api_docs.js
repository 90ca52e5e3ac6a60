/* Sends the request that a form describes, and shows what comes back as it comes. */
"use strict";

const key = document.getElementById("key");

const requestOf = form => {
  const headers = new Headers(key.value && { Authorization: `Bearer ${key.value.trim()}` });
  const query = new URLSearchParams();
  const parts = new FormData();
  let address = form.dataset.path;
  let body;
  for (const field of form.querySelectorAll("[data-place]")) {
    const place = field.dataset.place;
    if (place === "body") body = field.value;
    else if (place === "path") address = address.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (field.type === "file") for (const file of field.files) parts.append(field.name, file);
    else if (!field.value) continue;
    else if (place === "query") query.append(field.name, field.value);
    else if (place === "header") headers.set(field.name, field.value);
    else parts.append(field.name, field.value);
  }
  if (body !== undefined) headers.set("Content-Type", form.dataset.media);
  else if (form.dataset.media) body = parts;
  if (query.size) address += `?${query}`;
  return [address, { method: form.dataset.method, headers, body }];
};

const show = async (answer, box) => {
  const media = answer.headers.get("Content-Type") || "";
  box.hidden = !answer.body || answer.status === 204;
  if (box.hidden) return;
  if (!/json|text/.test(media)) {
    box.textContent = `${(await answer.blob()).size.toLocaleString("en")} bytes of ${media}`;
    return;
  }
  box.textContent = "";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) box.textContent += piece.value;
  if (media.startsWith("application/json")) box.textContent = JSON.stringify(JSON.parse(box.textContent), null, 2);
};

const send = async form => {
  const said = form.querySelector("[role=status]");
  const box = form.querySelector("pre");
  said.textContent = "Sending…";
  box.hidden = true;
  try {
    const answer = await fetch(...requestOf(form));
    said.textContent = `Status ${answer.status} ${answer.statusText}`;
    await show(answer, box);
  } catch (error) {
    said.textContent = `No answer: ${error.message}. Check that the server is running.`;
  }
};

for (const form of document.querySelectorAll("form.try")) {
  form.addEventListener("submit", event => {
    event.preventDefault();
    send(form);
  });
}

/* A link to a request opens it. */
const openTarget = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
};
addEventListener("hashchange", openTarget);
openTarget();
