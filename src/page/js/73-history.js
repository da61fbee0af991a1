/* 73-history.js: samples per second over sessions, with the steps that `history` tells. */

/** One line per series of `history`; x counts the sessions in order of time. */
function historyLines(rows) {
  const sessions = distinct([...rows]
                              .sort((a, b) => collator.compare(String(a.started_utc), String(b.started_utc)))
                              .map((row) => row.session_id));
  const at = new Map(sessions.map((session, i) => [session, i]));
  const key = (row) => [row.case, deviceName(row), row.batch_size, row.precision, row.provider, row.overrides,
    row.workload_hash, row.phase, row.submit, row.threads, row.isa, row.quirks, row.settings, row.series]
                         .join('\n');
  const lines = [];
  for (const group of groupBy(rows.filter((row) => row.samples_per_s > 0), key).values()) {
    if (group.length < 2) continue;
    const ordered = [...group].sort((a, b) => at.get(a.session_id) - at.get(b.session_id));
    const first = ordered[0].samples_per_s;
    const scale = view.history === 'relative' ? 1 / first : 1;
    const name = joined(
      [
        `${withOverrides(group[0])} on ${deviceName(group[0])}`, phaseName(group[0]),
        group[0].series > 1 && `series ${group[0].series}`
      ],
      ', ');
    lines.push({
      label: name,
      group: name,
      steps: ordered.filter((row) => present(row.step)),
      first,
      last: last(ordered).samples_per_s,
      points: ordered.map((row) => ({
        x: at.get(row.session_id),
        y: row.samples_per_s * scale,
        low: row.samples_per_s_low * scale,
        high: row.samples_per_s_high * scale,
        mark: true,
        row,
        title: `${minute(row.started_utc)}, commit ${row.commit || 'unknown'}`,
        tip: joined(
          [`${significant(row.samples_per_s)} samples/s, n = ${row.n}`, present(row.step) && `step: ${row.step}`], ', ')
      }))
    });
  }
  lines.sort((a, b) => b.steps.length - a.steps.length);
  lines.forEach((line, i) => { line.style = look(i); });
  return {lines, sessions: sessions.map((session) => rows.find((row) => row.session_id === session))};
}

/** Arrows over the steps: filled where a later sitting agrees, hollow where one alone has seen it. */
const stepMarks = {
  id: 'stepMarks',
  afterDatasetsDraw(chart, _, options) {
    const {ctx} = chart;
    ctx.save();
    ctx.lineWidth = 1.6;
    chart.data.datasets.forEach((dataset, i) => {
      if (!chart.isDatasetVisible(i)) return;
      chart.getDatasetMeta(i).data.forEach((mark, j) => {
        const {row} = dataset.data[j];
        if (!row || !present(row.step)) return;
        const up = String(row.step).includes('faster') ? 1 : -1;
        ctx.strokeStyle = up > 0 ? options.up : options.down;
        ctx.fillStyle = String(row.step).includes('confirmed') ? ctx.strokeStyle : options.ground;
        const y = mark.y - up * 12;
        ctx.beginPath();
        ctx.moveTo(mark.x, y - up * 8);
        ctx.lineTo(mark.x - 6, y + up * 3);
        ctx.lineTo(mark.x + 6, y + up * 3);
        ctx.closePath();
        ctx.fill();
        ctx.stroke();
      });
    });
    ctx.restore();
  },
};

/** Windows of training steps are what one expects, and need no word. */
function phaseName(row) { return row.phase === 'run' ? 'whole runs' : row.phase !== 'bench' && row.phase; }

function historyFigure(rows, again) {
  const {lines, sessions} = historyLines(rows);
  if (!lines.length) return null;
  const {shown, note} = firstLines('history', lines, again);
  const relative = view.history === 'relative';
  const steps = rows.filter((row) => present(row.step));
  const words = steps.slice(0, 3).map(
    (row) => say(row.case, 'on', deviceName(row), row.step, isNumber(row.step_ratio) && times(row.step_ratio)));
  const finding = steps.length
    ? `${count(steps.length, 'step')}: ${words.join('; ')}${steps.length > 3 ? '; \u2026' : ''}.`
    : `No step in ${count(lines.length, 'series', 'series')} over ${count(sessions.length, 'session')}.`;
  const oneDay = new Set(sessions.map((row) => String(row.started_utc).slice(0, 10))).size === 1;
  const label = (i) => (sessions[i] ? String(sessions[i].started_utc).slice(...(oneDay ? [11, 16] : [5, 10])) : '');
  const ratios = shown.flatMap((line) => line.points.map((point) => point.y));
  const wide = relative && Math.max(...ratios) / Math.min(...ratios) > 3;
  const plot = linePlot(shown, {
    title: `sessions in order of time (${oneDay ? 'hour:minute, UTC' : 'month-day'})`,
    log: false,
    min: -0.3,
    max: sessions.length - 0.7,
    format: label
  },
    relative
      ? {title: 'speed, multiple of the first session', log: wide, format: (y) => `\u00d7${compact(y)}`, tip: times}
      : {title: 'samples/s', tip: (y) => significant(y)},
    {apart: true, reference: relative ? 1 : null});
  const config = (t, width) => {
    const made = plot.config(t, width);
    made.options.scales.x.afterBuildTicks = (scale) => {
      const every = Math.max(1, Math.ceil(sessions.length / Math.max(2, Math.floor(scale.chart.width / 60))));
      scale.ticks = sessions.map((_, i) => ({value: i})).filter((_, i) => i % every === 0);
    };
    made.options.plugins.stepMarks = {up: t.up, down: t.down, ground: t.ground};
    made.plugins = [...made.plugins, stepMarks];
    return made;
  };
  return makeFigure({
    id: 'history',
    title: 'Where did a case become faster or slower?',
    wide: true,
    height: 360,
    config,
    legend: legendOf(shown),
    finding,
    caption: say('Medians of each session with the range over its processes.',
      'A line ends where compiler, driver or machine changed.',
      'Arrows: a step; hollow while one session alone has seen it.'),
    note,
    table: {rows, columns: HISTORY_COLUMNS, caption: 'Every case over sessions', table: tables.history}
  });
}

const HISTORY_COLUMNS = [
  'case', 'device_key', 'batch_size', 'overrides', 'phase', 'series', 'started_utc', 'commit', 'n', 'failed',
  'samples_per_s', 'samples_per_s_low', 'samples_per_s_high', 'step', 'step_ratio', 'changed'
];
