// Small conveniences; every page works without them.
"use strict";

// A button that only means something with a script is hidden until the script is here.
for (const button of document.querySelectorAll("[data-script]")) button.hidden = false;

// On a narrow screen the navigation is one long line: the page that is open is brought into sight.
const here = document.querySelector("nav.side [aria-current]");
if (here) {
  const nav = here.closest("nav");
  nav.scrollLeft += here.getBoundingClientRect().left - nav.getBoundingClientRect().left - (nav.clientWidth - here.offsetWidth) / 2;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-print], button[data-copy]");
  if (!button) return;
  if ("print" in button.dataset) {
    for (const details of document.querySelectorAll("details[data-print-open]")) details.open = true;
    window.print();
    return;
  }
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = button.dataset.done;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }
});
