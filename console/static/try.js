// The Try page, streaming. Without this file the form posts and the whole answer comes back as a page.
"use strict";

const form = document.getElementById("ask");
const chat = document.getElementById("chat");
const raw = document.getElementById("raw");
const state = document.getElementById("state");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const words = form.dataset;
const heldAfter = 400; // milliseconds of silence inside a stream after which the page says that words are being checked

function add(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

// onlyHTTP keeps a link that came over the wire from being anything but a link.
function onlyHTTP(address) {
  return typeof address === "string" && /^https?:\/\//.test(address) ? address : "";
}

// word finds the word for a code in one of the form's lists, and is the code itself where there is none.
const lists = Object.fromEntries(["verdicts", "finishes", "labels", "codes"].map((name) => [name, JSON.parse(words[name])]));
function word(list, code) {
  return lists[list][code] || code;
}

function under(answer) {
  const line = add("div", "under");
  if (answer.verdict) line.append(add("span", "mark word v-" + answer.verdict, word("verdicts", answer.verdict)));
  if (answer.finish) line.append(add("span", "tag", word("finishes", answer.finish)));
  if (answer.code) line.append(add("code", "", answer.code));
  if (answer.label) line.append(add("span", "tag", words.label + " " + word("labels", answer.label)));
  if (answer.link) {
    const a = add("a", "", answer.code === "agreement_required" ? words.accept : words.act);
    a.href = answer.link;
    line.append(a);
  }
  if (answer.exchange) {
    const a = add("a", "", words.record);
    a.href = words.exchange + encodeURIComponent(answer.exchange);
    line.append(a);
  }
  chat.append(line);
}

// take reads what the gateway says about an answer, wherever in the object it says it.
function take(answer, object) {
  for (const source of [object.hegui, object.error && object.error.hegui, object.error]) {
    if (!source || typeof source !== "object") continue;
    answer.verdict = source.verdict || answer.verdict;
    answer.code = source.code || answer.code;
    answer.reason ||= source.reason || source.message || "";
    answer.link = onlyHTTP(source.accept) || onlyHTTP(source.agreement_url) || onlyHTTP(source.url) || onlyHTTP(source.link) || onlyHTTP(source.appeal) || answer.link;
    if (typeof source.label === "string") answer.label = source.label;
    else if (source.label) answer.label = source.label.explicit || source.label.place || answer.label;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = form.elements.text.value.trim();
  if (!text) return;
  const body = new URLSearchParams(new FormData(form));
  const control = new AbortController();
  stop.onclick = () => control.abort();
  document.getElementById("empty")?.remove();
  chat.append(add("div", "say-user", text));
  const bubble = add("div", "say-model live");
  chat.append(bubble);
  send.disabled = true;
  stop.hidden = false;
  raw.textContent = "";
  state.textContent = words.waiting;
  form.elements.text.value = "";

  const answer = { text: "", verdict: "", code: "", reason: "", link: "", label: "", finish: "", exchange: "", done: false, broken: "" };
  let last = performance.now();
  const watch = setInterval(() => {
    if (answer.text && performance.now() - last > heldAfter) state.textContent = words.held;
  }, 100);

  const line = (payload) => {
    if (payload === "[DONE]") { answer.done = true; return; }
    let object;
    try { object = JSON.parse(payload); } catch { return; }
    take(answer, object);
    if (object.action && typeof object.from === "number") { // event: hegui.moderation; what stands from there on is taken back
      answer.verdict = object.action;
      answer.text = Array.from(answer.text).slice(0, object.from).join("");
      bubble.textContent = answer.text;
    }
    if (object.error) answer.broken = object.error.message || words.cut;
    for (const choice of object.choices || []) {
      if (choice.index) continue; // the page shows the first of parallel choices
      const piece = choice.delta && choice.delta.content;
      if (piece) {
        answer.text += piece;
        bubble.textContent = answer.text;
        state.textContent = words.streaming;
        last = performance.now();
      }
      answer.finish = choice.finish_reason || answer.finish;
    }
  };

  try {
    const response = await fetch(words.stream, { method: "POST", body, signal: control.signal });
    answer.exchange = response.headers.get("X-Hegui-Exchange") || "";
    raw.textContent = response.status + "\n";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const streamed = (response.headers.get("Content-Type") || "").startsWith("text/event-stream");
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      raw.textContent += value;
      rest += value;
      if (!streamed) continue;
      const lines = rest.split("\n");
      rest = lines.pop();
      for (const l of lines) if (l.startsWith("data:")) line(l.slice(5).trim());
    }
    if (!streamed) {
      let object = {};
      try { object = JSON.parse(rest); } catch { answer.reason = words.failed; }
      take(answer, object);
      const choice = (object.choices || [])[0];
      if (choice) { answer.text = choice.message?.content || ""; answer.finish = choice.finish_reason || ""; }
      answer.reason ||= object.detail || "";
      answer.done = true;
    }
    state.textContent = answer.broken ? answer.broken : answer.done ? words.done : words.cut;
  } catch (error) {
    state.textContent = error.name === "AbortError" ? words.stopped : words.failed;
  } finally {
    clearInterval(watch);
    bubble.classList.remove("live");
    if (!answer.text) {
      bubble.textContent = "";
      if (answer.code) bubble.append(add("b", "", word("codes", answer.code)), "\n");
      bubble.append(answer.reason || answer.broken || state.textContent);
    }
    under(answer);
    send.disabled = false;
    stop.hidden = true;
    // Half an answer is no turn, and what was refused once would be refused with every later question.
    if (answer.text && answer.done && !answer.broken && answer.finish !== "content_filter") {
      const turns = JSON.parse(form.elements.history.value || "[]");
      turns.push({ Role: "user", Text: text }, { Role: "assistant", Text: answer.text });
      form.elements.history.value = JSON.stringify(turns.slice(-40));
    }
    form.elements.text.focus();
  }
});

// What is only blank is nothing: the line break of the Enter that sent, for one.
form.elements.text.addEventListener("input", () => {
  if (!form.elements.text.value.trim()) form.elements.text.value = "";
});

// Enter sends, Shift+Enter breaks the line; a key press inside an input method (Chinese) is left alone.
form.elements.text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
