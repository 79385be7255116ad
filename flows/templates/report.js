"use strict";
for (const time of document.querySelectorAll("time[data-ago]")) {
  const days = Math.floor((Date.now() - Date.parse(time.dateTime)) / 86400000);
  if (days >= 0) time.after(` (${days.toLocaleString("en")} ${days === 1 ? "day" : "days"} ago)`);
}
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
