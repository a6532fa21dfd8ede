
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const make = (tag, about = {}, ...inside) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(about)) {
      if (name === "class") node.className = value;
      else if (name === "text") node.textContent = value;
      else node.setAttribute(name, value);
    }
    node.append(...inside);
    return node;
  };
  const STATES = data.states;
  const WORDS = { good: "good", doubtful: "doubtful", failed: "failed fit", different: "made differently", missing: "missing", corrupt: "corrupt" };
  const KINDS = [["plate", "Plate"], ["alpha", "Alpha"], ["comp", "Comp"], ["error", "Error"]];
  if (data.before) KINDS.push(["before_comp", "Comp before"], ["before_alpha", "Alpha before"]);
  const frames = data.shot.map((row) => row[0]);
  const place = new Map(frames.map((frame, index) => [frame, index]));
  const flagged = new Set(data.worst);
  const stateOf = (frame) => STATES[data.shot[place.get(frame)][1]];
  const remarks = (frame) => data.remarks[frame] || [];
  const pictures = (frame) => data.pictures[frame] || {};
  const source = (file) => `data:image/${file.startsWith("UklG") ? "webp" : "jpeg"};base64,${file}`;
  const find = (frame, kind, small) => {
    const mine = pictures(frame);
    return (small ? mine["small_" + kind] || mine[kind] : mine[kind] || mine["small_" + kind]) || null;
  };
  const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

  let current = [...data.worst.filter((frame) => data.pictures[frame]), ...data.worst, frames[0]][0];
  let kind = "comp", filter = "worst", wiping = false, chosen = false, timer = null, listed = 60;

  const HAS = new Set(Object.values(data.pictures).flatMap((mine) => Object.keys(mine).map((name) => name.replace(/^small_/, ""))));
  if (!HAS.has(kind)) kind = (KINDS.find(([name]) => HAS.has(name)) || ["comp"])[0];

  const FILTERS = [
    ["worst", `Worth a look (${data.worst.length})`, data.worst],
    ...data.kinds.map((one) => [one.kind, `${one.title} (${one.count})`, data.worst.filter((frame) => remarks(frame).some((remark) => remark.kind === one.kind))]),
    ...STATES.filter((state) => data.counts[state]).map((state) => ["is-" + state, `Only ${WORDS[state]} (${data.counts[state]})`, state === "good" ? frames.filter((frame) => stateOf(frame) === state) : data.worst.filter((frame) => stateOf(frame) === state)]),
    ["all", `All frames (${frames.length})`, frames],
  ];
  if (data.before) {
    const changed = data.shot.filter((row) => row[5] > 0.002).sort((a, b) => b[5] - a[5]).map((row) => row[0]);
    FILTERS.splice(FILTERS.length - 1, 0, ["changed", `Changed since the version before (${changed.length})`, changed]);
    const worse = data.shot.filter((row) => row[1] < row[4]).map((row) => row[0]);
    if (worse.length) FILTERS.splice(1, 0, ["worse", `Worse than before (${worse.length})`, worse]);
  }
  if (!data.worst.length) filter = "all";
  const inFilter = () => (FILTERS.find(([name]) => name === filter) || FILTERS[0])[2];
  const inOrder = () => [...inFilter()].sort((a, b) => a - b);

  // Text in which flags do not break at their hyphens.
  function flags(node, words) {
    for (const piece of words.split(/(--[a-z-]*[a-z])/)) node.append(piece.startsWith("--") ? make("code", { text: piece }) : piece);
    return node;
  }

  // What is said without a click.

  function head() {
    const bad = data.worst.length;
    $("about").textContent = `${data.output} · frames ${data.frames}` + (data.before ? ` · before: ${data.before.output}` : "");
    $("headline").textContent = bad ? `${bad} of ${plural(frames.length, "frame")} worth a look, ${data.counts.good} good` : frames.length > 1 ? `All ${frames.length} frames good` : "The frame is good";
    for (const [state, count] of Object.entries(data.counts)) {
      const button = make("button", { type: "button", class: state }, make("b", { text: count }), make("span", { text: WORDS[state] }));
      button.disabled = !count;
      button.addEventListener("click", () => choose("is-" + state));
      $("counts").append(make("li", {}, button));
    }
    for (const note of data.notes) $("notes").append(make("li", { text: note }));
    $("notes").hidden = !data.notes.length;
    for (const one of data.kinds) {
      const show = make("button", { type: "button", text: "Show", "aria-label": `Show: ${one.title}` });
      show.addEventListener("click", () => choose(one.kind));
      $("kinds").append(make("article", { class: one.state },
        make("h3", {}, make("span", { class: "tag", text: `${one.title}: ` }), plural(one.count, "frame")),
        make("p", { class: "which", text: one.frames }),
        ...one.reasons.map((reason) => make("p", { class: "soft", text: (one.reasons.length > 1 ? `${reason.frames}: ` : "") + reason.text })),
        ...one.reasons.filter((reason) => reason.advice).map((reason) => flags(make("p"), reason.advice)),
        flags(make("p"), one.advice), show));
    }
    if (!data.kinds.length) $("kinds").append(make("p", { text: "Nothing: every frame is there, whole, of one piece, and nothing in it stands out." }));
    if (data.before) {
      const was = Object.entries(data.before.counts).filter(([, count]) => count).map(([state, count]) => `${count} ${WORDS[state]}`).join(", ");
      const parts = [`Before: ${was}.`, data.before.better ? `Better: ${data.before.better}.` : "No frame is better.", data.before.worse ? `Worse: ${data.before.worse}.` : "No frame is worse.", `Alpha changed in ${plural(data.before.changed, "frame")}.`];
      $("versions-text").textContent = parts.join(" ");
      $("versions").hidden = false;
    }
    $("made").textContent = `Made by howard ${data.howard}, ${data.made}`;
    for (const [name, words] of FILTERS) $("filter").append(make("option", { value: name, text: words }));
    $("first").textContent = frames[0];
    $("last").textContent = frames[frames.length - 1];
    const curve = data.error_layer === "doubt" ? "expected error (doubt)" : data.error_layer ? "error map" : "";
    $("legend").textContent = ["bars: verdicts, the taller the worse", curve && `line: ${curve}`, data.before && "lower bar: version before"].filter(Boolean).join(" · ");
  }

  // The strip.

  const HEIGHT = { good: 0.12, doubtful: 0.45, different: 0.6, failed: 0.75, corrupt: 0.9, missing: 1 };
  const bars = document.createElement("canvas"); // all but the mark of the frame that is shown
  function drawBars() {
    const box = $("strip").getBoundingClientRect(), scale = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(box.width * scale)), height = Math.max(1, Math.round(box.height * scale));
    bars.width = width; bars.height = height;
    const paint = bars.getContext("2d"), style = getComputedStyle(document.documentElement);
    const tone = Object.fromEntries(STATES.map((state) => [state, style.getPropertyValue("--" + state).trim()]));
    const cell = width / frames.length, low = data.before ? 0.14 * height : 0, base = height - low;
    // Worst last, so that one bad frame of thousands is seen.
    const rows = data.shot.map((row, index) => [row, index]).sort((a, b) => b[0][1] - a[0][1]);
    for (const [row, index] of rows) {
      const state = STATES[row[1]], size = Math.max(cell > 5 * scale ? 0.86 * cell : cell, state === "good" ? 0 : 2 * scale);
      const tall = HEIGHT[state] * (base - 4 * scale);
      paint.fillStyle = tone[state];
      if (state === "missing") { // hollow
        paint.fillRect(index * cell, base - tall, size, 3 * scale);
        paint.globalAlpha = 0.35; paint.fillRect(index * cell, base - tall, size, tall); paint.globalAlpha = 1;
      } else paint.fillRect(index * cell, base - tall, size, tall);
      if (data.before) {
        paint.fillStyle = tone[STATES[row[4]]];
        paint.fillRect(index * cell, height - low + 2 * scale, size, low - 2 * scale);
      }
    }
    const most = Math.max(1e-6, ...data.shot.map((row) => row[2] || 0));
    paint.strokeStyle = style.getPropertyValue("--ink").trim(); paint.lineWidth = 1.3 * scale; paint.beginPath();
    let drawing = false;
    data.shot.forEach((row, index) => {
      if (row[2] === null) { drawing = false; return; }
      const x = (index + 0.5) * cell, y = base - 3 * scale - (row[2] / most) * (base - 8 * scale);
      if (drawing) paint.lineTo(x, y); else paint.moveTo(x, y);
      drawing = true;
    });
    paint.stroke();
    strip();
  }
  function strip() {
    const canvas = $("strip"), scale = window.devicePixelRatio || 1, { width, height } = bars, cell = width / frames.length;
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const paint = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    paint.clearRect(0, 0, width, height);
    paint.drawImage(bars, 0, 0);
    const x = (place.get(current) + 0.5) * cell;
    paint.strokeStyle = style.getPropertyValue("--accent").trim(); paint.lineWidth = 2 * scale;
    paint.strokeRect(x - Math.max(cell / 2, 3 * scale), scale, Math.max(cell, 6 * scale), height - 2 * scale);
    canvas.setAttribute("aria-valuemin", frames[0]); canvas.setAttribute("aria-valuemax", frames[frames.length - 1]);
    canvas.setAttribute("aria-valuenow", current);
    canvas.setAttribute("aria-valuetext", `frame ${current}, ${WORDS[stateOf(current)]}`);
  }
  function pickOnStrip(event) {
    const box = $("strip").getBoundingClientRect(), reach = Math.max(1, Math.round(4 / (box.width / frames.length)));
    let index = Math.floor((event.clientX - box.left) / box.width * frames.length);
    index = Math.max(0, Math.min(frames.length - 1, index));
    // Bars of bad frames are wider than their place.
    let best = index;
    for (let step = 1; step <= reach && stateOf(frames[best]) === "good"; step++)
      for (const near of [index - step, index + step])
        if (frames[near] !== undefined && stateOf(frames[near]) !== "good") { best = near; break; }
    show(frames[best]);
  }

  // The viewer.

  function bestKind(frame) {
    if (find(frame, kind)) return kind;
    return (["comp", "alpha", "plate", "error", "before_comp"].find((name) => find(frame, name))) || null;
  }
  function viewer(small = false) {
    const shown = small ? (find(current, kind, true) ? kind : null) : bestKind(current);
    const file = shown && find(current, shown, small);
    const under = $("under"), over = $("over"), other = $("against").value;
    $("viewer-title").textContent = `Frame ${current}`;
    $("state").textContent = WORDS[stateOf(current)];
    $("state").className = `tag ${stateOf(current)}`;
    under.hidden = !file;
    if (file) { under.src = source(file); under.alt = `${nameOf(shown)} of frame ${current}`; }
    $("nothing").hidden = !!file;
    if (!file) $("nothing").textContent = remarks(current).length && ["missing", "corrupt"].includes(stateOf(current)) ? remarks(current)[0].text : "This page has no picture of this frame.";
    const top = wiping && !small && find(current, other);
    over.hidden = $("line").hidden = !top;
    if (top) { over.src = source(top); over.alt = `${nameOf(other)} of frame ${current}`; place_wipe(); }
    for (const button of $("shown").children) {
      button.setAttribute("aria-pressed", String(button.value === (shown || kind)));
      button.disabled = !find(current, button.value);
    }
    const isSmall = shown && !pictures(current)[shown];
    const row = data.shot[place.get(current)];
    const percent = (value) => `${(100 * value).toFixed(2)} %`;
    $("caption").textContent = [
      shown ? nameOf(shown) + (top ? ` left of the line, ${nameOf(other)} right of it` : "") : "",
      isSmall ? "small; large pictures are of the worst frames" : "",
      shown === "error" ? (data.error_layer === "doubt" ? "white is an expected error of 25 % or more" : "the coarse matte's expected error, white is 100 %") : "",
      row[2] !== null ? `expected error ${percent(row[2])}` : "",
      row[3] !== null ? `alpha changes by ${percent(row[3])} from the frame before` : "",
      data.before && row[5] !== null ? `by ${percent(row[5])} from the version before` : "",
    ].filter(Boolean).join(" · ");
    if (small) return;
    const said = $("said");
    said.replaceChildren();
    for (const remark of remarks(current)) {
      const about = data.kinds.find((one) => one.kind === remark.kind);
      said.append(make("p", { class: about.state }, make("strong", { class: "tag", text: `${about.title}: ` }), make("span", { text: remark.text })),
        flags(make("p", { class: "soft" }), [remark.advice, about.advice].filter(Boolean).join(" ")));
    }
    if (data.fits[current] && !remarks(current).some((remark) => data.fits[current].includes(remark.text))) said.append(make("p", { text: `Clean plate fit: ${data.fits[current]}` }));
    if (data.before) for (const remark of data.before.remarks[current] || []) said.append(make("p", { class: "soft", text: `Before: ${remark.text}` }));
  }
  const nameOf = (name) => KINDS.find(([key]) => key === name)[1];
  function place_wipe() {
    const at = Number($("at").value);
    $("over").style.clipPath = `inset(0 0 0 ${at}%)`;
    $("line").style.left = `calc(${at}% - 1px)`;
  }
  function dragging(event) {
    if (!wiping || (event.type === "pointermove" && !event.buttons)) return;
    const box = $("stage").getBoundingClientRect();
    $("at").value = Math.max(0, Math.min(100, 100 * (event.clientX - box.left) / box.width));
    place_wipe();
  }
  function picture(name) {
    if (!KINDS.some(([key]) => key === name) || !find(current, name)) return;
    kind = name;
    opposite(name);
    viewer();
  }
  // Of two versions, one goes against the other unless something else was chosen.
  function opposite(name) {
    const twin = name.startsWith("before_") ? name.slice(7) : "before_" + name;
    const others = [twin, "plate", "alpha", "error", "comp"].filter((key) => key !== name && HAS.has(key));
    if (others.length && ($("against").value === name || (!chosen && others[0] === twin))) $("against").value = others[0];
    $("wiping").hidden = !others.length;
  }
  function wipe(on = !wiping) {
    wiping = on;
    $("wipe").setAttribute("aria-pressed", String(on));
    viewer();
  }

  // The list.

  function measured(frame) {
    const row = data.shot[place.get(frame)];
    if (filter === "changed" && row[5] !== null) return `alpha changed by ${(100 * row[5]).toFixed(2)} %`;
    return row[2] === null ? "" : `expected error ${(100 * row[2]).toFixed(2)} %`;
  }

  function cards() {
    const all = inFilter(), holder = $("cards");
    holder.replaceChildren();
    for (const frame of all.slice(0, listed)) {
      const state = stateOf(frame), file = find(frame, "comp", true) || find(frame, "alpha", true);
      const said = remarks(frame).map((remark) => remark.text).join("; ") || measured(frame);
      const button = make("button", { type: "button", class: state, "data-frame": frame },
        file ? make("img", { src: source(file), alt: "", loading: "lazy" }) : make("span", { class: "blank" }),
        make("span", {}, make("span", { class: "tag", text: `${frame} ${WORDS[state]}` }), make("span", { class: "text", text: said })));
      button.addEventListener("click", () => show(frame));
      holder.append(make("li", {}, button));
    }
    $("list-title").textContent = filter === "all" ? "All frames" : filter === "worst" ? "Worth a look, worst first" : "Frames";
    $("more").hidden = all.length <= listed;
    $("more").textContent = `${all.length - listed} more`;
    if (!all.length) holder.append(make("li", { text: "No frames of this kind." }));
    mark();
  }
  function mark() {
    for (const button of $("cards").querySelectorAll("button")) {
      if (Number(button.dataset.frame) === current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
  function choose(name) {
    if (!FILTERS.some(([key]) => key === name)) return;
    stop();
    filter = name; listed = 60;
    $("filter").value = name;
    cards();
    const all = inFilter();
    if (all.length && !all.includes(current)) show(all[0]);
  }
  function show(frame, keepPlaying = false) {
    if (!place.has(frame)) return;
    if (!keepPlaying) stop();
    current = frame;
    viewer(); strip(); mark();
    try { history.replaceState(null, "", "#" + frame); } catch { /* a file that may not */ }
  }
  function step(by, among) {
    const list = among.length ? among : frames;
    let index = by > 0 ? list.findIndex((frame) => frame > current) : list.findLastIndex((frame) => frame < current);
    if (index < 0) index = by > 0 ? 0 : list.length - 1;
    show(list[index]);
  }

  // The flip-book: the filter's frames in order, all large or all small, so that nothing flickers but the matte.

  function play() {
    if (timer) { stop(); return; }
    let list = (filter === "all" || inFilter().length < 3 ? frames : inOrder()).filter((frame) => find(frame, kind));
    if (list.length < 2) list = frames.filter((frame) => find(frame, kind));
    if (list.length < 2) return;
    const small = list.some((frame) => !pictures(frame)[kind]);
    let index = Math.max(0, list.indexOf(current));
    $("play").textContent = "Stop";
    const turn = () => {
      index = (index + 1) % list.length;
      current = list[index];
      viewer(small); strip();
      timer = setTimeout(turn, 1000 / Number($("fps").value));
    };
    timer = setTimeout(turn, 0);
  }
  function stop() {
    if (!timer) return;
    clearTimeout(timer);
    timer = null;
    $("play").textContent = "Play";
    viewer(); mark();
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    const on = event.target.tagName;
    if (on === "SELECT" || (on === "INPUT" && event.key.startsWith("Arrow"))) return;
    if (event.key === " " && on === "BUTTON" && event.target.id !== "play") return;
    const worst = [...flagged].sort((a, b) => a - b), shown = filter === "worst" || filter === "all" ? frames : inOrder();
    const doing = {
      ArrowLeft: () => step(-1, shown), ArrowRight: () => step(1, shown), Home: () => show(shown[0]), End: () => show(shown[shown.length - 1]),
      n: () => step(1, worst), p: () => step(-1, worst), " ": play, w: () => wipe(),
      f: () => choose(FILTERS[(FILTERS.findIndex(([name]) => name === filter) + 1) % FILTERS.length][0]),
      "?": () => $("help").showModal(),
      ...Object.fromEntries(KINDS.map(([name], index) => [String(index + 1), () => picture(name)])),
    }[event.key];
    if (!doing) return;
    event.preventDefault();
    doing();
  }

  function begin() {
    head();
    KINDS.forEach(([name, title], index) => {
      const button = make("button", { type: "button", value: name, title: String(index + 1), text: title });
      button.hidden = !HAS.has(name);
      button.addEventListener("click", () => picture(name));
      $("shown").append(button);
      if (HAS.has(name)) $("against").append(make("option", { value: name, text: title }));
    });
    $("against").value = kind;
    opposite(kind);
    $("main").hidden = false;
    $("filter").value = filter;
    $("filter").addEventListener("change", () => choose($("filter").value));
    $("previous").addEventListener("click", () => step(-1, frames));
    $("next").addEventListener("click", () => step(1, frames));
    $("play").addEventListener("click", play);
    $("wipe").addEventListener("click", () => wipe());
    $("against").addEventListener("change", () => { chosen = true; wipe(true); });
    $("at").addEventListener("input", () => (wiping ? place_wipe() : wipe(true)));
    for (const kind of ["pointerdown", "pointermove"]) $("stage").addEventListener(kind, dragging);
    for (const kind of ["pointerdown", "pointermove"]) $("strip").addEventListener(kind, (event) => (kind === "pointerdown" || event.buttons) && pickOnStrip(event));
    $("more").addEventListener("click", () => { listed += 120; cards(); });
    $("help-open").addEventListener("click", () => $("help").showModal());
    $("under").addEventListener("load", () => {
      const image = $("under");
      $("stage").style.aspectRatio = `${image.naturalWidth} / ${image.naturalHeight}`;
    });
    document.addEventListener("keydown", keys);
    window.addEventListener("resize", drawBars);
    window.addEventListener("beforeprint", drawBars);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawBars);
    window.addEventListener("hashchange", () => show(Number(location.hash.slice(1))));
    drawBars();
    cards();
    show(place.has(Number(location.hash.slice(1))) && location.hash ? Number(location.hash.slice(1)) : current);
    document.documentElement.dataset.ready = "yes";
  }
  begin();
})();
