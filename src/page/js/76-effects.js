/* 76-effects.js: what regularizers change, what studies find, what attacks leave, how long a target takes. */

const FIGURES = {
  val_acc_final: ['validation accuracy after the last epoch', 'points', true],
  val_acc_best: ['best validation accuracy', 'points', true],
  train_valid_gap: ['gap between training and validation accuracy', 'points', true],
  val_loss: ['validation loss', 'loss'],
  param_l2: ['norm of the parameters', 'L2 norm'],
  near_zero: ['share of weights near zero', 'points', true],
  epoch_s: ['time of an epoch', 'seconds'],
};

function effectFigure(lab, rows, again) {
  const known = rows.filter((row) => row.figure === view.figure && isNumber(row.change));
  if (!known.length) return null;
  const [name, unit, share] = FIGURES[view.figure] || [view.figure.replaceAll('_', ' '), 'difference'];
  const scale = share ? 100 : 1;
  const write = (x) => `${x > 0 ? '+' : ''}${share ? fixed(100 * x, 1) : significant(x)}`;
  const named = severalIn(known);
  const all = known
                .map((row) => ({
                  label: joined([row.arm, named && deviceName(row)]),
                  value: row.change * scale,
                  low: isNumber(row.low) ? row.low * scale : null,
                  high: isNumber(row.high) ? row.high * scale : null,
                  verdict: row.verdict,
                  text: `${write(row.change)} ${row.verdict || ''}`,
                  tip: [
                    `against ${row.base}`,
                    say(write(row.change), isNumber(row.low) && `(${write(row.low)} to ${write(row.high)})`,
                      `${unit}, ${count(row.pairs, 'pair')} of seeds`),
                    row.note
                  ].filter(present)
                }))
                .sort((a, b) => b.value - a.value);
  const {shown, note} = firstRows(`effects-${lab}`, all, again);
  return makeFigure({
    id: `effects-${lab}`,
    title: `${lab}: does it change the ${name}?`,
    note,
    finding: say(`Of ${count(known.length, 'arm')} against`,
      known.some((row) => row.base !== known[0].base) ? 'their bases:' : `${known[0].base}:`,
      `${tally(known, ['higher', 'lower', 'close', 'unclear'])}.`),
    caption: say(`Mean of the differences paired over seeds, arm minus base, n = ${spanOf(known, 'pairs')};`,
      ...(known.some((row) => isNumber(row.low))
          ? ['whiskers: 95 % interval by Student\'s t.', 'An interval across the line of zero: that may be chance.']
          : view.figure === 'epoch_s'
          ? ['no interval and no verdict, since arms are trained one after the other and not by turns.']
          : ['one pair has no interval.'])),
    ...forestPlot(shown, {title: `change, ${unit}`, log: false}, 0),
    table: {rows, columns: EFFECT_COLUMNS, caption: `${lab}: every figure of every arm`, table: tables.effects}
  });
}

/* Accuracies and shares are read in points. */
const inPoints = (x, row) => (FIGURES[row.figure] && FIGURES[row.figure][2] ? fixed(100 * x, 1) : significant(x, 4));
const EFFECT_COLUMNS = [
  'arm', 'base', 'reg', 'device_key', {key: 'figure', format: null}, 'pairs',
  ...['base_mean', 'arm_mean', 'change', 'low', 'high'].map((key) => ({key, format: inPoints})), 'verdict', 'rank',
  'note'
];

/** Best so far: medians over seeds, of the studies of a lab that choose by what they saw. */
function studyFigure(lab, rows, again) {
  const known = rows.filter((row) => isNumber(row.best_so_far) && row.strategy !== 'list');
  if (!known.length) return null;
  const named = severalIn(known);
  const lines = [...groupBy(known, (row) => `${row.study}\n${deviceName(row)}`).values()].map((group, i) => {
    const name = `${String(group[0].study).replace(`${lab}/`, '')}${named ? ` on ${deviceName(group[0])}` : ''}`;
    return {
      label: name,
      group: name,
      style: look(i),
      stepped: 'before',
      seeds: new Set(group.map((row) => row.seed)).size,
      points: [...groupBy(group, (row) => row.trial)].sort((a, b) => a[0] - b[0]).map(([trial, of]) => {
        const values = of.map((row) => row.best_so_far);
        return {
          x: trial,
          y: median(values),
          ...(values.length > 1 ? {low: Math.min(...values), high: Math.max(...values)} : {})
        };
      })
    };
  });
  const {shown, note} = firstLines(`studies-${lab}`, lines, again);
  const ends = lines.map((line) => ({name: line.label, y: last(line.points).y})).sort((a, b) => b.y - a.y);
  return makeFigure({
    id: `studies-${lab}`,
    title: `${lab}: which search finds a good setting in few runs?`,
    legend: legendOf(shown),
    note,
    finding: say(`${ends[0].name} ends highest, ${percent(ends[0].y)}.`,
      ends.length > 1 && `${last(ends).name} lowest, ${percent(last(ends).y)}.`),
    caption: say(`Best validation accuracy so far; medians over seeds, n = ${spanOf(lines, 'seeds')};`,
      'bands: lowest to highest, of up to three lines or the one whose legend entry is pointed at.'),
    ...linePlot(shown, {title: 'runs spent', log: false},
      {title: 'best validation accuracy so far', log: false, format: (y) => percent(y, 0), tip: percent}),
    table: {
      rows: known,
      columns: [
        'study', 'strategy', 'device_key', 'seed', 'trial', 'parameters', 'val_acc', 'best_so_far', 'test_acc', 'status'
      ],
      caption: `${lab}: runs of studies`,
      table: tables.trials
    }
  });
}

function attackFigure(attack, rows, again) {
  const known = rows.filter((row) => row.attack === attack && isNumber(row.eps_255) && isNumber(row.accuracy));
  if (!known.length) return null;
  const named = severalIn(known);
  const temperatures = new Set(known.map((row) => row.temperature)).size > 1;
  const lines = [
    ...groupBy(known, (row) => [row.case, deviceName(row), row.temperature, row.detector, row.n_steps].join('\n'))
      .values()
  ].map((group, i) => {
    const name = joined(
      [
        String(group[0].case).replace(`${group[0].lab}/`, ''),
        temperatures && group[0].temperature !== 1 && `T = ${group[0].temperature}`, named && deviceName(group[0])
      ],
      ', ');
    return {
      label: name,
      group: name,
      style: look(i),
      points: [...group].sort((a, b) => a.eps_255 - b.eps_255).map((row) => ({x: row.eps_255, y: row.accuracy}))
    };
  });
  const {shown, note} = firstLines(`attack-${attack}`, lines, again);
  const strong = lines.map((line) => ({name: line.label, at: last(line.points)})).sort((a, b) => b.at.y - a.at.y)[0];
  return makeFigure({
    id: `attack-${attack}`,
    title: `${String(attack).toUpperCase()}: how much accuracy survives the attack?`,
    legend: legendOf(shown),
    note,
    finding: `At \u03b5 = ${strong.at.x}/255 ${strong.name} keeps most, ${percent(strong.at.y)}.`,
    caption: say(`Accuracy of attacked images, medians over seeds; ${spanOf(known, 'n')} images;`,
      '\u03b5 is how far a pixel may go, of 255.'),
    ...linePlot(shown, {title: '\u03b5, of 255', log: false, zero: true},
      {title: 'accuracy under attack', log: false, min: 0, format: (y) => percent(y, 0), tip: percent}),
    table: {
      rows: known,
      columns: [
        'case', 'device_key', 'attack', 'split', 'eps_255', 'n_steps', 'temperature', 'n', 'accuracy', 'loss',
        'n_fooled', 'detector', 'detector_tpr', 'detector_fpr'
      ],
      caption: `Accuracy under ${attack}`,
      table: tables.attacks
    }
  });
}

const TTA_COLUMNS = [
  'case', 'machine', 'device_key', 'target_value', 'n', 'reached', 'epochs_to_target', 's_per_epoch', 'tta_train_s',
  'tta_total_s', 'overrides', ...WAYS, 'dataset', 'commit', 'dirty', 'device'
].filter((column) => column !== 'machine' || severalMachines);

function targetFigure(rows, again) {
  const known = rows.filter((row) => isNumber(row.tta_train_s));
  if (!known.length) return null;
  const devices = usedDevices(known);
  const series = deviceSeries(devices.length ? devices : distinct(known.map(deviceName)));
  const way = waysOf(known);
  const name = (row) => joined([`${withOverrides(row)} to ${percent(row.target_value, 0)}`, way(row)], ', ');
  const all =
    [...groupBy(known, name)]
      .map(([label, group]) => ({
        label,
        points: group.map((row) => ({
          series: series.findIndex((one) => one.label === deviceName(row)),
          value: row.tta_train_s,
          tip: [`${deviceName(row)}: ${seconds(row.tta_train_s)}`, `${row.reached} of ${row.n} runs reached it`]
        }))
      }))
      .sort((a, b) => Math.min(...a.points.map((p) => p.value)) - Math.min(...b.points.map((p) => p.value)));
  const {shown, note} = firstRows('tta', all, again);
  const missed = rows.length - known.length;
  return makeFigure({
    id: 'tta',
    title: 'How long until it is good enough?',
    legend: deviceLegend(series),
    note,
    finding: say(
      `${all[0].label} is the soonest, after ${seconds(Math.min(...all[0].points.map((p) => p.value)))} of training.`,
      missed > 0 && `${count(missed, 'row')} did not reach the target in most runs and cannot be drawn.`),
    caption: say(`Kaplan-Meier medians of the training time, n = ${spanOf(rows, 'n')} runs;`,
      'runs that never reach the target count as longer than all.'),
    ...dotPlot(shown, series, {title: 'training time until the target, seconds', format: compact, zero: true}),
    table: {rows, columns: TTA_COLUMNS, caption: 'Time to accuracy', table: tables.tta}
  });
}
