/* 55-plugins.js: what Chart.js does not draw by itself: whiskers, bands, a line to compare with, words beside rows and
 * points. */

/** Whiskers: horizontal intervals of points with low and high, under the marks. */
const whiskers = {
  id: 'whiskers',
  beforeDatasetsDraw(chart) {
    const {ctx, chartArea, scales: {x}} = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(chartArea.left, chartArea.top - 4, chartArea.width, chartArea.height + 8);
    ctx.clip();
    ctx.lineWidth = 1.5;
    chart.data.datasets.forEach((dataset, i) => {
      if (!chart.isDatasetVisible(i)) return;
      const marks = chart.getDatasetMeta(i).data;
      dataset.data.forEach((point, j) => {
        if (!isNumber(point.low) || !isNumber(point.high) || point.high === point.low || !marks[j]) return;
        const y = marks[j].y;
        const [a, b] = [x.getPixelForValue(point.low), x.getPixelForValue(point.high)];
        ctx.strokeStyle = point.colour || dataset.borderColor;
        ctx.beginPath();
        ctx.moveTo(a, y);
        ctx.lineTo(b, y);
        for (const end of [a, b]) {
          ctx.moveTo(end, y - 4);
          ctx.lineTo(end, y + 4);
        }
        ctx.stroke();
      });
    });
    ctx.restore();
  },
};

/** Every second row of a dot plot on a faint ground, so that the eye keeps its row. */
const rowBands = {
  id: 'rowBands',
  beforeDraw(chart, _, options) {
    const {ctx, chartArea, scales: {y}} = chart;
    ctx.save();
    ctx.fillStyle = options.colour;
    for (let row = 0; row < options.rows; row += 2) {
      const top = y.getPixelForValue(row - 0.5), bottom = y.getPixelForValue(row + 0.5);
      ctx.fillRect(0, top, chart.width, bottom - top);
    }
    ctx.restore();
  },
};

/** A vertical line at a value that means "no difference". */
const zeroLine = {
  id: 'zeroLine',
  beforeDatasetsDraw(chart, _, options) {
    if (!isNumber(options.at)) return;
    const {ctx, chartArea, scales: {x}} = chart;
    const at = x.getPixelForValue(options.at);
    if (at < chartArea.left || at > chartArea.right) return;
    ctx.save();
    ctx.strokeStyle = options.colour;
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.moveTo(at, chartArea.top);
    ctx.lineTo(at, chartArea.bottom);
    ctx.stroke();
    ctx.restore();
  },
};

/** Words to the right of the rows: {row, text}. */
const rowWords = {
  id: 'rowWords',
  afterDatasetsDraw(chart, _, options) {
    const {ctx, chartArea, scales: {y}} = chart;
    ctx.save();
    ctx.font = `12px ${Chart.defaults.font.family}`;
    ctx.fillStyle = options.colour;
    ctx.textBaseline = 'middle';
    for (const word of options.words || []) ctx.fillText(word.text, chartArea.right + 12, y.getPixelForValue(word.row));
    ctx.restore();
  },
};

const MOST_BANDS = 3;

/** The line whose legend entry is pointed at stands out. */
const focusLine = {
  id: 'focusLine',
  beforeDatasetDraw(chart, {index}) {
    const {group} = chart.data.datasets[index];
    chart.ctx.globalAlpha = present(chart.focusGroup) && group !== chart.focusGroup ? 0.2 : 1;
  },
  afterDatasetDraw(chart) { chart.ctx.globalAlpha = 1; },
};

/**
 * The span between low and high of a line's points, as a band in its colour; of many lines only of the one pointed at.
 */
const bands = {
  id: 'bands',
  beforeDatasetsDraw(chart) {
    const {ctx, chartArea, scales: {x, y}} = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(chartArea.left, chartArea.top, chartArea.width, chartArea.height);
    ctx.clip();
    const few = chart.getVisibleDatasetCount() <= MOST_BANDS;
    chart.data.datasets.forEach((dataset, i) => {
      if (!chart.isDatasetVisible(i) || (present(chart.focusGroup) ? dataset.group !== chart.focusGroup : !few)) return;
      const known = dataset.data.filter((point) => isNumber(point.low) && isNumber(point.high));
      if (known.length < 2) return;
      ctx.beginPath();
      known.forEach((point) => ctx.lineTo(x.getPixelForValue(point.x), y.getPixelForValue(point.high)));
      known.reverse().forEach((point) => ctx.lineTo(x.getPixelForValue(point.x), y.getPixelForValue(point.low)));
      ctx.fillStyle = faded(dataset.borderColor, 0.14);
      ctx.fill();
    });
    ctx.restore();
  },
};

/** A hairline through what the pointer is at. */
const crosshair = {
  id: 'crosshair',
  afterDatasetsDraw(chart, _, options) {
    const active = chart.tooltip && chart.tooltip.getActiveElements();
    if (!active || !active.length) return;
    const {ctx, chartArea} = chart;
    ctx.save();
    ctx.strokeStyle = options.colour;
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(active[0].element.x, chartArea.top);
    ctx.lineTo(active[0].element.x, chartArea.bottom);
    ctx.stroke();
    ctx.restore();
  },
};

/** Names beside points, where there is room for them; the others are in the tooltip and the table. */
const pointWords = {
  id: 'pointWords',
  afterDatasetsDraw(chart, _, options) {
    const {ctx, chartArea} = chart;
    const taken = [];
    const free = (box) => box[0] >= chartArea.left && box[2] <= chartArea.right + 4 && box[1] >= chartArea.top &&
      box[3] <= chartArea.bottom &&
      taken.every((other) => box[2] < other[0] || box[0] > other[2] || box[3] < other[1] || box[1] > other[3]);
    ctx.save();
    ctx.font = `11px ${Chart.defaults.font.family}`;
    ctx.fillStyle = options.colour;
    ctx.textBaseline = 'middle';
    const marks = [];
    chart.data.datasets.forEach((dataset, i) => {
      if (!chart.isDatasetVisible(i)) return;
      chart.getDatasetMeta(i).data.forEach((mark, j) => {
        if (!dataset.data[j].word) return;
        taken.push([mark.x - 5, mark.y - 5, mark.x + 5, mark.y + 5]);
        marks.push([mark, dataset.data[j].word]);
      });
    });
    const said = new Set();
    for (const [mark, word] of marks) {
      if (marks.length > 16 && said.has(word)) continue; // the same case on another device: once is enough
      const wide = ctx.measureText(word).width;
      for (const [dx, dy] of [[9, 0], [-9 - wide, 0], [-wide / 2, -13], [-wide / 2, 13], [7, -11], [7, 11],
             [-7 - wide, -11], [-7 - wide, 11]]) {
        const box = [mark.x + dx, mark.y + dy - 6, mark.x + dx + wide, mark.y + dy + 6];
        if (!free(box)) continue;
        ctx.fillText(word, box[0], mark.y + dy);
        taken.push(box);
        said.add(word);
        break;
      }
    }
    ctx.restore();
  },
};

/** What a segment of a stacked bar is, written into it where it fits. */
const segmentWords = {
  id: 'segmentWords',
  afterDatasetsDraw(chart) {
    const {ctx} = chart;
    ctx.save();
    ctx.font = `11px ${Chart.defaults.font.family}`;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'center';
    chart.data.datasets.forEach((dataset, i) => {
      if (!chart.isDatasetVisible(i)) return;
      chart.getDatasetMeta(i).data.forEach((bar, j) => {
        const wide = Math.abs(bar.x - bar.base);
        const share = dataset.data[j] >= 10 ? `${dataset.label} ${Math.round(dataset.data[j])}\u202f%` : dataset.label;
        ctx.fillStyle = dataset.wordColour;
        const text = [share, dataset.label].find((word) => ctx.measureText(word).width + 8 < wide);
        if (text) ctx.fillText(text, (bar.x + bar.base) / 2, bar.y);
      });
    });
    ctx.restore();
  },
};
