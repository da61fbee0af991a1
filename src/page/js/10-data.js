// 10-data.js: what the report knows, as plain sentences, until the sections are written.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
for (const sentence of data.summary.concat(data.notes)) {
  const p = document.createElement("p");
  p.textContent = sentence;
  document.getElementById("page").append(p);
}
