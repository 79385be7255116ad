"use strict";
const box = document.getElementById("q");
const list = document.getElementById("suggestions");
let asked = 0;
let waiting = 0;
let chosen = -1;

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    box.focus();
    box.select();
  }
});

box.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(suggest, 120);
});

async function suggest() {
  const mine = ++asked;
  const text = box.value.trim();
  if (!text) { show([]); return; }
  const answer = await fetch("/api/search?" + new URLSearchParams({ q: text, limit: "8" }));
  if (!answer.ok || mine !== asked) return;
  show((await answer.json()).rows);
}

function show(rows) {
  chosen = -1;
  list.replaceChildren(...rows.map((row, number) => {
    const item = document.createElement("li");
    item.role = "option";
    item.id = "suggestion-" + number;
    item.ariaSelected = "false";
    const name = document.createElement("b");
    name.textContent = row.id;
    item.append(name, " " + (row.text || ""));
    item.dataset.kind = row.kind;
    item.dataset.key = row.id;
    item.addEventListener("mousedown", (event) => { event.preventDefault(); go(item); });
    return item;
  }));
  list.hidden = rows.length === 0;
  box.setAttribute("aria-expanded", String(rows.length > 0));
  box.removeAttribute("aria-activedescendant");
}

function go(item) {
  const on = new URLSearchParams(location.search).get("on");
  location.href = "/" + item.dataset.kind + "s/" + encodeURIComponent(item.dataset.key) + (on ? "?" + new URLSearchParams({ on }) : "");
}

box.addEventListener("keydown", (event) => {
  const items = [...list.children];
  if (event.key === "Escape") { show([]); return; }
  if (event.key === "Enter" && chosen >= 0) { event.preventDefault(); go(items[chosen]); return; }
  if (!items.length || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length;
  items.forEach((item, number) => { item.ariaSelected = String(number === chosen); });
  box.setAttribute("aria-activedescendant", items[chosen].id);
});
box.addEventListener("blur", () => show([]));
