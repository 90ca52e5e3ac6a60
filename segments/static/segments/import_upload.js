// Takes a dropped file, shows what was chosen, and uploads it with a bar.

const form = document.getElementById("upload");
const input = document.getElementById("file");
const drop = document.getElementById("drop");
const error = document.getElementById("upload-error");
const uploading = document.getElementById("uploading");
const bar = document.getElementById("upload-bar");
const line = document.getElementById("upload-line");
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

input.addEventListener("change", showChosen);
form.addEventListener("submit", upload);
window.addEventListener("pageshow", showChosen);

// A file that is dropped beside the field must not replace the page.
for (const kind of ["dragover", "drop"]) {
  window.addEventListener(kind, (event) => event.preventDefault());
}
drop.addEventListener("dragover", () => drop.classList.add("is-over"));
drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
drop.addEventListener("drop", (event) => {
  drop.classList.remove("is-over");
  const files = event.dataTransfer.files;
  if (files.length !== 1) return refuse("Drop one file.");
  input.files = files;
  showChosen();
});

function showChosen() {
  const file = input.files[0];
  error.hidden = error.textContent === "" || Boolean(file);
  document.getElementById("chosen").textContent = file ? size(file.size) : "";
}

function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  const [unit, per] = bytes < 1024 ** 2 ? ["KB", 1024] : ["MB", 1024 ** 2];
  return `${number.format(bytes / per)} ${unit}`;
}

function upload(event) {
  event.preventDefault();
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  request.upload.addEventListener("progress", (progress) => show(progress.loaded, progress.total));
  request.addEventListener("load", () => answered(request));
  request.addEventListener("error", () => refuse("The upload failed. Try again."));
  busy(true);
  show(0, input.files[0].size);
  request.send(new FormData(form));
}

function answered(request) {
  if (request.status === 413) return refuse("The file is larger than the server allows.");
  if (request.response?.url) {
    line.textContent = "Checking the file";
    bar.removeAttribute("value");
    location.assign(request.response.url);
    return;
  }
  refuse(request.response?.error ?? `The server answered ${request.status}. Try again.`);
}

function show(done, all) {
  bar.value = all ? done / all : 0;
  line.textContent = `Uploading: ${size(done)} of ${size(all)}`;
}

function refuse(words) {
  busy(false);
  error.textContent = words;
  error.hidden = false;
}

function busy(is) {
  uploading.hidden = !is;
  form.querySelector("[type=submit]").disabled = is;
}
