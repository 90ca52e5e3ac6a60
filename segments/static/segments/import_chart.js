// Draws the rates of an import's phases over its life, in the size that the page gives.

const SPACE = { left: 8, right: 8, top: 18, bottom: 20 };
const HEIGHT = 160;
const SVG = "http://www.w3.org/2000/svg";

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const seconds = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const PHASE_WORDS = {
  preparing: "reading and checking",
  embedding: "embedding",
  publishing: "publishing",
};

// `rates` are [{phase, start, end, rows_per_second}], in order of time.
export function drawChart(figure, rates) {
  figure.hidden = rates.length === 0;
  if (figure.hidden) return;
  const svg = figure.querySelector("svg");
  const width = Math.max(svg.clientWidth, 200);
  const end = Math.max(...rates.map((rate) => rate.end));
  const most = Math.max(...rates.map((rate) => rate.rows_per_second), 1);
  const x = (second) => SPACE.left + (second / end) * (width - SPACE.left - SPACE.right);
  const y = (rate) => HEIGHT - SPACE.bottom - (rate / most) * (HEIGHT - SPACE.top - SPACE.bottom);
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  svg.replaceChildren(
    line("chart-axis", SPACE.left, y(0), width - SPACE.right, y(0)),
    line("chart-grid", SPACE.left, y(most), width - SPACE.right, y(most)),
    ...phasesOf(rates).map(([phase, of]) => area(phase, of, x, y)),
    text(`${number.format(most)} rows per second`, SPACE.left, SPACE.top - 6, "start"),
    text("0 s", SPACE.left, HEIGHT - 5, "start"),
    text(`${seconds.format(end)} s`, width - SPACE.right, HEIGHT - 5, "end"),
  );
  describe(figure, svg, rates);
}

function phasesOf(rates) {
  const phases = new Map();
  for (const rate of rates) phases.set(rate.phase, [...(phases.get(rate.phase) ?? []), rate]);
  return [...phases];
}

function area(phase, rates, x, y) {
  const steps = rates.flatMap((rate) => [
    `${x(rate.start)},${y(rate.rows_per_second)}`,
    `${Math.max(x(rate.end), x(rate.start) + 1)},${y(rate.rows_per_second)}`,
  ]);
  const last = rates[rates.length - 1];
  const path = element("path", `chart-phase chart-${phase}`);
  path.setAttribute(
    "d",
    `M${x(rates[0].start)},${y(0)} L${steps.join(" L")} L${Math.max(x(last.end), x(last.start) + 1)},${y(0)} Z`,
  );
  return path;
}

function describe(figure, svg, rates) {
  const averages = phasesOf(rates).map(([phase, of]) => [phase, average(of)]);
  const legend = figure.querySelector("[data-part=averages]");
  legend.replaceChildren(
    ...averages.map(([phase, rate]) => {
      const item = document.createElement("span");
      item.className = `chart-key chart-key-${phase}`;
      item.textContent = `${PHASE_WORDS[phase]} ${number.format(rate)}`;
      return item;
    }),
  );
  const words = averages.map(([phase, rate]) => `${PHASE_WORDS[phase]} ${number.format(rate)}`);
  svg.setAttribute("aria-label", `Rows per second, on average: ${words.join(", ")}`);
}

function average(rates) {
  const spans = rates.map((rate) => rate.end - rate.start);
  const rows = rates.reduce((sum, rate, place) => sum + rate.rows_per_second * spans[place], 0);
  return rows / spans.reduce((sum, span) => sum + span, 0);
}

function line(name, x1, y1, x2, y2) {
  const drawn = element("line", name);
  for (const [key, value] of Object.entries({ x1, y1, x2, y2 })) drawn.setAttribute(key, value);
  return drawn;
}

function text(words, x, y, anchor) {
  const drawn = element("text", "chart-text");
  drawn.setAttribute("x", x);
  drawn.setAttribute("y", y);
  drawn.setAttribute("text-anchor", anchor);
  drawn.textContent = words;
  return drawn;
}

function element(kind, name) {
  const made = document.createElementNS(SVG, kind);
  made.setAttribute("class", name);
  return made;
}
