/* 72-ops.js: where a step spends its time, op by op; and samples per second over sessions. */

const MOST_KINDS = 8;

/** "3 linear 2.linear(512,84)" is a linear. */
const opKind = (op) => {
  const words = String(op).split(' ');
  return /^\d+$/.test(words[0]) && words.length > 1 ? words[1] : words[0];
};

function opsFigure(rows, again) {
  const known = rows.filter((row) => isNumber(row.share_pct));
  if (!known.length) return null;
  const perCase = groupBy(known, (row) => row.case);
  const several = usedDevices(known).length > 1;
  const bars = [...groupBy(known, (row) => [row.case, deviceName(row), row.batch_size].join('\n')).values()].map((group) => ({ rows: group,
    label: [group[0].case, several && deviceName(group[0]), new Set(perCase.get(group[0].case).map((row) => row.batch_size)).size > 1 && `batch ${group[0].batch_size}`]
      .filter(Boolean).join(' \u00b7 ') }));
  const total = new Map();
  for (const row of known) total.set(opKind(row.op), (total.get(opKind(row.op)) || 0) + row.share_pct);
  const ordered = [...total].sort((a, b) => b[1] - a[1]).map(([kind]) => kind);
  const kinds = ordered.length > MOST_KINDS ? [...ordered.slice(0, MOST_KINDS - 1), 'other'] : ordered;
  const { shown, note } = firstRows('ops', bars, again, 'bar');
  const share = (bar, kind) => bar.rows.filter((row) => (kinds.includes(opKind(row.op)) ? opKind(row.op) : 'other') === kind).reduce((sum, row) => sum + row.share_pct, 0);
  const worst = [...known].sort((a, b) => b.share_pct - a.share_pct)[0];
  const config = (t, width) => ({
    type: 'bar',
    data: { labels: shown.map((bar) => bar.label), datasets: kinds.map((kind, i) => ({ label: kind, group: kind, data: shown.map((bar) => share(bar, kind)),
      backgroundColor: kind === 'other' ? t.muted : t.series[i % 8], wordColour: t.ground, borderColor: t.ground, borderWidth: { right: 1.5 }, borderSkipped: false, barThickness: 20 })) },
    options: { indexAxis: 'y', layout: { padding: { right: 14 } },
      scales: { x: { ...makeAxis([0, 100], { title: 'share of the step, %', min: 0, max: 100 }, t), stacked: true },
        y: { stacked: true, grid: { display: false, drawBorder: false }, ticks: { color: t.ink, autoSkip: false, callback: (_, i) => rowLabel(shown[i].label, width) } } },
      interaction: { mode: 'nearest', intersect: true, axis: 'xy' },
      plugins: { tooltip: tooltip(t, { callbacks: { label: (item) => ` ${item.dataset.label}: ${significant(item.raw, 3)} %` } }) } },
    plugins: [segmentWords],
  });
  return makeFigure({ id: 'ops', title: 'Where does a training step spend its time?', wide: true, height: shown.length * 32 + 64, config,
    legend: kinds.map((kind, i) => ({ label: kind, group: kind, style: { block: true, ...(kind === 'other' ? { paint: 'var(--muted)' } : { colour: i % 8 }) } })),
    finding: `The largest single op: ${worst.op} of ${worst.case} on ${deviceName(worst)}, ${significant(worst.share_pct, 2)} % of its step.`,
    caption: 'From a pass of its own after timing (bench --profile), in which every op is waited for: shares, not speeds. Ops of a kind are added up; -dx and -dw are the gradients by input and by weights.', note,
    table: { rows: known, columns: ['case', 'device_key', 'batch_size', { key: 'op' }, 'provider', 'calls', 'ns', 'share_pct', 'gflop_per_s', 'gbyte_per_s'], caption: 'Every op of a step', table: tables.ops } });
}

/** One line per series of `history`; x counts the sessions in order of time. */
function historyLines(rows) {
  const sessions = distinct([...rows].sort((a, b) => collator.compare(String(a.started_utc), String(b.started_utc))).map((row) => row.session_id));
  const at = new Map(sessions.map((session, i) => [session, i]));
  const key = (row) => [row.case, deviceName(row), row.batch_size, row.precision, row.provider, row.overrides, row.workload_hash, row.series].join('\n');
  const lines = [];
  for (const group of groupBy(rows.filter((row) => row.samples_per_s > 0), key).values()) {
    if (group.length < 2) continue;
    const ordered = [...group].sort((a, b) => at.get(a.session_id) - at.get(b.session_id));
    const first = ordered[0].samples_per_s;
    const scale = view.history === 'relative' ? 1 / first : 1;
    const name = [`${withOverrides(group[0])} on ${deviceName(group[0])}`, group[0].series > 1 && `series ${group[0].series}`].filter(Boolean).join(', ');
    lines.push({ label: name, group: name, steps: ordered.filter((row) => present(row.step)), first, last: ordered[ordered.length - 1].samples_per_s,
      points: ordered.map((row) => ({ x: at.get(row.session_id), y: row.samples_per_s * scale, low: row.samples_per_s_low * scale, high: row.samples_per_s_high * scale,
        mark: true, row, title: `${minute(row.started_utc)}, commit ${row.commit || 'unknown'}`,
        tip: [`${significant(row.samples_per_s)} samples/s, n = ${row.n}`, present(row.step) && `step: ${row.step}`].filter(Boolean).join(', ') })) });
  }
  lines.sort((a, b) => b.steps.length - a.steps.length);
  lines.forEach((line, i) => { line.style = look(i); });
  return { lines, sessions: sessions.map((session) => rows.find((row) => row.session_id === session)) };
}

/** Arrows over the steps: filled where a later session agrees, hollow where one session alone has seen it. */
const stepMarks = {
  id: 'stepMarks',
  afterDatasetsDraw(chart, _, options) {
    const { ctx } = chart;
    ctx.save();
    ctx.lineWidth = 1.6;
    chart.data.datasets.forEach((dataset, i) => {
      if (!chart.isDatasetVisible(i)) return;
      chart.getDatasetMeta(i).data.forEach((mark, j) => {
        const { row } = dataset.data[j];
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

function historyFigure(rows, again) {
  const { lines, sessions } = historyLines(rows);
  if (!lines.length) return null;
  const { shown, note } = firstLines('history', lines, again);
  const relative = view.history === 'relative';
  const steps = rows.filter((row) => present(row.step));
  const label = (i) => (sessions[i] ? String(sessions[i].started_utc).slice(5, 10) : '');
  const plot = linePlot(shown, { title: 'sessions in order of time (month-day)', log: false, min: -0.3, max: sessions.length - 0.7, format: label },
    relative ? { title: 'speed, multiple of the first session', log: false, format: (y) => `\u00d7${compact(y)}`, tip: times } : { title: 'samples/s', tip: (y) => significant(y) },
    { apart: true, reference: relative ? 1 : null });
  const config = (t, width) => {
    const made = plot.config(t, width);
    made.options.scales.x.afterBuildTicks = (scale) => {
      const every = Math.max(1, Math.ceil(sessions.length / Math.max(2, Math.floor(scale.chart.width / 60))));
      scale.ticks = sessions.map((_, i) => ({ value: i })).filter((_, i) => i % every === 0);
    };
    made.options.plugins.stepMarks = { up: t.up, down: t.down, ground: t.ground };
    made.plugins = [...made.plugins, stepMarks];
    return made;
  };
  return makeFigure({ id: 'history', title: 'Where did a case become faster or slower?', wide: true, height: 360, config, legend: legendOf(shown),
    finding: steps.length ? `${count(steps.length, 'step')}: ${steps.slice(0, 3).map((row) => `${row.case} on ${deviceName(row)} ${row.step}${isNumber(row.step_ratio) ? ` ${times(row.step_ratio)}` : ''}`).join('; ')}${steps.length > 3 ? '; \u2026' : ''}.`
      : `No step in ${count(lines.length, 'series', 'series')} over ${count(sessions.length, 'session')}.`,
    caption: 'Medians of each session with the range over its processes. A line ends where compiler, driver or machine changed. Arrows: a step; hollow while one session alone has seen it.', note,
    table: { rows, columns: HISTORY_COLUMNS, caption: 'Every case over sessions', table: tables.history } });
}

const HISTORY_COLUMNS = ['case', 'device_key', 'batch_size', 'overrides', 'series', 'started_utc', 'commit', 'n', 'failed', 'samples_per_s', 'samples_per_s_low', 'samples_per_s_high', 'step', 'step_ratio', 'changed'];
