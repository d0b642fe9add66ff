const element = (id) => document.getElementById(id);
const SIDES = ["head", "tail"];
const { mostBytes } = read("limits");

// Where mentions were marked by selecting, in UTF-16 units as JavaScript counts.
const marked = { head: null, tail: null };
let shownPhoto = null;

// Where a mention stands: as it was marked, or where its words stand once; null where that is not known here.
function spanOf(side) {
  const text = element("text").value;
  const words = element(side).value.trim();
  if (marked[side] && text.slice(...marked[side]) === words) return marked[side];
  const start = words ? text.indexOf(words) : -1;
  return start >= 0 && start === text.lastIndexOf(words) ? [start, start + words.length] : null;
}

function mentionOf(side) {
  const words = element(side).value.trim();
  const span = marked[side];
  return span && element("text").value.slice(...span) === words ? { span, unit: "utf16" } : words;
}

// The sentence with its mentions marked; of nested ones the shorter is.
function sentence() {
  const text = element("text").value;
  const spans = SIDES.map((side) => [side, spanOf(side)]).filter(([, span]) => span);
  spans.sort(([, one], [, two]) => one[1] - one[0] - (two[1] - two[0]));
  const sideAt = (index) => spans.find(([, span]) => span[0] <= index && index < span[1])?.[0] ?? "";
  const edges = [...new Set([0, text.length, ...spans.flatMap(([, span]) => span)])].sort((one, two) => one - two);
  const parts = edges.slice(1).map((end, index) => {
    const side = sideAt(edges[index]);
    const part = text.slice(edges[index], end);
    return side ? make("span", { class: side, title: side }, part) : part;
  });
  return parts;
}

function showMarked() {
  element("marked").replaceChildren(...sentence());
  element("marked").hidden = !SIDES.some(spanOf);
}

function takeSelected(side) {
  const { value, selectionStart, selectionEnd } = element("text");
  const words = value.slice(selectionStart, selectionEnd);
  const start = selectionStart + (words.length - words.trimStart().length);
  element(side).value = words.trim();
  marked[side] = words.trim() ? [start, start + words.trim().length] : null;
  showMarked();
}

function tell(fault) {
  element("fault").textContent = fault;
  element("fault").hidden = !fault;
}

function meta(answer) {
  const { effects = {} } = answer.attributions ?? {};
  const said = [answer.types ? `types ${answer.types.join(", ")}` : "", answer.protocol ?? ""];
  for (const [name, value] of Object.entries(effects)) if (typeof value === "number") said.push(`the ${name} did ${signed(value)}`);
  return make("p", { class: "meta" }, ...said.filter(Boolean).map((part) => make("span", {}, part)));
}

// A row for each object of the photo, and a column for each thing that is known of it.
function objects(answer) {
  const { effects, ...looked } = answer.attributions ?? {};
  const columns = Object.entries(looked).flatMap(([name, sides]) => SIDES.map((side) => [`${name} of ${side}`, sides[side].map(percent)]));
  if (effects?.objects) columns.push(["effect", effects.objects.map(signed)]);
  if (!columns.length) return null;
  const head = columns.map(([name]) => make("th", { class: "number", scope: "col" }, name));
  const rows = columns[0][1].map((_, index) => {
    const cells = columns.map(([, values]) => make("td", { class: "number" }, values[index]));
    return make("tr", {}, make("th", { scope: "row" }, `${index + 1}`), ...cells);
  });
  const table = make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "object"), ...head)), make("tbody", {}, ...rows));
  return make("details", { class: "objects" }, make("summary", {}, "what was looked at in the photo"), make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "objects of the photo" }, table));
}

function showAnswer(answer, parts, photo) {
  const figure = photo && make("figure", {}, make("div", { class: "frame" }, make("img", { alt: "the photo of the post", src: photo })));
  const verdict = make("p", { class: "verdict" }, make("strong", {}, answer.relation), ` ${percent(answer.probability)}`);
  const told = make("div", {}, make("p", { class: "sentence" }, ...parts), verdict, bars(Object.entries(answer.best)), meta(answer), objects(answer));
  element("answer").replaceChildren(make("article", { class: photo ? "post" : "post bare" }, figure, told));
}

async function send() {
  const photo = element("photo")?.files[0];
  if (photo && photo.size > mostBytes - 100_000) throw new Error(`the photo has more than the ${Math.floor(mostBytes / 2 ** 20)} MiB that are taken`);
  const post = { text: element("text").value, head: mentionOf("head"), tail: mentionOf("tail"), ...(photo && { image: "photo" }) };
  const form = new FormData();
  form.append("posts", JSON.stringify(post));
  if (photo) form.append("photo", photo);
  const response = await fetch("predict", { method: "POST", body: form }).catch(() => {
    throw new Error("the server cannot be reached");
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `the server says ${response.status}`);
  return answer;
}

element("post").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [parts, photo] = [sentence(), shownPhoto];
  element("ask").disabled = true;
  element("answer").replaceChildren();
  tell("");
  try {
    showAnswer(await send(), parts, photo);
  } catch (error) {
    tell(error.message);
  }
  element("ask").disabled = false;
});

for (const button of document.querySelectorAll("button[data-side]")) button.addEventListener("click", () => takeSelected(button.dataset.side));
for (const id of ["text", ...SIDES]) element(id).addEventListener("input", showMarked);
element("photo")?.addEventListener("change", () => {
  const [file] = element("photo").files;
  shownPhoto = file ? URL.createObjectURL(file) : null;
  element("remove").hidden = !file;
});
element("remove")?.addEventListener("click", () => {
  element("photo").value = "";
  element("photo").dispatchEvent(new Event("change"));
});
