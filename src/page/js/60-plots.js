/* 60-plots.js: the two kinds of plot that most figures are: dots with intervals in rows, and lines. */

const MOST_ROWS = 24;
const MOST_LINES = 8;

/** A name on two lines where it would take the room of the plot. */
function rowLabel(name, width) {
  const most = Math.max(16, Math.min(44, Math.floor(width / 17)));
  if (name.length <= most) return name;
  const lines = [];
  let rest = name;
  while (rest.length > most && lines.length < 1) {
    const cut = [' \u00b7 ', '/', ' ', '-']
                  .map((mark) => rest.lastIndexOf(mark, most - 1) + mark.trim().length)
                  .find((at) => at > 3);
    lines.push(rest.slice(0, cut || most).trim());
    rest = rest.slice(cut || most).replace(/^[ \u00b7]+/, '');
  }
  lines.push(rest.length > most ? `${rest.slice(0, most - 1)}\u2026` : rest);
  return lines;
}

/**
 * Dots with intervals. rows: [{label, points: [{series, value, low, high, tip: [lines], look}], words}];
 * series: [{label, style}]; axis: {title, log, format, min, max, zero}; reference: the value that means no difference.
 */
function dotPlot(rows, series, axis, options = {}) {
  const perRow =
    Math.max(1, ...rows.map((row) => row.points.length ? Math.max(...row.points.map((p) => p.series)) + 1 : 1));
  const dodge = options.together ? 0 : Math.min(0.8 / perRow, 0.24);
  const rowHeight = options.together ? 31 : Math.max(31, 12 + 10 * perRow);
  return {
    height: rows.length * rowHeight + 64,
    config(t, width) {
      const words = width >= 520 ? rows.map((row, i) => ({row: i, text: row.words})).filter((word) => word.text) : [];
      const wordRoom = Math.max(0, ...words.map((word) => word.text.length)) * 6.4;
      const x = makeAxis(
        [...rows.flatMap((row) => row.points.flatMap((p) => [p.value, p.low, p.high])), options.reference], axis, t);
      return {
        type: 'scatter',
        data: {
          datasets: series.map((one, i) => {
            const points = rows.flatMap(
              (row, j) =>
                row.points.filter((p) => p.series === i)
                  .map(
                    (p) => ({...p, x: p.value, y: j + (options.together ? 0 : (i - (perRow - 1) / 2) * dodge), row})));
            const colour = one.style.paint ? t[one.style.paint] : t.series[one.style.colour];
            return {
              label: one.label,
              group: one.label,
              data: points,
              borderColor: colour,
              pointStyle: one.style.mark,
              rotation: one.style.rotation || 0,
              backgroundColor: one.style.hollow ? t.ground : colour,
              pointRadius: one.style.mark === 'rect' ? 4.5 : 5,
              pointHoverRadius: 7,
              pointBorderWidth: 1.6,
              clip: false
            };
          }),
        },
        options: {
          layout: {padding: {right: words.length ? wordRoom + 16 : 10, top: 4}},
          scales: {
            x,
            y: {
              type: 'linear',
              reverse: true,
              min: -0.5,
              max: rows.length - 0.5,
              grid: {display: false, drawBorder: false},
              afterBuildTicks: (scale) => { scale.ticks = rows.map((_, i) => ({value: i})); },
              ticks: {
                autoSkip: false,
                color: t.ink,
                font: {size: 12, lineHeight: 1.15},
                padding: 8,
                callback: (value) => (rows[value] ? rowLabel(rows[value].label, width) : '')
              }
            },
          },
          interaction: {mode: 'nearest', intersect: false, axis: 'xy'},
          plugins: {
            rowBands: {rows: rows.length, colour: t.band},
            zeroLine: {at: options.reference, colour: t.muted},
            rowWords: {words, colour: t.ink},
            tooltip: tooltip(t, {
              callbacks:
                {title: (items) => (items[0] ? items[0].raw.row.label : ''), label: (item) => item.raw.tip || ''}
            }),
          },
        },
        plugins: [rowBands, zeroLine, whiskers, rowWords],
      };
    },
  };
}

/** The rows that are drawn of many, with the note that says so. */
function firstRows(id, rows, again, what = 'row') {
  const perRow = Math.max(1, ...rows.map((row) => (row.points ? row.points.length : 1)));
  const shown = expanded.has(id) ? rows : rows.slice(0, perRow > 3 ? MOST_ROWS / 2 : MOST_ROWS);
  return {shown, note: limitNote(id, shown.length, rows.length, what, again)};
}

function firstLines(id, lines, again, what = 'line') {
  const shown = expanded.has(id) ? lines : lines.slice(0, MOST_LINES);
  return {shown, note: limitNote(id, shown.length, lines.length, what, again)};
}

/**
 * Which points bear a mark: about so many, evenly along the axis, each line's begun a little later than the one
 * before.
 */
function spacedMarks(points, log, most, offset) {
  const at = (point) => (log && point.x > 0 ? Math.log(point.x) : point.x);
  const marks = new Set();
  if (!points.length) return marks;
  const first = at(points[0]), step = (at(last(points)) - first) / most;
  let next = points.length > most ? first + step * offset : first;
  points.forEach((point, index) => {
    if (at(point) < next) return;
    marks.add(index);
    next = points.length > most ? Math.max(next + step, at(point) + step / 2) : at(point);
  });
  return marks;
}

/**
 * Lines. lines: [{label, group, style: {colour, mark, dash}, points: [{x, y, low, high, tip}], thin, stepped}];
 * x, y: axes as of makeAxis.
 */
function linePlot(lines, x, y, options = {}) {
  return {
    height: options.height || 320,
    config(t, width) {
      const dense = Math.max(1, Math.round(width / 110)); // about so many marks a line
      return {
        type: 'line',
        data: {
          datasets: lines.map((line, i) => {
            const colour = t.series[line.style.colour];
            const marks = spacedMarks(line.points, x.log === true, dense, i / lines.length);
            const marked = (index) => index === line.points.length - 1 || marks.has(index) || line.points[index].mark;
            const open = ['crossRot', 'star', 'cross'].includes(line.style.mark);
            return {
              label: line.label,
              group: line.group,
              data: line.points,
              parsing: false,
              borderColor: colour,
              borderWidth: line.thin ? 1.5 : 2,
              borderDash: line.style.dash || [],
              backgroundColor: line.thin && !open ? t.ground : colour,
              pointStyle: line.style.mark,
              pointBorderColor: colour,
              pointBackgroundColor: line.thin ? t.ground : colour,
              tension: 0,
              stepped: line.stepped || false,
              spanGaps: true,
              clip: 8,
              pointRadius: line.points.map((point, index) => point.radius || (marked(index) ? (line.thin ? 3 : 4) : 0)),
              pointHoverRadius: 5,
              pointBorderWidth: 1.5,
              pointHitRadius: 6
            };
          }),
        },
        options: {
          layout: {padding: {right: 14, top: 6}},
          scales: {
            x: makeAxis(lines.flatMap((line) => line.points.map((p) => p.x)), {...x, grid: false}, t),
            y: makeAxis(
              [...lines.flatMap((line) => line.points.flatMap((p) => [p.y, p.low, p.high])), options.reference], y, t)
          },
          interaction: {
            mode: options.apart ? 'nearest' : 'x',
            intersect: false,
            axis: options.apart ? 'xy' : 'x',
            ...(options.apart ? {} : {mode: 'nearest'})
          },
          plugins: {
            crosshair: {colour: t.muted},
            tooltip: tooltip(t, {
              itemSort: (a, b) => b.raw.y - a.raw.y,
              filter: (item, index) => index < 10,
              callbacks: {
                title: ([first]) =>
                  (first ? first.raw.title || `${x.title}: ${(x.format || compact)(first.raw.x)}` : ''),
                label: ({dataset, raw}) => {
                  const value = (y.tip || y.format || compact)(raw.y);
                  return ` ${dataset.label}: ${value}${raw.tip ? `; ${raw.tip}` : ''}`;
                },
              },
            }),
          },
        },
        plugins: [focusLine, bands, crosshair],
      };
    },
  };
}

/** Legend entries of lines; one of each group. */
function legendOf(lines) {
  const seen = new Set();
  return lines.filter((line) => !line.thin && !seen.has(line.group) && seen.add(line.group))
    .map((line) => ({label: line.label, group: line.group, style: {...line.style, line: true}}));
}

/** Who has the most, in how many of the rows that several ran. */
function winners(rows, series) {
  const won = new Map();
  let compared = 0;
  for (const row of rows) {
    if (row.points.length < 2) continue;
    compared++;
    const best = row.points.reduce((a, b) => (b.value > a.value ? b : a));
    if (row.points.some((point) => point !== best && point.value === best.value)) continue; // nobody has most
    won.set(series[best.series].label, (won.get(series[best.series].label) || 0) + 1);
  }
  if (!won.size) return null;
  const ordered = [...won].sort((a, b) => b[1] - a[1]);
  return {compared, text: ordered.map(([name, n]) => `${name} ${n === 1 ? 'once' : `${n} times`}`).join(', ')};
}
