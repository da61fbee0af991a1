/* 50-chart.js: figures: title, finding, legend, canvas, caption and the same numbers as a table. Charts are drawn when
 * they come near the window, all of them before the page is printed, and anew when the theme changes. */

/* Older ones than 3 have other names for everything. */
const canDraw = typeof Chart !== 'undefined' && parseInt(Chart.version, 10) >= 3;
const figures = [];         // of the sections as they stand
const opened = new Set();   // figures whose table is open, to be open again after a filter
const expanded = new Set(); // figures that show all their rows or lines
let printing = false;

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries)
    if (entry.isIntersecting) drawFigure(figures.find((figure) => figure.element === entry.target));
}, {rootMargin: '400px 0px'});

function drawFigure(figure) {
  if (!figure || figure.chart || !canDraw) return;
  watcher.unobserve(figure.element);
  const config = figure.spec.config(theme(), figure.plot.clientWidth || 600);
  config.options = {responsive: true, maintainAspectRatio: false, animation: false, ...config.options};
  if (printing) config.options.devicePixelRatio = 2;
  figure.chart = new Chart(figure.canvas, config);
  applyHidden(figure);
}

function redrawCharts() {
  if (!canDraw) return;
  for (const figure of figures) {
    if (!figure.chart) continue;
    figure.chart.destroy();
    figure.chart = null;
    drawFigure(figure);
  }
}

function applyHidden(figure) {
  if (!figure.hidden.size) return;
  figure.chart.data.datasets.forEach(
    (dataset, i) => figure.chart.setDatasetVisibility(i, !figure.hidden.has(dataset.group)));
  figure.chart.update('none');
}

function focusOn(figure, group) {
  if (!figure.chart) return;
  figure.chart.focusGroup = group;
  figure.chart.draw();
}

/** Buttons that show and hide a line; a plain list where there is nothing to hide. */
function makeLegend(figure) {
  const entries = figure.spec.legend || [];
  if (!entries.length) return null;
  return make('ul', {class: 'legend'}, entries.map((entry) => {
    const content = [swatch(entry.style), make('span', {}, entry.label)];
    if (!present(entry.group)) return make('li', {}, make('span', {class: 'key'}, content));
    return make('li', {},
      make('button', {
        type: 'button',
        class: 'key',
        'aria-pressed': 'true',
        title: 'Show or hide',
        onpointerenter: () => focusOn(figure, entry.group),
        onpointerleave: () => focusOn(figure, null),
        onfocus: () => focusOn(figure, entry.group),
        onblur: () => focusOn(figure, null),
        onclick: (event) => {
          const hide = !figure.hidden.has(entry.group);
          if (hide)
            figure.hidden.add(entry.group);
          else
            figure.hidden.delete(entry.group);
          event.currentTarget.setAttribute('aria-pressed', String(!hide));
          if (!figure.chart) return;
          figure.chart.data.datasets.forEach((dataset, i) => {
            if (dataset.group === entry.group) figure.chart.setDatasetVisibility(i, !hide);
          });
          figure.chart.update('none');
        }
      },
        content));
  }));
}

/**
 * A figure. spec: id, title (what to look for), finding (what is seen, in a sentence), legend, height, caption, note (a
 * node), config(theme, width) of Chart.js, table {rows, columns, caption, table}.
 */
function makeFigure(spec) {
  const figure = {spec, chart: null, hidden: new Set()};
  figure.canvas = make('canvas', {role: 'img', 'aria-label': `${spec.title}. ${spec.finding}`});
  figure.plot = make('div', {class: 'plot'}, figure.canvas);
  figure.plot.style.height = `${spec.height || 320}px`;
  const body = make('div', {class: 'as-table-body'});
  const table = spec.table &&
    make('details', {class: 'as-table'}, make('summary', {}, `As a table (${count(spec.table.rows.length, 'row')})`),
      body);
  if (table) {
    const fill = () => body.childElementCount || body.append(makeTable(spec.table.rows, spec.table));
    figure.table = {details: table, fill, rows: spec.table.rows.length};
    table.addEventListener('toggle', () => {
      if (table.open) fill();
      if (printing) return;
      if (table.open)
        opened.add(spec.id);
      else
        opened.delete(spec.id);
    });
    if (opened.has(spec.id) || !canDraw) table.open = true;
  }
  figure.element = make('figure', {id: `figure-${spec.id}`, class: spec.wide ? 'wide' : null, tabindex: '-1'},
    make('h3', {}, spec.title), make('p', {class: 'finding'}, spec.finding), canDraw ? makeLegend(figure) : null,
    canDraw ? figure.plot : null, make('figcaption', {}, spec.caption, spec.note ? [' ', spec.note].flat() : null),
    table);
  figures.push(figure);
  if (canDraw) watcher.observe(figure.element);
  return figure.element;
}

/** "12 of 60 rows are drawn" with the button that draws them all. */
function limitNote(id, shown, all, what, again) {
  if (shown === all) return null;
  return make('span', {}, `${shown} of ${count(all, what)} are drawn`,
    make('span', {class: 'limit'}, '; choose with the filters, or\u00a0',
      make('button', {
        type: 'button',
        class: 'link',
        onclick: () => {
          expanded.add(id);
          again();
          const element = byId(`figure-${id}`);
          if (element) element.focus({preventScroll: true});
        }
      },
        'draw all')),
    '.');
}

/** Charts of sections that are drawn anew, or gone. */
function dropFigures(within) {
  for (let i = figures.length - 1; i >= 0; i--) {
    if (!within.contains(figures[i].element)) continue;
    watcher.unobserve(figures[i].element);
    if (figures[i].chart) figures[i].chart.destroy();
    figures.splice(i, 1);
  }
}

/* Paper: light, in the width of a sheet, with the short tables open. */
const PAPER_WIDTH = 690;
const PAPER_HEIGHT = 820; // of a plot, beside which its words must find room on the sheet
const openedForPrint = [];

function beforePrint() {
  if (printing) return;
  printing = true;
  for (const details of document.querySelectorAll('details.notes:not([open])')) {
    details.open = true;
    openedForPrint.push(details);
  }
  document.documentElement.dataset.print = '';
  for (const figure of figures) {
    if (figure.chart) figure.chart.destroy();
    figure.chart = null;
    figure.plot.style.width = `${PAPER_WIDTH}px`;
    figure.plot.style.height = `${Math.min(figure.spec.height || 320, PAPER_HEIGHT)}px`;
    drawFigure(figure);
    if (!figure.table || figure.table.details.open || figure.table.rows > 12) continue;
    figure.table.fill();
    figure.table.details.open = true;
    openedForPrint.push(figure.table.details);
  }
}

function afterPrint() {
  if (!printing) return;
  for (const details of openedForPrint.splice(0)) details.open = false;
  delete document.documentElement.dataset.print;
  for (const figure of figures) {
    figure.plot.style.width = '';
    figure.plot.style.height = `${figure.spec.height || 320}px`;
  }
  setTimeout(() => { printing = false; });
  redrawCharts();
}

addEventListener('beforeprint', beforePrint);
addEventListener('afterprint', afterPrint);

/* Axes */

/** Ticks 1, 2, 5 of a logarithmic axis, no more than asked for. */
function logTicks(min, max, most) {
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    const found = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
      for (const step of steps) {
        const value = Number((step * 10 ** power).toPrecision(3));
        if (value >= min && value <= max) found.push(value);
      }
    }
    if (found.length <= most || steps.length === 1) {
      const every = Math.ceil(found.length / most);
      return found.filter((_, i) => i % every === 0);
    }
  }
  return [];
}

/**
 * An axis over the values, with room at its ends; logarithmic where they span more than a decade and `log` is not
 * false.
 */
function makeAxis(values, options, t) {
  const all = values.filter(isNumber);
  let min = Math.min(...all), max = Math.max(...all);
  if (!all.length) [min, max] = [0, 1];
  const log = options.log === true || (options.log !== false && min > 0 && max / min > 12);
  const axis = {
    type: log ? 'logarithmic' : 'linear',
    title: {display: true, text: options.title, color: t.muted, font: {size: 12}},
    grid: {color: t.rule, drawBorder: false, drawTicks: false, display: options.grid !== false},
    border: {display: false},
    ticks: {
      color: t.muted,
      padding: 6,
      callback: (value) => (options.format || compact)(value),
      maxRotation: 0,
      includeBounds: false
    }
  };
  if (log) {
    axis.min = options.min || min / (max / min) ** 0.06 / 1.02;
    axis.max = options.max || max * (max / min) ** 0.06 * 1.02;
    axis.afterBuildTicks =
      options.ticks ? (scale) => { scale.ticks = options.ticks.map((value) => ({value})); } : (scale) => {
        const room = scale.isHorizontal() ? scale.chart.width / 80 : scale.chart.height / 40;
        scale.ticks = logTicks(scale.min, scale.max, Math.max(3, Math.floor(room))).map((value) => ({value}));
      };
  } else {
    const room = (max - min) * 0.06 || Math.abs(max) * 0.1 || 0.1;
    axis.min = isNumber(options.min) ? options.min : options.zero && min >= 0 ? 0 : min - room;
    axis.max = isNumber(options.max) ? options.max : max + room;
    axis.ticks.maxTicksLimit = 7;
  }
  return axis;
}

function tooltip(t, extra) {
  return {
    backgroundColor: t.ink,
    titleColor: t.ground,
    bodyColor: t.ground,
    padding: 10,
    cornerRadius: 4,
    usePointStyle: true,
    boxPadding: 4,
    titleFont: {size: 12},
    bodyFont: {size: 12},
    ...extra
  };
}

function setDefaults() {
  if (!canDraw) return;
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  Chart.defaults.plugins.legend.display = false;
}
