/* 70-speed.js: how fast: devices side by side, share of the peak, ratios with verdicts. */

/* Who ran it: a device; of programs that regbench is compared with, the program and the device. */
const OWN = ['reference', 'cpu', 'opencl', 'cuda'];
const runnerName = (row) =>
  (!present(row.backend) || OWN.includes(row.backend) ? deviceName(row) : `${row.backend} on ${deviceName(row)}`);

const MODES = {
  train: 'training steps',
  run: 'whole runs'
};

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
  const full = (row) => (several.has(base(row)) ? `${base(row)}\n${row.provider || ''}\n${row.submit || ''}\n${
                                                    row.threads || ''}\n${row.quirks || ''}\n${row.settings || ''}`
                                                : base(row));
  const groups = groupBy(rows, full);
  const cases = groupBy([...groups.values()].map((group) => group[0]), (row) => row.case);
  const differs = (row, column) => new Set(cases.get(row.case).map((other) => String(other[column] ?? ''))).size > 1;
  const label = (row) => {
    const more = [
      differs(row, 'batch_size') && `batch ${row.batch_size}`, differs(row, 'precision') && row.precision,
      differs(row, 'mode') && (MODES[row.mode] || row.mode),
      differs(row, 'overrides') && row.overrides !== `batch=${row.batch_size}` && row.overrides,
      several.has(base(row)) && row.provider,
      several.has(base(row)) && differs(row, 'threads') && `${row.threads} threads`,
      ...['submit', 'quirks', 'settings'].map((column) => several.has(base(row)) && differs(row, column) && row[column])
    ].filter((part) => part && present(part));
    return more.length ? `${row.case} \u00b7 ${more.join(', ')}` : String(row.case);
  };
  return [...groups.values()].map((group) => ({label: label(group[0]), rows: group}));
}

const otherRunners = distinct(tables.speeds.rows.map(runnerName)).filter((name) => !deviceNames.includes(name));

const usedDevices = (rows) => deviceNames.filter((name) => rows.some((row) => deviceName(row) === name));
const deviceSeries = (devices) => devices.map((name) => ({label: name, style: deviceLook(name)}));
const deviceLegend = (series) => series.map((one) => ({...one, group: one.label}));

/** "n = 3 to 10", of whatever is counted. */
function spanOf(rows, column) {
  const values = rows.map((row) => row[column]).filter(isNumber);
  if (!values.length) return null;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? grouped(low) : `${grouped(low)} to ${grouped(high)}`;
}

function intervalWords(rows) {
  const kinds =
    distinct(rows.filter((row) => isNumber(row.samples_per_s_low)).map((row) => row.interval).filter(present));
  if (!kinds.length) return 'no interval, since each is one process';
  const words = {'95 %': '95 % interval of the median', range: 'the range where processes are few'};
  const ordered =
    [...Object.keys(words).filter((kind) => kinds.includes(kind)), ...kinds.filter((kind) => !words[kind])];
  return `whiskers: ${ordered.map((kind) => words[kind] || kind).join('; ')}`;
}

const SPEED_COLUMNS = [
  'case', 'device_key', 'machine', 'batch_size', 'samples_per_s', 'samples_per_s_low', 'samples_per_s_high', 'n',
  'interval', 'others_cores', ...WAYS, 'overrides', 'mode', 'pct_peak_flops', 'pct_roofline', 'energy_j_per_sample',
  'mem_peak_mib', 'verify', 'commit', 'repeat'
].filter((column) => column !== 'machine' || severalMachines);

function speedFigure(id, rows, column, texts, axis, again) {
  const known = bestMeasured(rows).filter((row) => isNumber(row[column]));
  if (!known.length) return null;
  const runners = distinct(
    [...usedDevices(known).filter((name) => known.some((row) => runnerName(row) === name)), ...known.map(runnerName)]);
  const series = runners.map((name) => ({
    label: name,
    style: deviceNames.includes(name) ? deviceLook(name)
                                      : {...look(deviceNames.length + otherRunners.indexOf(name)), hollow: true}
  }));
  const all = speedGroups(known)
                .map((group) => ({
                  label: group.label,
                  points: group.rows.map((row) => ({
                    series: runners.indexOf(runnerName(row)),
                    value: row[column],
                    ...(column === 'samples_per_s' ? {low: row.samples_per_s_low, high: row.samples_per_s_high} : {}),
                    tip: [
                      `${runnerName(row)}: ${formatOf(column)(row[column])} ${texts.unit}`,
                      `batch ${row.batch_size}, ${row.provider || 'provider unknown'}, n = ${row.n}`
                    ]
                  })),
                }))
                .sort((a, b) => Math.max(...b.points.map((p) => p.value)) - Math.max(...a.points.map((p) => p.value)));
  const {shown, note} = firstRows(id, all, again);
  const measured = new Set(known.map((row) => row.case));
  const rough =
    new Set(rows.filter((row) => isNumber(row[column]) && !measured.has(row.case)).map((row) => row.case)).size;
  const notes = [
    note,
    known.every((row) => row.mode === 'run') &&
      ' Of whole runs, warm-up and all: regbench bench measures more exactly.',
    rough > 0 && ` ${count(rough, 'case')} timed in whole runs only: see the table below.`
  ].filter(Boolean);
  const won = winners(all, series);
  const best = (row) => formatOf(column)(Math.max(...row.points.map((p) => p.value)));
  const range = all.length > 1
    ? `from ${last(all).label} with ${best(last(all))} to ${all[0].label} with ${best(all[0])} ${texts.unit}`
    : `${all[0].label} with ${best(all[0])} ${texts.unit}`;
  const finding = won ? say(`Highest ${texts.what} of ${count(won.compared, 'row')} that several ran: ${won.text}.`,
                          `The best of each row: ${range}.`)
                      : `The best of each row: ${range}.`;
  const medians = `edians over processes, n = ${spanOf(known, 'n')}`;
  const caption = column === 'samples_per_s'
    ? say(`Marks: m${medians}; ${intervalWords(known)}.`, 'Logarithmic where the axis spans more than a decade.')
    : `M${medians}; ${texts.caption}`;
  return makeFigure({
    id,
    title: texts.title,
    finding,
    legend: deviceLegend(series),
    caption,
    note: notes,
    ...dotPlot(shown, series, axis),
    table: {
      rows: known,
      columns: [
        'case', 'device_key', 'batch_size', 'provider', 'n', 'samples_per_s', 'samples_per_s_low', 'samples_per_s_high',
        'gflop_per_s', 'pct_peak_flops'
      ],
      caption: texts.title,
      table: tables.speeds
    }
  });
}

/** Names of comparisons: the case, and in what comparisons of the case differ. */
function ratioNames(rows) {
  const perCase = groupBy(rows, (row) => row.case);
  const arms = new Set(rows.map((row) => `${row.arm_b} / ${row.arm_a}`)).size > 1;
  const differs = (row, column) => perCase.get(row.case).some((other) => other[column] !== row[column]);
  return (row) => joined([
    row.case, differs(row, 'batch_size') && `batch ${row.batch_size}`,
    ...['phase', 'kind', 'overrides', 'provider'].map((column) => differs(row, column) && row[column]),
    differs(row, 'commit') && parts(row.commit).map((commit) => commit.slice(0, 7)).join(' / '),
    severalMachines && row.machine, arms && `${row.arm_b} / ${row.arm_a}`
  ]);
}

/** A ratio in the tooltip, line by line. */
function ratioTip(row) {
  const span = isNumber(row.ratio_low) && `(${significant(row.ratio_low)} to ${significant(row.ratio_high)})`;
  const chance = isNumber(row.q_value) && `q = ${significant(row.q_value, 2)}`;
  return [
    say(`${row.arm_b} against ${row.arm_a}: ${times(row.ratio)}`, span),
    joined([`n = ${row.n_a} and ${row.n_b}`, chance], ', '), row.reason
  ].filter(present);
}

function compareFigure(rows, again) {
  const known = rows.filter((row) => isNumber(row.ratio) && row.ratio > 0);
  if (!known.length) return null;
  const arms = distinct(known.map((row) => `${row.arm_b} / ${row.arm_a}`));
  const name = ratioNames(known);
  const all = known.map((row) => ({
    label: name(row),
    value: row.ratio,
    low: row.ratio_low,
    high: row.ratio_high,
    verdict: row.verdict,
    text: `${times(row.ratio)} ${row.verdict || ''}`,
    tip: ratioTip(row)
  }));
  all.sort((a, b) => b.value - a.value);
  const {shown, note} = firstRows('ratios', all, again);
  const base = distinct(known.map((row) => row.arm_a));
  const title =
    base.length === 1 ? `How many times as fast as ${base[0]}?` : 'How many times as fast as the first device?';
  return makeFigure({
    id: 'ratios',
    title,
    finding: `Of ${count(known.length, 'comparison')}: ${tally(known, ['faster', 'same', 'slower', 'unclear'])}.`,
    caption: say('Hodges-Lehmann ratios with distribution-free 95 % intervals;',
      `n = ${spanOf(known, 'n_a')} and ${spanOf(known, 'n_b')} processes;`, 'the line is "as fast".',
      'A verdict takes the exact Mann-Whitney test at 1 %, adjusted for all rows, and a ratio beyond the threshold.'),
    note,
    ...forestPlot(
      shown, {title: `${arms.length === 1 ? arms[0] : 'ratio'}, times`, format: (x) => `\u00d7${compact(x)}`}, 1),
    table: {
      rows,
      columns: [
        'case', 'arm_a', 'arm_b', 'batch_size', 'n_a', 'n_b', 'samples_per_s_a', 'samples_per_s_b', 'ratio',
        'ratio_low', 'ratio_high', 'q_value', 'verdict', 'reason', 'more'
      ],
      caption: title,
      table: tables.compare
    }
  });
}
