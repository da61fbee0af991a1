/* 70-speed.js: how fast: devices side by side, ratios, share of the peak, roofline, where a step spends its time, history. */

/* Who ran it: a device; of programs that regbench is compared with, the program and the device. */
const OWN = ['reference', 'cpu', 'opencl', 'cuda'];
const runnerName = (row) => (!present(row.backend) || OWN.includes(row.backend) ? deviceName(row) : `${row.backend} on ${deviceName(row)}`);

const MODES = { train: 'training steps', run: 'whole runs' };

/** Whole runs are timed less exactly: they are drawn where nothing better is. */
function bestMeasured(rows) {
  const exact = rows.filter((row) => row.mode !== 'run');
  return exact.length ? exact : rows;
}

/** Names of rows of speeds: the case, and what else tells rows of the case apart. */
function speedGroups(rows) {
  const base = (row) => [row.case, row.batch_size, row.precision, row.mode, row.overrides].join('\n');
  const taken = new Map(); // a device that has several rows of a name: then the provider belongs to the name
  for (const row of rows) {
    const key = `${base(row)}\n${runnerName(row)}`;
    taken.set(key, (taken.get(key) || 0) + 1);
  }
  const several = new Set([...taken].filter(([, n]) => n > 1).map(([key]) => key.slice(0, key.lastIndexOf('\n'))));
  const full = (row) => (several.has(base(row)) ? `${base(row)}\n${row.provider || ''}\n${row.submit || ''}\n${row.threads || ''}` : base(row));
  const groups = groupBy(rows, full);
  const cases = groupBy([...groups.values()].map((group) => group[0]), (row) => row.case);
  const differs = (row, column) => new Set(cases.get(row.case).map((other) => String(other[column] ?? ''))).size > 1;
  const label = (row) => {
    const more = [differs(row, 'batch_size') && `batch ${row.batch_size}`, differs(row, 'precision') && row.precision,
      differs(row, 'mode') && (MODES[row.mode] || row.mode), differs(row, 'overrides') && row.overrides !== `batch=${row.batch_size}` && row.overrides,
      several.has(base(row)) && row.provider, several.has(base(row)) && differs(row, 'threads') && `${row.threads} threads`].filter((part) => part && present(part));
    return more.length ? `${row.case} \u00b7 ${more.join(', ')}` : String(row.case);
  };
  return [...groups.values()].map((group) => ({ label: label(group[0]), rows: group }));
}

const otherRunners = distinct(tables.speeds.rows.map(runnerName)).filter((name) => !deviceNames.includes(name));

const usedDevices = (rows) => deviceNames.filter((name) => rows.some((row) => deviceName(row) === name));
const deviceSeries = (devices) => devices.map((name) => ({ label: name, style: deviceLook(name) }));
const deviceLegend = (series) => series.map((one) => ({ ...one, group: one.label }));

/** "n = 3 to 10", of whatever is counted. */
function spanOf(rows, column) {
  const values = rows.map((row) => row[column]).filter(isNumber);
  if (!values.length) return null;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? grouped(low) : `${grouped(low)} to ${grouped(high)}`;
}

function intervalWords(rows) {
  const kinds = distinct(rows.filter((row) => isNumber(row.samples_per_s_low)).map((row) => row.interval).filter(present));
  if (!kinds.length) return 'no interval, since each is one process';
  return `whiskers: ${kinds.map((kind) => (kind === 'range' ? 'the range where processes are few' : kind.replace(/^95 ?%.*/, '95 % interval of the median'))).join('; ')}`;
}

const SPEED_COLUMNS = ['case', 'device_key', 'machine', 'batch_size', 'samples_per_s', 'samples_per_s_low', 'samples_per_s_high', 'n', 'interval',
  'precision', 'provider', 'overrides', 'mode', 'pct_peak_flops', 'pct_roofline', 'energy_j_per_sample', 'mem_peak_mib', 'verify',
  'commit', 'repeat'].filter((column) => column !== 'machine' || severalMachines);

function speedFigure(id, rows, column, texts, axis, again) {
  const known = bestMeasured(rows).filter((row) => isNumber(row[column]));
  if (!known.length) return null;
  const runners = distinct([...usedDevices(known).filter((name) => known.some((row) => runnerName(row) === name)), ...known.map(runnerName)]);
  const series = runners.map((name) => ({ label: name, style: deviceNames.includes(name) ? deviceLook(name) : { ...look(deviceNames.length + otherRunners.indexOf(name)), hollow: true } }));
  const all = speedGroups(known).map((group) => ({
    label: group.label,
    points: group.rows.map((row) => ({ series: runners.indexOf(runnerName(row)), value: row[column],
      ...(column === 'samples_per_s' ? { low: row.samples_per_s_low, high: row.samples_per_s_high } : {}),
      tip: [`${runnerName(row)}: ${formatOf(column)(row[column])} ${texts.unit}`, `batch ${row.batch_size}, ${row.provider || 'provider unknown'}, n = ${row.n}`] })),
  })).sort((a, b) => Math.max(...b.points.map((p) => p.value)) - Math.max(...a.points.map((p) => p.value)));
  const { shown, note } = firstRows(id, all, again);
  const measured = new Set(known.map((row) => row.case));
  const rough = new Set(rows.filter((row) => isNumber(row[column]) && !measured.has(row.case)).map((row) => row.case)).size;
  const notes = [note, rough > 0 && ` ${count(rough, 'case')} timed in whole runs only: see the table below.`].filter(Boolean);
  const won = winners(all, series);
  const top = all[0], last = all[all.length - 1];
  const best = (row) => Math.max(...row.points.map((p) => p.value));
  const range = `from ${last.label} with ${formatOf(column)(best(last))} to ${top.label} with ${formatOf(column)(best(top))} ${texts.unit}`;
  const finding = won ? `Of ${count(won.compared, 'row')} that several ran, ${won.first} ${texts.verb} in ${won.n}${won.others}, by medians. The best of each row: ${range}.` : all.length > 1 ? `${range[0].toUpperCase()}${range.slice(1)}.`
    : `${top.label}: ${formatOf(column)(best(top))} ${texts.unit}.`;
  const caption = column === 'samples_per_s' ? `Marks: medians over processes, n = ${spanOf(known, 'n')}; ${intervalWords(known)}. Logarithmic where the axis spans more than a decade.`
    : `Medians over processes, n = ${spanOf(known, 'n')}; ${texts.caption}`;
  return makeFigure({ id, title: texts.title, finding, legend: deviceLegend(series), caption, note: notes, ...dotPlot(shown, series, axis),
    table: { rows: known, columns: ['case', 'device_key', 'batch_size', 'provider', 'n', 'samples_per_s', 'samples_per_s_low', 'samples_per_s_high', 'gflop_per_s', 'pct_peak_flops'], caption: texts.title, table: tables.speeds } });
}

const VERDICTS = {
  faster: { colour: 'up', mark: 'triangle' }, slower: { colour: 'down', mark: 'triangle', rotation: 180 },
  higher: { colour: 'up', mark: 'triangle' }, lower: { colour: 'down', mark: 'triangle', rotation: 180 },
  same: { colour: 'ink', mark: 'rect' }, close: { colour: 'ink', mark: 'rect' },
};
const verdictLook = (verdict) => {
  const known = VERDICTS[verdict] || { colour: 'muted', mark: 'circle', hollow: true };
  return { ...known, paint: known.colour };
};

/** Intervals against the line of no difference, with the verdict in words. rows: [{label, value, low, high, verdict, text, tip}] */
function forestPlot(rows, axis, reference) {
  const verdicts = distinct(rows.map((row) => row.verdict || 'no verdict'));
  const series = verdicts.map((verdict) => ({ label: verdict, style: verdictLook(verdict) }));
  const plot = dotPlot(rows.map((row) => ({ label: row.label, words: row.text,
    points: [{ series: verdicts.indexOf(row.verdict || 'no verdict'), value: row.value, low: row.low, high: row.high, tip: row.tip }] })),
  series, axis, { together: true, reference });
  const legend = series.map((one) => ({ label: one.label, style: { ...one.style, paint: `var(--${one.style.paint})` } }));
  return { ...plot, legend };
}

function tally(rows, order) {
  const counted = groupBy(rows, (row) => row.verdict || 'no verdict');
  return [...counted].sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0])).map(([verdict, group]) => `${group.length} ${verdict}`).join(', ');
}

function compareFigure(rows, again) {
  const known = rows.filter((row) => isNumber(row.ratio) && row.ratio > 0);
  if (!known.length) return null;
  const arms = distinct(known.map((row) => `${row.arm_b} / ${row.arm_a}`));
  const perCase = groupBy(known, (row) => row.case);
  const all = known.map((row) => ({
    label: [row.case, perCase.get(row.case).some((other) => other.batch_size !== row.batch_size) && `batch ${row.batch_size}`,
      ...['phase', 'kind', 'overrides'].map((column) => perCase.get(row.case).some((other) => other[column] !== row[column]) && row[column]),
      arms.length > 1 && `${row.arm_b} / ${row.arm_a}`].filter(Boolean).join(' \u00b7 '),
    value: row.ratio, low: row.ratio_low, high: row.ratio_high, verdict: row.verdict,
    text: `${times(row.ratio)} ${row.verdict || ''}`,
    tip: [`${row.arm_b} against ${row.arm_a}: ${times(row.ratio)}${isNumber(row.ratio_low) ? ` (${significant(row.ratio_low)} to ${significant(row.ratio_high)})` : ''}`,
      `n = ${row.n_a} and ${row.n_b}${isNumber(row.q_value) ? `, q = ${significant(row.q_value, 2)}` : ''}`, row.reason].filter(present),
  })).sort((a, b) => b.value - a.value);
  const { shown, note } = firstRows('ratios', all, again);
  const base = distinct(known.map((row) => row.arm_a));
  const title = base.length === 1 ? `How many times as fast as ${base[0]}?` : 'How many times as fast as the first device?';
  return makeFigure({ id: 'ratios', title,
    finding: `Of ${count(known.length, 'comparison')}: ${tally(known, ['faster', 'same', 'slower', 'unclear'])}.`,
    caption: `Hodges-Lehmann ratios with distribution-free 95 % intervals; n = ${spanOf(known, 'n_a')} and ${spanOf(known, 'n_b')} processes; the line is "as fast". `
      + 'A verdict takes the exact Mann-Whitney test at 1 %, adjusted for all rows, and a ratio beyond the threshold.', note,
    ...forestPlot(shown, { title: `${arms.length === 1 ? arms[0] : 'ratio'}, times`, format: (x) => `\u00d7${compact(x)}` }, 1),
    table: { rows, columns: ['case', 'arm_a', 'arm_b', 'batch_size', 'n_a', 'n_b', 'samples_per_s_a', 'samples_per_s_b', 'ratio', 'ratio_low', 'ratio_high', 'q_value', 'verdict', 'reason', 'more'], caption: title, table: tables.compare } });
}

/** Samples per second over the batch, where a case ran with three or more. */
function batchFigure(rows, again) {
  const lines = [];
  const groups = groupBy(rows.filter((row) => isNumber(row.batch_size) && isNumber(row.samples_per_s)),
    (row) => [row.case, deviceName(row), row.mode, row.precision, row.provider].join('\n'));
  for (const group of groups.values()) {
    if (new Set(group.map((row) => row.batch_size)).size < 3) continue;
    const name = `${group[0].case} on ${deviceName(group[0])}`;
    lines.push({ label: name, group: name, style: look(lines.length), rows: group, points: [...group].sort((a, b) => a.batch_size - b.batch_size)
      .map((row) => ({ x: row.batch_size, y: row.samples_per_s, low: row.samples_per_s_low, high: row.samples_per_s_high })) });
  }
  if (!lines.length) return null;
  const { shown, note } = firstLines('batches', lines, again);
  const ends = lines[0].points;
  return makeFigure({ id: 'batches', title: 'Which batch is enough to fill the device?', legend: legendOf(shown),
    finding: `${lines[0].label}: ${significant(ends[0].y)} samples/s with a batch of ${ends[0].x}, ${significant(ends[ends.length - 1].y)} with ${ends[ends.length - 1].x}.`,
    caption: `Medians over processes, n = ${spanOf(rows, 'n')}; both axes logarithmic.`, note,
    ...linePlot(shown, { title: 'batch, samples per step', log: true }, { title: 'samples/s', log: true, tip: (y) => significant(y) }),
    table: { rows: lines.flatMap((line) => line.rows), columns: ['case', 'device_key', 'batch_size', 'n', 'samples_per_s', 'samples_per_s_low', 'samples_per_s_high'], caption: 'Samples per second over the batch', table: tables.speeds } });
}

function rooflineFigure(rows) {
  const known = rows.filter((row) => row.flop_per_byte > 0 && row.gflop_per_s > 0);
  if (!known.length) return null;
  const devices = usedDevices(known);
  const series = deviceSeries(devices);
  const span = [Math.min(...known.map((row) => row.flop_per_byte)) / 2, Math.max(...known.map((row) => row.flop_per_byte)) * 2.5];
  const roofs = devices.map((name) => known.find((row) => deviceName(row) === name)).filter((row) => row.fma_gflop_per_s > 0 && row.triad_gbyte_per_s > 0);
  for (const row of roofs) { // the ridge of every roof is in sight
    span[0] = Math.min(span[0], row.fma_gflop_per_s / row.triad_gbyte_per_s / 2);
    span[1] = Math.max(span[1], 2 * row.fma_gflop_per_s / row.triad_gbyte_per_s);
  }
  const roof = (row, x) => Math.min(row.fma_gflop_per_s, x * row.triad_gbyte_per_s);
  const all = known.filter((row) => row.fma_gflop_per_s > 0).map((row) => ({ row, share: row.gflop_per_s / roof(row, row.flop_per_byte) }))
    .sort((a, b) => b.share - a.share);
  const near = all.filter((one) => one.share <= 1);
  const above = all.length - near.length;
  const config = (t) => ({
    type: 'scatter',
    data: { datasets: [
      ...roofs.map((row) => {
        const style = deviceLook(deviceName(row));
        const ridge = row.fma_gflop_per_s / row.triad_gbyte_per_s;
        return { type: 'line', label: `roof of ${deviceName(row)}`, group: deviceName(row), parsing: false, pointRadius: 0, pointHitRadius: 0, borderWidth: 1.5, tension: 0,
          borderColor: t.series[style.colour], borderDash: devices.indexOf(deviceName(row)) ? [6, 3 + 2 * devices.indexOf(deviceName(row))] : [],
          data: [span[0], ridge, span[1]].map((x) => ({ x, y: roof(row, x) })) };
      }),
      ...series.map((one) => ({ label: one.label, group: one.label, pointStyle: one.style.mark, pointRadius: 5, pointHoverRadius: 7, borderColor: t.series[one.style.colour],
        backgroundColor: t.series[one.style.colour], data: known.filter((row) => deviceName(row) === one.label)
          .map((row) => ({ x: row.flop_per_byte, y: row.gflop_per_s, word: row.case, row })) })),
    ] },
    options: {
      layout: { padding: { right: 14, top: 8 } },
      scales: { x: makeAxis(span, { title: 'operational intensity, FLOP/byte', log: true, min: span[0], max: span[1] }, t),
        y: makeAxis([...known.map((row) => row.gflop_per_s), ...roofs.map((row) => row.fma_gflop_per_s * 1.3)], { title: 'GFLOP/s', log: true }, t) },
      interaction: { mode: 'nearest', intersect: false, axis: 'xy' },
      plugins: { pointWords: { colour: t.muted }, tooltip: tooltip(t, { filter: (item) => Boolean(item.raw.row), callbacks: { title: (items) => (items[0] ? `${items[0].raw.row.case} on ${deviceName(items[0].raw.row)}` : ''),
        label: (item) => ` ${significant(item.raw.y)} GFLOP/s at ${significant(item.raw.x)} FLOP/byte, batch ${item.raw.row.batch_size}` } }) },
    },
    plugins: [pointWords],
  });
  return makeFigure({ id: 'roofline', title: 'What holds each case back: arithmetic or memory?', wide: true, height: 460, legend: deviceLegend(series), config,
    finding: near.length ? `${near[0].row.case} on ${deviceName(near[0].row)} comes nearest to its roof, ${percent(near[0].share, 0)} of it; ${near[near.length - 1].row.case} on ${deviceName(near[near.length - 1].row)} is farthest below, ${percent(near[near.length - 1].share, 0)}.${above ? ` ${count(above, 'point lies', 'points lie')} above the slope: their data stay in a cache.` : ''}` : 'The ceilings were not measured.',
    caption: 'Roofs: measured multiply-adds (flat) and measured triad bandwidth (slope) of each device. A point under the slope waits for memory, one under the flat part for arithmetic; the gap above it is what could be won. Bytes: what must move at least once.',
    table: { rows: known, columns: ['case', 'device_key', 'batch_size', 'flop_per_byte', 'gflop_per_s', 'fma_gflop_per_s', 'triad_gbyte_per_s'], caption: 'Roofline', table: tables.roofline } });
}
