"use strict";

// Makes the self-contained report's table and timeline of the data that stands in the page.
{
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const rows = rowsFromColumns(data.fleet);
  const timeline = document.getElementById("timeline");
  if (timeline) new Timeline(timeline, { rows, waves: data.waves, now: data.now });
  new FleetTable(document.getElementById("fleet"), { rows, caption: "Instances of the fleet" });
  performance.mark("ready");
  document.documentElement.dataset.ready = "true";
}
