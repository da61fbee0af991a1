/* 65-forest.js: differences and ratios with their intervals against the line of none, and what the verdict is. */

const VERDICTS = {
  faster: {colour: 'up', mark: 'triangle'},
  slower: {colour: 'down', mark: 'triangle', rotation: 180},
  higher: {colour: 'up', mark: 'triangle'},
  lower: {colour: 'down', mark: 'triangle', rotation: 180},
  same: {colour: 'ink', mark: 'rect'},
  close: {colour: 'ink', mark: 'rect'},
  unlike: {colour: 'muted', mark: 'crossRot'},
  unpaired: {colour: 'muted', mark: 'cross'},
};
const verdictLook = (verdict) => {
  const known = VERDICTS[verdict] || {colour: 'muted', mark: 'circle', hollow: true};
  return {...known, paint: known.colour};
};

/**
 * Intervals against the line of no difference, with the verdict in words. rows: [{label, value, low, high, verdict,
 * text, tip}]
 */
function forestPlot(rows, axis, reference) {
  const verdicts = distinct(rows.map((row) => row.verdict || 'no verdict'));
  const series = verdicts.map((verdict) => ({label: verdict, style: verdictLook(verdict)}));
  const plot = dotPlot(rows.map((row) => ({
    label: row.label,
    words: row.text,
    points: [{
      series: verdicts.indexOf(row.verdict || 'no verdict'),
      value: row.value,
      low: row.low,
      high: row.high,
      tip: row.tip
    }]
  })),
    series, axis, {together: true, reference});
  const legend = series.map((one) => ({label: one.label, style: {...one.style, paint: `var(--${one.style.paint})`}}));
  return {...plot, legend};
}

function tally(rows, order) {
  const counted = groupBy(rows, (row) => row.verdict || 'no verdict');
  return [...counted]
    .sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]))
    .map(([verdict, group]) => `${group.length} ${verdict}`)
    .join(', ');
}
