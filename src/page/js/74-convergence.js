/* 74-convergence.js: what was learned: curves over seeds, and what became of each case. */

/* Cases of which `effects` tells are what a lab is about: their curves come first, those of studies last. */
const effectCases = new Set(tables.effects.rows.flatMap((row) => [firstWord(row.arm), firstWord(row.base)]));

const severalIn = (rows) => new Set(rows.map(deviceName)).size > 1;

/** The curves of a lab as lines: one per case, overrides and device; runs of studies come last. */
function curveLines(rows, valid, train, band) {
  const named = severalIn(rows);
  const groups = [...groupBy(rows, (row) => `${withOverrides(row)}\n${deviceName(row)}`).values()];
  const rank = ([row]) => { // devices agree, so the first device's curves stand for the others'
    const device = deviceNames.indexOf(deviceName(row));
    return 1000 * Number(studyOf.has(row.case)) + 2 * device + Number(!effectCases.has(row.case));
  };
  groups.sort((a, b) => rank(a) - rank(b));
  const across = view.x === 'seconds' ? 'train_s' : 'epoch';
  return groups
    .map((group, i) => {
      const name =
        `${withOverrides(group[0]).replace(`${group[0].lab}/`, '')}${named ? ` on ${deviceName(group[0])}` : ''}`;
      const line = (column, thin) => {
        const points = group.filter((row) => isNumber(row[column]) && isNumber(row[across]))
                         .map((row) => ({
                           x: row[across],
                           y: row[column],
                           ...(band && !thin ? {low: row.val_acc_low, high: row.val_acc_high} : {})
                         }))
                         .sort((a, b) => a.x - b.x);
        return points.length ? [{
          label: thin ? `${name}, training` : name,
          group: name,
          thin: thin && view.curves !== 'training',
          points,
          style: {...look(i), dash: thin ? [5, 4] : null}
        }]
                             : [];
      };
      const wanted = [
        ...(view.curves !== 'training' ? line(valid, false) : []),
        ...(view.curves !== 'validation' ? line(train, true) : [])
      ];
      return {name, lines: wanted.length ? wanted : [...line(valid, false), ...line(train, true)]};
    })
    .filter((entry) => entry.lines.length);
}

function curveFigure(lab, rows, kind, again) {
  const accuracy = kind === 'accuracy';
  const entries =
    accuracy ? curveLines(rows, 'val_acc', 'train_acc', true) : curveLines(rows, 'val_loss', 'train_loss', false);
  if (!entries.length) return null;
  const id = `${kind}-${lab}`;
  const {shown, note} = firstLines(id, entries, again, 'curve');
  const lines = shown.flatMap((entry) => entry.lines);
  const ends = shown.map((entry) => ({name: entry.name, end: last(entry.lines[0].points).y}));
  ends.sort((a, b) => (accuracy ? b.end - a.end : a.end - b.end));
  const write = accuracy ? percent : (y) => significant(y);
  const lasts = lines.map((line) => last(line.points).x).filter((x) => x > 0);
  const log =
    lasts.length > 1 && Math.max(...lasts) / Math.min(...lasts) > 8 && lines.every((line) => line.points[0].x > 0);
  const what = view.curves === 'training' ? `training ${kind}` : `validation ${kind}`;
  const title = accuracy ? `${lab}: how much is learned, and how soon?` : `${lab}: does the loss fall, and rise again?`;
  const part = shown.length < entries.length ? ', of those drawn,' : '';
  const [first, worst] = accuracy ? ['highest', 'lowest'] : ['lowest', 'highest'];
  const finding = ends.length > 1
    ? say(`At the end${part} ${ends[0].name} has the ${first} ${what}, ${write(ends[0].end)};`,
        `${last(ends).name} the ${worst}, ${write(last(ends).end)}.`)
    : `${ends[0].name} ends with a ${what} of ${write(ends[0].end)}.`;
  const several = rows.some((row) => row.seeds > 1);
  return makeFigure({
    id,
    title,
    finding,
    legend: legendOf(lines.map((line) => ({...line, thin: false}))),
    note,
    caption: say(`${several ? 'Medians over seeds' : 'One seed'}, n = ${spanOf(rows, 'seeds')}.`,
      accuracy && several &&
        'Bands: low to high over seeds, of up to three curves or the one whose legend entry is pointed at.',
      view.curves !== 'validation' && 'Dashed, hollow marks: training.'),
    ...linePlot(lines, {
      title: `${view.x === 'seconds' ? 'training time, seconds' : 'epoch'}${log ? ' (logarithmic)' : ''}`,
      log,
      zero: true
    },
      accuracy ? {
        title: view.curves === 'both' ? 'accuracy' : what,
        log: false,
        format: (y) => percent(y, 0),
        tip: percent,
        max: undefined
      }
               : {title: view.curves === 'both' ? 'loss, cross-entropy' : `${what}`, tip: (y) => significant(y)},
      {apart: view.x === 'seconds'}),
    table: {
      rows,
      columns: [
        'case', 'device_key', 'overrides', 'seeds', 'epoch', 'train_s',
        ...(accuracy ? ['val_acc', 'val_acc_low', 'val_acc_high', 'train_acc'] : ['val_loss', 'train_loss']), 'lr'
      ],
      caption: `${lab}: ${kind} by epoch`,
      table: tables.curves
    }
  });
}

const OUTCOME_COLUMNS = [
  'case', 'overrides', 'precision', 'device_key', 'machine', 'val_acc_final', 'val_acc_final_low', 'val_acc_final_high',
  'train_acc', 'gap', 'test_acc', 'status', 'seeds', 'epochs_run', 'val_acc_best', 'reg', 'param_l2', 'duration_s',
  'commit', 'repeat'
].filter((column) => column !== 'machine' || severalMachines);

function outcomeFigure(rows, again) {
  const known = rows.filter((row) => isNumber(row.val_acc_final));
  if (!known.length) return null;
  const named = severalIn(known);
  const all =
    known
      .map((row) => ({
        label: joined([withOverrides(row), named && deviceName(row)]),
        row,
        study: studyOf.has(row.case),
        points: [
          {
            series: 0,
            value: row.val_acc_final,
            low: row.val_acc_final_low,
            high: row.val_acc_final_high,
            tip: [`validation ${percent(row.val_acc_final)}`, `seeds: ${row.seeds}, epochs: ${row.epochs_run}`]
          },
          ...(isNumber(row.train_acc) ? [{series: 1, value: row.train_acc, tip: [`training ${percent(row.train_acc)}`]}]
                                      : [])
        ]
      }))
      .sort((a, b) => Number(a.study) - Number(b.study) || b.points[0].value - a.points[0].value);
  const {shown, note} = firstRows('outcomes', all, again);
  const series = [
    {label: 'validation', style: {colour: 0, mark: 'circle'}},
    {label: 'training', style: {colour: 1, mark: 'rectRot', hollow: true}}
  ];
  const best = known.reduce((a, b) => (b.val_acc_final > a.val_acc_final ? b : a));
  const gaps = known.filter((row) => isNumber(row.gap)).sort((a, b) => b.gap - a.gap);
  return makeFigure({
    id: 'outcomes',
    title: 'Where does training run ahead of validation?',
    legend: series.map((one) => ({...one, group: one.label})),
    note,
    finding: say(`Highest validation accuracy: ${withOverrides(best)}, ${percent(best.val_acc_final)}.`,
      gaps.length > 0 && gaps[0].gap > 0.005 &&
        `Widest gap: ${withOverrides(gaps[0])}, ${fixed(100 * gaps[0].gap, 1)} points.`),
    caption: say(`After the last epoch, medians over seeds, n = ${spanOf(known, 'seeds')};`,
      'whiskers: 95 % interval of the median, with fewer than 6 seeds lowest to highest.',
      'The distance between the marks is what is learned by heart.'),
    ...dotPlot(shown, series, {title: 'accuracy', log: false, format: (x) => percent(x, 0)}, {together: true}),
    table: {
      rows: known,
      columns: [
        'case', 'device_key', 'overrides', 'seeds', 'val_acc_final', 'val_acc_final_low', 'val_acc_final_high',
        'train_acc', 'gap'
      ],
      caption: 'Accuracy after the last epoch',
      table: tables.outcomes
    }
  });
}
