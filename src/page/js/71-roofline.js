/* 71-roofline.js: speed over the batch, and what arithmetic and memory would allow at most. */

/** At most so many of the values, evenly. */
const thinned = (values, most) => values.filter((_, i) => i % Math.ceil(values.length / most) === 0);

/** Samples per second over the batch, where a case ran with three or more. */
function batchFigure(rows, again) {
  const lines = [];
  const groups = groupBy(rows.filter((row) => isNumber(row.batch_size) && isNumber(row.samples_per_s)),
    (row) => [row.case, deviceName(row), row.mode, row.precision, row.provider].join('\n'));
  for (const group of groups.values()) {
    if (new Set(group.map((row) => row.batch_size)).size < 3) continue;
    const name = `${group[0].case} on ${deviceName(group[0])}`;
    lines.push({
      label: name,
      group: name,
      style: look(lines.length),
      rows: group,
      points:
        [...group]
          .sort((a, b) => a.batch_size - b.batch_size)
          .map((row) =>
                 ({x: row.batch_size, y: row.samples_per_s, low: row.samples_per_s_low, high: row.samples_per_s_high}))
    });
  }
  if (!lines.length) return null;
  const {shown, note} = firstLines('batches', lines, again);
  const ends = lines[0].points;
  return makeFigure({
    id: 'batches',
    title: 'Which batch is enough to fill the device?',
    legend: legendOf(shown),
    finding: say(`${lines[0].label}: ${significant(ends[0].y)} samples/s with a batch of ${ends[0].x},`,
      `${significant(last(ends).y)} with ${last(ends).x}.`),
    caption: `Medians over processes, n = ${spanOf(rows, 'n')}; both axes logarithmic.`,
    note,
    ...linePlot(shown, {
      title: 'batch, samples per step',
      log: true,
      ticks: thinned(distinct(shown.flatMap((line) => line.points.map((p) => p.x))).sort((a, b) => a - b), 8),
      format: plain
    },
      {title: 'samples/s', log: true, tip: (y) => significant(y)}),
    table: {
      rows: lines.flatMap((line) => line.rows),
      columns: ['case', 'device_key', 'batch_size', 'n', 'samples_per_s', 'samples_per_s_low', 'samples_per_s_high'],
      caption: 'Samples per second over the batch',
      table: tables.speeds
    }
  });
}

/** The measured ceilings of each device as lines, over the span of x. */
function roofLines(roofs, devices, span, t) {
  return roofs.map((row) => {
    const name = deviceName(row);
    const ridge = row.fma_gflop_per_s / row.triad_gbyte_per_s;
    const place = devices.indexOf(name);
    return {
      type: 'line',
      label: `roof of ${name}`,
      group: name,
      parsing: false,
      pointRadius: 0,
      pointHitRadius: 0,
      borderWidth: 1.5,
      tension: 0,
      borderColor: t.series[deviceLook(name).colour],
      borderDash: place ? [6, 3 + 2 * place] : [],
      data: [span[0], ridge, span[1]].map((x) => ({x, y: roofAt(row, x)}))
    };
  });
}

const roofAt = (row, x) => Math.min(row.fma_gflop_per_s, x * row.triad_gbyte_per_s);

function rooflineConfig(known, devices, t) {
  const intensities = known.map((row) => row.flop_per_byte);
  const roofs = devices.map((name) => known.find((row) => deviceName(row) === name))
                  .filter((row) => row.fma_gflop_per_s > 0 && row.triad_gbyte_per_s > 0);
  const ridges = roofs.map((row) => row.fma_gflop_per_s / row.triad_gbyte_per_s); // every one is in sight
  const span = [Math.min(...intensities, ...ridges) / 2, Math.max(...intensities, ...ridges) * 2];
  const points = devices.map((name) => {
    const {colour, mark} = deviceLook(name);
    return {
      label: name,
      group: name,
      pointStyle: mark,
      pointRadius: 5,
      pointHoverRadius: 7,
      borderColor: t.series[colour],
      backgroundColor: t.series[colour],
      data: known.filter((row) => deviceName(row) === name)
              .map((row) => ({x: row.flop_per_byte, y: row.gflop_per_s, word: row.case, row}))
    };
  });
  const heights = [...known.map((row) => row.gflop_per_s), ...roofs.map((row) => row.fma_gflop_per_s * 1.3)];
  const words = {
    title: ([first]) => (first ? `${first.raw.row.case} on ${deviceName(first.raw.row)}` : ''),
    label: ({raw}) => ` ${significant(raw.y)} GFLOP/s at ${significant(raw.x)} FLOP/byte, batch ${raw.row.batch_size}`,
  };
  return {
    type: 'scatter',
    data: {datasets: [...roofLines(roofs, devices, span, t), ...points]},
    options: {
      layout: {padding: {right: 14, top: 8}},
      scales: {
        x: makeAxis(span, {title: 'operational intensity, FLOP/byte', log: true, min: span[0], max: span[1]}, t),
        y: makeAxis(heights, {title: 'GFLOP/s', log: true}, t)
      },
      interaction: {mode: 'nearest', intersect: false, axis: 'xy'},
      plugins: {
        pointWords: {colour: t.muted},
        tooltip: tooltip(t, {filter: (item) => Boolean(item.raw.row), callbacks: words})
      },
    },
    plugins: [pointWords],
  };
}

function rooflineFigure(rows) {
  const known = rows.filter((row) => row.flop_per_byte > 0 && row.gflop_per_s > 0);
  if (!known.length) return null;
  const devices = usedDevices(known);
  const all =
    known.filter((row) => row.fma_gflop_per_s > 0 && row.triad_gbyte_per_s > 0)
      .map(
        (row) => ({name: `${row.case} on ${deviceName(row)}`, share: row.gflop_per_s / roofAt(row, row.flop_per_byte)}))
      .sort((a, b) => b.share - a.share);
  const under = all.filter((one) => one.share <= 1);
  const above = all.length - under.length;
  const finding = !all.length
    ? 'The ceilings were not measured.'
    : say(under.length > 0 && `${under[0].name} comes nearest to its roof, ${percent(under[0].share, 0)} of it;`,
        under.length > 0 && `${last(under).name} is farthest below, ${percent(last(under).share, 0)}.`,
        above > 0 && `${count(above, 'point lies', 'points lie')} above the slope: their data stay in a cache.`);
  return makeFigure({
    id: 'roofline',
    title: 'What holds each case back: arithmetic or memory?',
    wide: true,
    height: 460,
    legend: deviceLegend(deviceSeries(devices)),
    finding,
    config: (t) => rooflineConfig(known, devices, t),
    caption: say('Roofs: measured multiply-adds (flat) and measured triad bandwidth (slope) of each device.',
      'A point under the slope waits for memory, one under the flat part for arithmetic;',
      'the gap above it is what could be won. Bytes: what must move at least once.'),
    table: {
      rows: known,
      columns:
        ['case', 'device_key', 'batch_size', 'flop_per_byte', 'gflop_per_s', 'fma_gflop_per_s', 'triad_gbyte_per_s'],
      caption: 'Roofline',
      table: tables.roofline
    }
  });
}
