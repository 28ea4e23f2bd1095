"use strict";
(async () => {
  const root = document.documentElement;
  const byId = id => document.getElementById(id);
  const phone = matchMedia("(max-width: 40rem)");
  const palettes = {
    light: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6100", "#3182A8", "#000000"],
    dark: ["#56B4E9", "#FF8A4C", "#2CC295", "#E3A0C4", "#E69F00", "#F0E442", "#FFFFFF"],
  };
  const dashes = ["solid", "dash", "dot", "dashdot"];
  const symbols = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star"];

  async function inflate(id) {
    const text = atob(byId(id).textContent);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  // plotly reads a few HTML tags in its texts, so names are escaped
  const plain = text => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");
  const shown = value => value === null || value === undefined ? "–"
    : typeof value === "number" ? String(+value.toPrecision(5)) : String(value);

  function unit(values) {
    const names = ["B", "KiB", "MiB", "GiB", "TiB"];
    const most = Math.max(1, ...values.filter(Number.isFinite));
    const power = Math.min(Math.floor(Math.log2(most) / 10), names.length - 1);
    return [1024 ** power, names[power]];
  }

  function element(name, text, parent) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  function fillTable(table, titles, rows) {
    table.replaceChildren();
    const head = element("tr", undefined, element("thead", undefined, table));
    for (const title of titles) element("th", title, head).scope = "col";
    const body = element("tbody", undefined, table);
    for (const [first, ...rest] of rows) {
      const row = element("tr", undefined, body);
      element("th", shown(first), row).scope = "row";
      for (const cell of rest) element("td", shown(cell), row);
    }
  }

  function fillSelect(select, options, chosen) {
    select.replaceChildren();
    for (const [value, text] of options) {
      const option = element("option", text, select);
      option.value = value;
    }
    const values = options.map(([value]) => String(value));
    select.value = values.includes(String(chosen)) ? chosen : values[0];
    select.closest("label").hidden = options.length < 2;
    return select.value;
  }

  const style = name => getComputedStyle(root).getPropertyValue(name).trim();

  function axis(title, more) {
    return {
      title: {text: title, standoff: 8}, gridcolor: style("--line"), zerolinecolor: style("--line"),
      linecolor: style("--dim"), automargin: true, ...more,
    };
  }

  function draw(id, label, traces, x, y, more) {
    const place = byId(id);
    place.hidden = false;
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", label);
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: {family: getComputedStyle(document.body).fontFamily, size: 13, color: style("--text")},
      margin: {l: 50, r: 12, t: phone.matches ? 12 : 32, b: 44}, xaxis: x, yaxis: y,
      hoverlabel: {bgcolor: style("--raised"), bordercolor: style("--line"), font: {color: style("--text")}},
      modebar: {bgcolor: "rgba(0,0,0,0)", color: style("--dim"), activecolor: style("--text")},
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      ...more,
    };
    const config = {responsive: true, displaylogo: false, displayModeBar: phone.matches ? false : "hover"};
    return Plotly.react(place, traces, layout, config);
  }

  const [source, text] = await Promise.all([inflate("plotly"), inflate("data")]);
  element("script", source, document.head);
  const data = JSON.parse(text);
  const state = {metric: "", x: "rounds", band: "", run: 0, heat: ""};
  for (const [key, value] of new URLSearchParams(location.hash.slice(1)))
    if (key in state) state[key] = value;

  const bands = {
    seeds: "95 % interval over seeds", nodes: "spread over nodes", none: "none",
  };
  const xTitles = {rounds: "round", bytes: "bytes sent per node", seconds: "seconds since the first round began", virtual: "virtual seconds"};

  function bandOf(curve) {
    if (state.band === "none") return [];
    if (state.band === "seeds") return curve.seeds ? [curve.seeds] : [];
    if (!curve.nodes) return [];
    const [low, lower, upper, high] = curve.nodes;
    return [[low, high], [lower, upper]];
  }

  function faded(colour, share) {
    const parts = [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16));
    return `rgba(${parts.join(",")},${share})`;
  }

  function curveTraces(curves, xFactor, yFactor) {
    const palette = palettes[root.dataset.theme], traces = [];
    for (const [number, method] of data.methods.entries()) {
      const curve = curves[number];
      if (!curve || !curve[state.x]) continue;
      const colour = palette[number % palette.length];
      const x = curve[state.x].map(value => value === null ? null : value / xFactor);
      const scaled = values => values.map(value => value === null ? null : value / yFactor);
      for (const [step, [low, high]] of bandOf(curve).entries()) {
        const common = {x, mode: "lines", line: {width: 0}, hoverinfo: "skip", showlegend: false, legendgroup: number};
        traces.push({...common, y: scaled(low)});
        traces.push({...common, y: scaled(high), fill: "tonexty", fillcolor: faded(colour, step ? 0.22 : 0.13)});
      }
      traces.push({
        x, y: scaled(curve.mean), name: plain(method.label), legendgroup: number, mode: "lines+markers",
        line: {color: colour, width: 2, dash: dashes[number % dashes.length]},
        marker: {
          symbol: symbols[number % symbols.length], size: 7, color: colour,
          maxdisplayed: 15,
        },
        showlegend: true,
      });
    }
    return traces;
  }

  function drawCurves() {
    const curves = data.methods.map(method => method.curves[state.metric]);
    const known = curves.filter(Boolean);
    const inBytes = state.metric.startsWith("total_");
    const [xFactor, xUnit] = state.x === "bytes" ? unit(known.flatMap(c => c.bytes || [])) : [1, ""];
    const [yFactor, yUnit] = inBytes ? unit(known.flatMap(c => c.mean)) : [1, ""];
    const title = data.metrics[state.metric] + (yUnit && ` (${yUnit})`);
    const xTitle = xTitles[state.x] + (xUnit && ` (${xUnit})`);
    const percent = state.metric.endsWith("_acc");
    const traces = curveTraces(curves, xFactor, yFactor);
    const top = Math.max(0, ...traces.flatMap(trace => trace.y.filter(Number.isFinite)));
    const range = percent ? [0, Math.min(100, top * 1.06) || 1] : [0, top * 1.06 || 1];
    draw("curves-figure", `${title} against ${xTitle}; the numbers are in the table below`, traces,
      axis(xTitle, {rangemode: "tozero"}), axis(title, {range}),
      {legend: {orientation: "h", y: -0.22, x: 0}, hovermode: phone.matches ? "closest" : "x"});
    byId("curves-note").textContent = noteOn(known);
    fillTable(byId("curves-table"), [xTitles[state.x], ...data.methods.map(m => m.label)], rowsOf(curves));
  }

  function noteOn(known) {
    const drawn = known.some(curve => bandOf(curve).length);
    const line = data.repeated ? "Line: mean over nodes and seeds." : "Line: mean over nodes.";
    if (!drawn) return line;
    return `${line} Band: ${state.band === "seeds" ? bands.seeds + " (Student's t)" : data.spread}.`;
  }

  function rowsOf(curves) {
    if (state.x !== "rounds")  // each method has its own places
      return curves.flatMap((c, n) => c && c[state.x] ? c.mean.map((mean, i) => [c[state.x][i], ...curves.map((_, m) => m === n ? mean : null)]) : []);
    const rounds = [...new Set(curves.flatMap(c => c ? c.rounds : []))].sort((a, b) => a - b);
    return rounds.map(round => [round, ...curves.map(c => {
      const place = c ? c.rounds.indexOf(round) : -1;
      return place < 0 ? null : c.mean[place];
    })]);
  }

  function emptied(id) {
    Plotly.purge(byId(id));
    byId(id).hidden = true;
  }

  function bar(title) {
    const place = phone.matches
      ? {orientation: "h", y: -0.42, thickness: 10, title: {text: title}}
      : {thickness: 14, title: {text: title, side: "right"}};
    return {...place, outlinewidth: 0};
  }

  const most = rows => Math.max(1e-9, ...rows.flat().filter(Number.isFinite));

  function drawHeat(run) {
    const heat = run.heat[state.heat];
    if (!heat) return emptied("heat-figure");
    const what = heat.quantiles ? "percentile of the nodes" : "node";
    const trace = {
      type: "heatmap", x: heat.rounds, y: heat.rows.map(plain), z: heat.values, colorscale: "Viridis",
      hoverongaps: false, colorbar: bar(data.metrics[state.heat]),
      hovertemplate: `${what} %{y}, round %{x}: %{z}<extra></extra>`,
    };
    draw("heat-figure", `${data.metrics[state.heat]} by ${what} and round`, [trace],
      axis("round"), axis(what, {type: "category", autorange: "reversed"}));
  }

  function drawChurn(run) {
    const churn = run.churn, palette = palettes[root.dataset.theme];
    byId("churn").hidden = !churn.rounds;
    if (!churn.rounds) return emptied("churn-figure");
    const both = churn.up && churn.lost, x = churn.rounds, traces = [], panels = {};
    const counts = (title, most, domain) => axis(title, {range: [0, 1.06 * most], domain, ...(most < 8 ? {dtick: 1} : {})});
    if (churn.up) {
      traces.push({x, y: churn.up, line: {shape: "hvh", width: 2, color: palette[0]}, mode: "lines", hovertemplate: "round %{x}: %{y} nodes up<extra></extra>"});
      panels.yaxis = counts("nodes up", churn.learners, [both ? 0.56 : 0, 1]);
    }
    if (churn.lost) {
      const name = both ? "y2" : "y";
      traces.push({x, y: churn.lost, type: "bar", yaxis: name, marker: {color: palette[1]}, hovertemplate: "round %{x}: %{y} messages lost<extra></extra>"});
      panels[both ? "yaxis2" : "yaxis"] = counts("messages lost", most([churn.lost]), [0, both ? 0.44 : 1]);
    }
    draw("churn-figure", churn.told, traces, axis("round", {anchor: both ? "y2" : "y"}), panels.yaxis, {...panels, showlegend: false});
    byId("churn-title").textContent = churn.title;
    fillTable(byId("churn-table"), ["node", "rounds down", "messages lost"], churn.nodes);
  }

  function drawGraph(run) {
    const graph = run.graph;
    byId("graph-note").textContent = graph.remarks.join(" ");
    if (!graph.x) return emptied("graph-figure");
    const lines = {x: [], y: [], mode: "lines", hoverinfo: "skip", line: {width: 1, color: style("--dim")}, opacity: 0.6};
    for (const [a, b] of graph.edges) {
      lines.x.push(graph.x[a], graph.x[b], null);
      lines.y.push(graph.y[a], graph.y[b], null);
    }
    const few = graph.x.length <= 64, values = graph.accuracy, known = values.filter(Number.isFinite);
    const told = values.map((value, uid) => `uid ${uid}, degree ${graph.degrees[uid]}, accuracy ${shown(value)}${value === null ? "" : " %"}`);
    const marked = (uids, more) => ({
      x: uids.map(u => graph.x[u]), y: uids.map(u => graph.y[u]), mode: "markers",
      hoverinfo: "text", text: uids.map(u => told[u]), ...more,
    });
    const size = few ? 26 : graph.x.length <= 300 ? 12 : 7;
    const all = values.map((_, uid) => uid);
    const nodes = marked(all.filter(u => values[u] !== null), {marker: {
      size, color: known, colorscale: "Viridis", showscale: known.length > 0, line: {width: 1, color: style("--text")},
      colorbar: bar("test accuracy (%)"),
    }});
    const rest = marked(all.filter(u => values[u] === null), {marker: {size, color: style("--raised"), line: {width: 1, color: style("--text")}}});
    const names = few ? all.map(u => ({
      x: graph.x[u], y: graph.y[u], text: String(u), showarrow: false,
      font: {size: 11, color: labelColour(values[u], known)},
    })) : [];
    const hidden = {visible: false};
    draw("graph-figure", "The graph of the nodes, coloured by accuracy", [lines, nodes, rest], hidden,
      {...hidden, scaleanchor: "x"}, {showlegend: false, annotations: names, hovermode: "closest"});
  }

  function labelColour(value, known) {
    if (value === null) return style("--text");
    const low = Math.min(...known), high = Math.max(...known);
    return value - low > 0.55 * (high - low) && high > low ? "#000000" : "#ffffff";
  }

  function drawLabels(run) {
    const labels = run.labels;
    byId("labels-note").textContent = labels.remarks.join(" ");
    if (!labels.counts) return emptied("labels-figure");
    const trace = {
      type: "heatmap", z: labels.counts, x: labels.counts[0].map((_, uid) => uid), y: labels.classes, zmin: 0, zmax: most(labels.counts),
      colorscale: "Cividis", colorbar: bar("training samples"),
      hovertemplate: "uid %{x}, class %{y}: %{z} samples<extra></extra>",
    };
    draw("labels-figure", "Training samples by node and class", [trace], axis("uid"),
      axis("class", {type: "category", autorange: "reversed"}));
  }

  function drawWaits(run) {
    const waits = run.waits;
    byId("waits-note").textContent = waits.uids
      ? "Seconds that a node (row) waited in rounds in which the message of this uid (column) came last."
      : "Nobody waited, or the results do not say for whom.";
    if (!waits.uids) return emptied("waits-figure");
    const x = waits.uids.map(String);
    const single = waits.rows.length === 1;
    const trace = single ? {type: "bar", x, y: waits.values[0], marker: {color: palettes[root.dataset.theme][0]}} : {
      type: "heatmap", x, y: waits.rows.map(plain), z: waits.values, zmin: 0, zmax: most(waits.values), colorscale: "Cividis",
      colorbar: bar("seconds"),
      hovertemplate: "%{y} waited %{z} s for uid %{x}<extra></extra>",
    };
    const y = single ? axis("seconds of all nodes") : axis("node", {type: "category", autorange: "reversed"});
    draw("waits-figure", "Seconds that nodes waited, by whom they waited for", [trace],
      axis("waited for uid", {type: "category"}), y);
  }

  function drawRun() {
    const run = data.runs[state.run];
    const facts = byId("facts");
    facts.replaceChildren();
    for (const [key, value] of run.facts) {
      element("dt", key, facts);
      element("dd", value, facts);
    }
    const metrics = Object.keys(run.heat).map(name => [name, data.metrics[name]]);
    state.heat = fillSelect(byId("heat"), metrics, state.heat);
    drawHeat(run);
    drawChurn(run);
    drawGraph(run);
    drawLabels(run);
    drawWaits(run);
    fillTable(byId("configuration"), ["section", "key", "value"], run.configuration);
    fillTable(byId("provenance"), ["what", "value"], run.provenance);
  }

  function drawAll() {
    byId("theme").textContent = root.dataset.theme === "dark" ? "Light" : "Dark";
    if (data.methods.some(method => Object.keys(method.curves).length)) drawCurves();
    drawRun();
  }

  function keep() {
    const words = Object.entries(state).filter(([, value]) => value !== "");
    history.replaceState(null, "", "#" + new URLSearchParams(words));
  }

  const preferred = matchMedia("(prefers-color-scheme: dark)");
  const setTheme = dark => { root.dataset.theme = dark ? "dark" : "light"; };
  setTheme(preferred.matches);
  preferred.addEventListener("change", event => { setTheme(event.matches); drawAll(); });
  byId("theme").addEventListener("click", () => { setTheme(root.dataset.theme !== "dark"); drawAll(); });

  const measured = Object.keys(data.metrics).filter(name => data.methods.some(m => m.curves[name]));
  state.metric = fillSelect(byId("metric"), measured.map(name => [name, data.metrics[name]]), state.metric);
  const offered = data.repeated ? ["seeds", "nodes", "none"] : ["nodes", "none"];
  state.band = fillSelect(byId("band"), offered.map(name => [name, bands[name]]), state.band);
  state.run = +fillSelect(byId("run"), data.runs.map((run, n) => [n, run.name]), state.run);
  const all = data.methods.flatMap(m => Object.values(m.curves));
  const along = Object.keys(xTitles).filter(name => all.some(curve => curve[name]));
  state.x = fillSelect(byId("x"), along.map(name => [name, name === "virtual" ? "virtual seconds" : name]), state.x);
  for (const name of ["metric", "x", "band"])
    byId(name).addEventListener("change", event => { state[name] = event.target.value; keep(); drawCurves(); });
  byId("run").addEventListener("change", event => { state.run = +event.target.value; keep(); drawRun(); });
  byId("heat").addEventListener("change", event => { state.heat = event.target.value; keep(); drawHeat(data.runs[state.run]); });
  drawAll();
  root.dataset.ready = "true";
})();
