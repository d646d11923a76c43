// Keys of the review pages; without this file everything is done by links and forms.
"use strict";

const rows = [...document.querySelectorAll("#queue tbody tr")];
let at = -1;

function go(step) {
  if (rows.length) {
    at = Math.min(Math.max(at + step, 0), rows.length - 1);
    rows[at].querySelector("a").focus();
    return;
  }
  document.getElementById(step > 0 ? "next" : "before")?.click();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const form = document.getElementById("judge");
  switch (event.key) {
    case "j": go(1); break;
    case "k": go(-1); break;
    case "o": document.getElementById("open")?.click(); break;
    case "r": document.getElementById("unveil")?.click(); break;
    case "u": document.getElementById("back")?.click(); break;
    case "1": case "2": case "3": case "4": {
      const choice = form?.querySelectorAll("input[name=verdict]")[Number(event.key) - 1];
      if (!choice) return;
      choice.checked = true;
      // What says that a text has a risk needs the risk named.
      if (event.key === "3" || event.key === "4") form.querySelector("details").open = true;
      choice.focus();
      break;
    }
    case "Enter":
      // Inside a form the browser sends it itself.
      if (!form?.querySelector("input[name=verdict]:checked") || event.target.closest("a, button, summary, form")) return;
      form.requestSubmit();
      break;
    default: return;
  }
  event.preventDefault();
});
