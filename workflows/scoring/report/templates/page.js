// Tables whose heads are buttons: a click sorts by the column, another one the other way round.
const collator = new Intl.Collator("en");

function compare(one, other, column) {
  // rows of a slice know their own order
  const [first, second] = [one, other].map((row) => row.cells[column].dataset.value ?? row.cells[column].textContent);
  return first - second || collator.compare(first, second); // as text where they are no numbers
}

function sortBy(head) {
  const body = head.closest("table").tBodies[0];
  const first = head.classList.contains("number") ? "descending" : "ascending"; // what a reader wants to see on top
  const other = first === "ascending" ? "descending" : "ascending";
  const order = head.ariaSort === first ? other : first;
  for (const cell of head.parentElement.cells) if (cell.ariaSort) cell.ariaSort = "none";
  head.ariaSort = order;
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...body.rows];
  rows.sort((one, other) => sign * compare(one, other, head.cellIndex));
  body.append(...rows);
}

for (const button of document.querySelectorAll("th[aria-sort] > button")) {
  button.addEventListener("click", () => sortBy(button.parentElement));
}

// Posts.
const PAGE = 50;
const COUNTED = 30; // percent of the strongest object, from which on a box is drawn as one that counted

function drawPosts({ relations, classes, posts, oracle }, pictures) {
  const element = (id) => document.getElementById(id);
  const list = element("list");
  let start = 0;
  let chosen = [];

  const said = (post, value) => (post.measured ? signed(value) : percent(value));
  const nameOf = (box, index) => classes[box[4]] || `object ${index + 1}`;
  const counts = (box) => box[5] >= COUNTED;

  // The side that a word belongs to; of nested mentions the shorter one decides.
  function sideOf(post, index) {
    const inside = ["head", "tail"].filter((side) => post[side][0] <= index && index < post[side][1]);
    inside.sort((one, two) => post[one][1] - post[one][0] - (post[two][1] - post[two][0]));
    return inside[0] ?? "";
  }

  function sentence(post) {
    const line = make("p", { class: "sentence" });
    let side = "", part = null;
    post.words.forEach((word, index) => {
      const here = sideOf(post, index);
      const space = index ? " " : "";
      if (here && here === side) {
        part.append(space + word);
      } else {
        part = here ? make("span", { class: here, title: here }, word) : word;
        line.append(space, part);
      }
      side = here;
    });
    return line;
  }

  function verdict(post) {
    const predicted = relations[post.predicted];
    if (post.gold === undefined) return make("p", { class: "verdict" }, "predicted ", make("strong", {}, predicted));
    if (post.gold === post.predicted) return make("p", { class: "verdict" }, make("span", { class: "right" }, "✓ right"), ` ${predicted}`);
    return make("p", { class: "verdict" }, make("span", { class: "wrong" }, "✗ wrong"), ` is ${relations[post.gold]}, predicted ${predicted}`);
  }

  function photo(post, boxes) {
    if (post.picture === undefined) return null;
    const image = make("img", { alt: post.caption || "the photo of the post", src: `data:image/jpeg;base64,${pictures[post.picture]}`, decoding: "async" });
    const frame = make("div", { class: "frame" }, image);
    if (boxes.length) {
      const drawn = make("svg", { viewBox: "0 0 1000 1000", preserveAspectRatio: "none", "aria-hidden": "true" });
      // the first is the surest, and lies on top
      boxes.forEach((box, index) => {
        const rect = make("rect", { x: box[0], y: box[1], width: box[2], height: box[3] }, make("title", {}, nameOf(box, index)));
        if (counts(box)) {
          rect.setAttribute("class", "counted");
          rect.setAttribute("stroke-width", 1.5 + (3 * box[5]) / 100);
        }
        drawn.prepend(rect);
      });
      frame.append(drawn);
      const strongest = boxes.findIndex((box) => box[5] === 100);
      if (strongest >= 0) {
        const label = make("span", { class: "label" }, nameOf(boxes[strongest], strongest));
        label.style.top = `${Math.min(boxes[strongest][1] / 10, 92)}%`;
        if (boxes[strongest][0] < 600) label.style.left = `${boxes[strongest][0] / 10}%`;
        else label.style.right = `${Math.max(0, 100 - (boxes[strongest][0] + boxes[strongest][2]) / 10)}%`;
        frame.append(label);
      }
    }
    if (oracle) frame.append(make("span", { class: "oracle-mark" }, "oracle"));
    const told = [post.unread ? "The model did not read this photo." : "", post.caption ? `caption: ${post.caption}` : ""];
    return make("figure", {}, frame, make("figcaption", {}, told.filter(Boolean).join(" ")));
  }

  function objects(post, boxes) {
    if (!boxes.length) return null;
    const items = boxes.map((box, index) => {
      const item = make("li", {}, make("span", {}, nameOf(box, index)), make("span", {}, box[6] === null ? "" : said(post, box[6])));
      if (counts(box)) item.className = "counted";
      return item;
    });
    const what = `${boxes.length} ${boxes.length === 1 ? "object" : "objects"}`;
    return make("details", { class: "objects" }, make("summary", {}, post.measured ? `${what}, and what each did` : what), make("ol", {}, ...items));
  }

  function meta(post) {
    const parts = [post.id, ...(post.types ? [`types ${post.types.join(", ")}`] : [])];
    for (const [name, value] of Object.entries(post.effects ?? {})) parts.push(`the ${name} did ${signed(value)}`);
    if (post.picture === undefined && post.caption) parts.push(`caption: ${post.caption}`);
    if (post.note) parts.push(post.note);
    const line = make("p", { class: "meta" }, ...parts.map((part) => make("span", {}, part)));
    if (post.protocol) line.append(make("span", { class: oracle ? "oracle-mark" : "protocol" }, post.protocol));
    return line;
  }

  function draw(post) {
    const boxes = post.boxes ?? [];
    const figure = photo(post, boxes);
    const text = make("div", {}, sentence(post), verdict(post), bars(post.best.map(([relation, probability]) => [relations[relation], probability]), relations[post.gold]), meta(post), objects(post, boxes));
    const article = make("article", { class: figure ? "post" : "post bare" }, figure, text);
    const rects = [...article.querySelectorAll(".frame rect")].reverse();
    article.querySelectorAll(".objects li").forEach((item, index) => {
      for (const [event, on] of [["mouseenter", true], ["mouseleave", false]]) {
        item.addEventListener(event, () => rects[index]?.classList.toggle("picked", on));
      }
    });
    return article;
  }

  function show() {
    const shown = chosen.slice(start, start + PAGE);
    const drawn = [];
    shown.forEach((post, index) => {
      if (post.group && post.group !== shown[index - 1]?.group) drawn.push(make("h3", {}, post.group));
      drawn.push(draw(post));
    });
    list.replaceChildren(...drawn);
    const all = posts.length.toLocaleString("en");
    const some = chosen.length === posts.length ? `${all} posts` : `${chosen.length.toLocaleString("en")} of ${all} posts`;
    element("count").textContent = chosen.length > PAGE ? `${some}, here ${start + 1} to ${start + shown.length}` : some;
    element("previous").disabled = start === 0;
    element("next").disabled = start + PAGE >= chosen.length;
    element("previous").parentElement.hidden = chosen.length <= PAGE;
  }

  const orders = {
    file: null,
    surest: (one, two) => two.best[0][1] - one.best[0][1],
    doubtful: (one, two) => one.best[0][1] - two.best[0][1],
  };

  function choose() {
    const outcome = document.querySelector("input[name=outcome]:checked").value;
    const [gold, predicted] = ["gold", "predicted"].map((id) => element(id).value);
    const words = element("text").value.trim().toLowerCase();
    chosen = posts.filter((post) => {
      if (outcome !== "all" && (post.gold === undefined || (post.gold === post.predicted) !== (outcome === "right"))) return false;
      if (gold !== "" && post.gold !== Number(gold)) return false;
      if (predicted !== "" && post.predicted !== Number(predicted)) return false;
      return !words || `${post.words.join(" ")}\n${post.caption ?? ""}\n${post.id}`.toLowerCase().includes(words);
    });
    const order = orders[element("order").value];
    if (order) chosen.sort(order);
    start = 0;
    show();
  }

  function turn(by) {
    start += by * PAGE;
    show();
    element("posts-title").focus();
    element("posts").scrollIntoView();
  }

  for (const [id, key] of [["gold", "gold"], ["predicted", "predicted"]]) {
    const used = new Set(posts.map((post) => post[key]));
    relations.forEach((name, number) => {
      if (used.has(number)) element(id).append(make("option", { value: number }, name));
    });
  }
  for (const control of document.querySelectorAll(".filters input, .filters select")) control.addEventListener("input", choose);
  element("previous").addEventListener("click", () => turn(-1));
  element("next").addEventListener("click", () => turn(1));
  // a number of the confusion matrix shows its posts
  for (const button of document.querySelectorAll("button[data-gold]")) {
    button.addEventListener("click", () => {
      for (const id of ["gold", "predicted"]) element(id).value = relations.indexOf(button.dataset[id]);
      document.querySelector("input[name=outcome][value=all]").checked = true;
      element("text").value = "";
      choose();
      turn(0);
    });
  }
  choose();
}

drawPosts(read("post-data"), read("picture-data"));
