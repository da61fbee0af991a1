/* 74-convergence.js: what was learned: curves over seeds, outcomes, regularizers, studies, attacks, time to accuracy. */

const severalIn = (rows) => new Set(rows.map(deviceName)).size > 1;

/** The curves of a lab as lines: one per case, overrides and device; runs of studies come last. */
function curveLines(rows, valid, train, band) {
  const named = severalIn(rows);
  const groups = [...groupBy(rows, (row) => `${withOverrides(row)}\n${deviceName(row)}`).values()];
  const rank = ([row]) => 1000 * Number(studyOf.has(row.case)) + deviceNames.indexOf(deviceName(row)); // devices agree: first of each
  groups.sort((a, b) => rank(a) - rank(b));
  const across = view.x === 'seconds' ? 'train_s' : 'epoch';
  return groups.map((group, i) => {
    const name = `${withOverrides(group[0]).replace(`${group[0].lab}/`, '')}${named ? ` on ${deviceName(group[0])}` : ''}`;
    const line = (column, thin) => {
      const points = group.filter((row) => isNumber(row[column]) && isNumber(row[across])).map((row) => ({ x: row[across], y: row[column],
        ...(band && !thin ? { low: row.val_acc_low, high: row.val_acc_high } : {}) })).sort((a, b) => a.x - b.x);
      return points.length ? [{ label: thin ? `${name}, training` : name, group: name, thin: thin && view.curves !== 'training', points, style: { ...look(i), dash: thin ? [5, 4] : null } }] : [];
    };
    const wanted = [...(view.curves !== 'training' ? line(valid, false) : []), ...(view.curves !== 'validation' ? line(train, true) : [])];
    return { name, lines: wanted.length ? wanted : [...line(valid, false), ...line(train, true)] };
  }).filter((entry) => entry.lines.length);
}

function curveFigure(lab, rows, kind, again) {
  const accuracy = kind === 'accuracy';
  const entries = accuracy ? curveLines(rows, 'val_acc', 'train_acc', true) : curveLines(rows, 'val_loss', 'train_loss', false);
  if (!entries.length) return null;
  const id = `${kind}-${lab}`;
  const { shown, note } = firstLines(id, entries, again, 'curve');
  const lines = shown.flatMap((entry) => entry.lines);
  const ends = entries.map((entry) => ({ name: entry.name, end: entry.lines[0].points[entry.lines[0].points.length - 1].y })).sort((a, b) => (accuracy ? b.end - a.end : a.end - b.end));
  const write = accuracy ? percent : (y) => significant(y);
  const lasts = lines.map((line) => line.points[line.points.length - 1].x).filter((x) => x > 0);
  const log = lasts.length > 1 && Math.max(...lasts) / Math.min(...lasts) > 8 && lines.every((line) => line.points[0].x > 0);
  const what = view.curves === 'training' ? `training ${kind}` : `validation ${kind}`;
  const title = accuracy ? `${lab}: how much is learned, and how soon?` : `${lab}: does the loss fall, and rise again?`;
  const finding = ends.length > 1 ? `At the end ${ends[0].name} has the ${accuracy ? 'highest' : 'lowest'} ${what}, ${write(ends[0].end)}; ${ends[ends.length - 1].name} the ${accuracy ? 'lowest' : 'highest'}, ${write(ends[ends.length - 1].end)}.`
    : `${ends[0].name} ends with a ${what} of ${write(ends[0].end)}.`;
  const several = rows.some((row) => row.seeds > 1);
  return makeFigure({ id, title, finding, legend: legendOf(lines.map((line) => ({ ...line, thin: false }))), note,
    caption: `${several ? 'Medians over seeds' : 'One seed'}, n = ${spanOf(rows, 'seeds')}${accuracy && several ? '; bands: low to high over seeds, of up to three curves or the one whose legend entry is pointed at' : ''}. ${view.curves === 'validation' ? '' : 'Dashed, hollow marks: training. '}`,
    ...linePlot(lines, { title: `${view.x === 'seconds' ? 'training time, seconds' : 'epoch'}${log ? ' (logarithmic)' : ''}`, log, zero: true },
      accuracy ? { title: view.curves === 'both' ? 'accuracy' : what, log: false, format: (y) => percent(y, 0), tip: percent, max: undefined } : { title: view.curves === 'both' ? 'loss, cross-entropy' : `${what}`, tip: (y) => significant(y) },
      { apart: view.x === 'seconds' }),
    table: { rows, columns: ['case', 'device_key', 'overrides', 'seeds', 'epoch', 'train_s', ...(accuracy ? ['val_acc', 'val_acc_low', 'val_acc_high', 'train_acc'] : ['val_loss', 'train_loss']), 'lr'], caption: `${lab}: ${kind} by epoch`, table: tables.curves } });
}

const OUTCOME_COLUMNS = ['case', 'overrides', 'device_key', 'machine', 'val_acc_final', 'val_acc_final_low', 'val_acc_final_high', 'train_acc', 'gap', 'test_acc', 'status', 'seeds', 'epochs_run',
  'val_acc_best', 'reg', 'param_l2', 'duration_s', 'commit', 'repeat'].filter((column) => column !== 'machine' || severalMachines);

function outcomeFigure(rows, again) {
  const known = rows.filter((row) => isNumber(row.val_acc_final));
  if (!known.length) return null;
  const named = severalIn(known);
  const all = known.map((row) => ({ label: [withOverrides(row), named && deviceName(row)].filter(Boolean).join(' \u00b7 '), row, study: studyOf.has(row.case),
    points: [{ series: 0, value: row.val_acc_final, low: row.val_acc_final_low, high: row.val_acc_final_high, tip: [`validation ${percent(row.val_acc_final)}`, `seeds: ${row.seeds}, epochs: ${row.epochs_run}`] },
      ...(isNumber(row.train_acc) ? [{ series: 1, value: row.train_acc, tip: [`training ${percent(row.train_acc)}`] }] : [])] }))
    .sort((a, b) => Number(a.study) - Number(b.study) || b.points[0].value - a.points[0].value);
  const { shown, note } = firstRows('outcomes', all, again);
  const series = [{ label: 'validation', style: { colour: 0, mark: 'circle' } }, { label: 'training', style: { colour: 1, mark: 'rectRot', hollow: true } }];
  const best = known.reduce((a, b) => (b.val_acc_final > a.val_acc_final ? b : a));
  const gaps = known.filter((row) => isNumber(row.gap)).sort((a, b) => b.gap - a.gap);
  return makeFigure({ id: 'outcomes', title: 'Where does training run ahead of validation?', legend: series.map((one) => ({ ...one, group: one.label })), note,
    finding: `Highest validation accuracy: ${withOverrides(best)}, ${percent(best.val_acc_final)}.${gaps.length && gaps[0].gap > 0.005 ? ` Widest gap: ${withOverrides(gaps[0])}, ${fixed(100 * gaps[0].gap, 1)} points.` : ''}`,
    caption: `After the last epoch, medians over seeds, n = ${spanOf(known, 'seeds')}; whiskers: low to high over seeds. The distance between the marks is what is learned by heart.`,
    ...dotPlot(shown, series, { title: 'accuracy', log: false, format: (x) => percent(x, 0) }, { together: true }),
    table: { rows: known, columns: ['case', 'device_key', 'overrides', 'seeds', 'val_acc_final', 'val_acc_final_low', 'val_acc_final_high', 'train_acc', 'gap'], caption: 'Accuracy after the last epoch', table: tables.outcomes } });
}

const FIGURES = {
  val_acc_final: ['validation accuracy after the last epoch', 'points', true], val_acc_best: ['best validation accuracy', 'points', true],
  train_valid_gap: ['gap between training and validation accuracy', 'points', true], val_loss: ['validation loss', 'loss'],
  param_l2: ['norm of the parameters', 'L2 norm'], near_zero: ['share of weights near zero', 'points', true], epoch_s: ['time of an epoch', 'seconds'],
};

function effectFigure(lab, rows, again) {
  const known = rows.filter((row) => row.figure === view.figure && isNumber(row.change));
  if (!known.length) return null;
  const [name, unit, share] = FIGURES[view.figure] || [view.figure.replaceAll('_', ' '), 'difference'];
  const scale = share ? 100 : 1;
  const write = (x) => `${x > 0 ? '+' : ''}${share ? fixed(100 * x, 1) : significant(x)}`;
  const named = severalIn(known);
  const all = known.map((row) => ({ label: [row.arm, named && deviceName(row)].filter(Boolean).join(' \u00b7 '), value: row.change * scale,
    low: isNumber(row.low) ? row.low * scale : null, high: isNumber(row.high) ? row.high * scale : null, verdict: row.verdict, text: `${write(row.change)} ${row.verdict || ''}`,
    tip: [`against ${row.base}`, `${write(row.change)}${isNumber(row.low) ? ` (${write(row.low)} to ${write(row.high)})` : ''} ${unit}, ${count(row.pairs, 'pair')} of seeds`, row.note].filter(present) })).sort((a, b) => b.value - a.value);
  const { shown, note } = firstRows(`effects-${lab}`, all, again);
  return makeFigure({ id: `effects-${lab}`, title: `${lab}: does it change the ${name}?`, note,
    finding: `Of ${count(known.length, 'arm')} against ${distinct(known.map((row) => row.base)).length > 1 ? 'their bases' : known[0].base}: ${tally(known, ['higher', 'lower', 'close', 'unclear'])}.`,
    caption: `Mean of the differences paired over seeds, arm minus base, n = ${spanOf(known, 'pairs')}; whiskers: 95 % interval by Student's t. An interval across the line of zero: that may be chance.`,
    ...forestPlot(shown, { title: `change, ${unit}`, log: false }, 0),
    table: { rows, columns: EFFECT_COLUMNS, caption: `${lab}: every figure of every arm`, table: tables.effects } });
}

/* Accuracies and shares are read in points. */
const inPoints = (x, row) => (FIGURES[row.figure] && FIGURES[row.figure][2] ? fixed(100 * x, 1) : significant(x, 4));
const EFFECT_COLUMNS = ['arm', 'base', 'reg', 'device_key', { key: 'figure', format: null }, 'pairs',
  ...['base_mean', 'arm_mean', 'change', 'low', 'high'].map((key) => ({ key, format: inPoints })), 'verdict', 'rank', 'note'];

/** Best so far: medians over seeds, of the studies of a lab that choose by what they saw. */
function studyFigure(lab, rows, again) {
  const known = rows.filter((row) => isNumber(row.best_so_far) && row.strategy !== 'list');
  if (!known.length) return null;
  const named = severalIn(known);
  const lines = [...groupBy(known, (row) => `${row.study}\n${deviceName(row)}`).values()].map((group, i) => {
    const name = `${String(group[0].study).replace(`${lab}/`, '')}${named ? ` on ${deviceName(group[0])}` : ''}`;
    return { label: name, group: name, style: look(i), stepped: 'before', seeds: new Set(group.map((row) => row.seed)).size,
      points: [...groupBy(group, (row) => row.trial)].sort((a, b) => a[0] - b[0]).map(([trial, of]) => {
        const values = of.map((row) => row.best_so_far);
        return { x: trial, y: median(values), ...(values.length > 1 ? { low: Math.min(...values), high: Math.max(...values) } : {}) };
      }) };
  });
  const { shown, note } = firstLines(`studies-${lab}`, lines, again);
  const ends = lines.map((line) => ({ name: line.label, y: line.points[line.points.length - 1].y })).sort((a, b) => b.y - a.y);
  return makeFigure({ id: `studies-${lab}`, title: `${lab}: which search finds a good setting in few runs?`, legend: legendOf(shown), note,
    finding: `${ends[0].name} ends highest, ${percent(ends[0].y)}${ends.length > 1 ? `; ${ends[ends.length - 1].name} lowest, ${percent(ends[ends.length - 1].y)}` : ''}.`,
    caption: `Best validation accuracy so far; medians over ${spanOf(lines, 'seeds')} seeds, bands: lowest to highest, of up to three lines or the one whose legend entry is pointed at.`,
    ...linePlot(shown, { title: 'runs spent', log: false }, { title: 'best validation accuracy so far', log: false, format: (y) => percent(y, 0), tip: percent }),
    table: { rows: known, columns: ['study', 'strategy', 'device_key', 'seed', 'trial', 'parameters', 'val_acc', 'best_so_far', 'test_acc', 'status'], caption: `${lab}: runs of studies`, table: tables.trials } });
}

function attackFigure(attack, rows, again) {
  const known = rows.filter((row) => row.attack === attack && isNumber(row.eps_255) && isNumber(row.accuracy));
  if (!known.length) return null;
  const named = severalIn(known);
  const temperatures = new Set(known.map((row) => row.temperature)).size > 1;
  const lines = [...groupBy(known, (row) => [row.case, deviceName(row), row.temperature, row.detector, row.n_steps].join('\n')).values()].map((group, i) => {
    const name = [String(group[0].case).replace(`${group[0].lab}/`, ''), temperatures && group[0].temperature !== 1 && `T = ${group[0].temperature}`, named && deviceName(group[0])].filter(Boolean).join(', ');
    return { label: name, group: name, style: look(i), points: [...group].sort((a, b) => a.eps_255 - b.eps_255).map((row) => ({ x: row.eps_255, y: row.accuracy })) };
  });
  const { shown, note } = firstLines(`attack-${attack}`, lines, again);
  const strong = lines.map((line) => ({ name: line.label, at: line.points[line.points.length - 1] })).sort((a, b) => b.at.y - a.at.y)[0];
  return makeFigure({ id: `attack-${attack}`, title: `${String(attack).toUpperCase()}: how much accuracy survives the attack?`, legend: legendOf(shown), note,
    finding: `At \u03b5 = ${strong.at.x}/255 ${strong.name} keeps most, ${percent(strong.at.y)}.`,
    caption: `Accuracy of attacked images, medians over seeds; ${spanOf(known, 'n')} images; \u03b5 is how far a pixel may go, of 255.`,
    ...linePlot(shown, { title: '\u03b5, of 255', log: false, zero: true }, { title: 'accuracy under attack', log: false, min: 0, format: (y) => percent(y, 0), tip: percent }),
    table: { rows: known, columns: ['case', 'device_key', 'attack', 'split', 'eps_255', 'n_steps', 'temperature', 'n', 'accuracy', 'loss', 'n_fooled', 'detector', 'detector_tpr', 'detector_fpr'], caption: `Accuracy under ${attack}`, table: tables.attacks } });
}

const TTA_COLUMNS = ['case', 'machine', 'device_key', 'overrides', 'target_value', 'n', 'reached', 'epochs_to_target', 's_per_epoch', 'tta_train_s', 'tta_total_s'].filter((column) => column !== 'machine' || severalMachines);

function targetFigure(rows, again) {
  const known = rows.filter((row) => isNumber(row.tta_train_s));
  if (!known.length) return null;
  const devices = usedDevices(known);
  const series = deviceSeries(devices.length ? devices : distinct(known.map(deviceName)));
  const all = [...groupBy(known, (row) => `${withOverrides(row)} to ${percent(row.target_value, 0)}`)].map(([label, group]) => ({ label,
    points: group.map((row) => ({ series: series.findIndex((one) => one.label === deviceName(row)), value: row.tta_train_s, tip: [`${deviceName(row)}: ${seconds(row.tta_train_s)}`, `${row.reached} of ${row.n} runs reached it`] })) }))
    .sort((a, b) => Math.min(...a.points.map((p) => p.value)) - Math.min(...b.points.map((p) => p.value)));
  const { shown, note } = firstRows('tta', all, again);
  const missed = rows.length - known.length;
  return makeFigure({ id: 'tta', title: 'How long until it is good enough?', legend: deviceLegend(series), note,
    finding: `${all[0].label} is the soonest, after ${seconds(Math.min(...all[0].points.map((p) => p.value)))} of training.${missed ? ` ${count(missed, 'row')} did not reach the target in most runs and cannot be drawn.` : ''}`,
    caption: `Kaplan-Meier medians of the training time, n = ${spanOf(rows, 'n')} runs; runs that never reach the target count as longer than all.`,
    ...dotPlot(shown, series, { title: 'training time until the target, seconds', format: compact, zero: true }),
    table: { rows, columns: TTA_COLUMNS, caption: 'Time to accuracy', table: tables.tta } });
}
