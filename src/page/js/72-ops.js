/* 72-ops.js: where a step spends its time, op by op. */

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
  const bars =
    [...groupBy(known, (row) => [row.case, deviceName(row), row.batch_size].join('\n')).values()].map((group) => ({
      rows: group,
      label: joined([
        group[0].case, several && deviceName(group[0]),
        new Set(perCase.get(group[0].case).map((row) => row.batch_size)).size > 1 && `batch ${group[0].batch_size}`
      ])
    }));
  const total = new Map();
  for (const row of known) total.set(opKind(row.op), (total.get(opKind(row.op)) || 0) + row.share_pct);
  const ordered = [...total].sort((a, b) => b[1] - a[1]).map(([kind]) => kind);
  const kinds = ordered.length > MOST_KINDS ? [...ordered.slice(0, MOST_KINDS - 1), 'other'] : ordered;
  const {shown, note} = firstRows('ops', bars, again, 'bar');
  const share = (bar, kind) =>
    bar.rows.filter((row) => (kinds.includes(opKind(row.op)) ? opKind(row.op) : 'other') === kind)
      .reduce((sum, row) => sum + row.share_pct, 0);
  const worst = [...known].sort((a, b) => b.share_pct - a.share_pct)[0];
  const config = (t, width) => ({
    type: 'bar',
    data: {
      labels: shown.map((bar) => bar.label),
      datasets: kinds.map((kind, i) => ({
        label: kind,
        group: kind,
        data: shown.map((bar) => share(bar, kind)),
        backgroundColor: kind === 'other' ? t.muted : t.series[i % 8],
        wordColour: t.ground,
        borderColor: t.ground,
        borderWidth: {right: 1.5},
        borderSkipped: false,
        barThickness: 20
      }))
    },
    options: {
      indexAxis: 'y',
      layout: {padding: {right: 14}},
      scales: {
        x: {...makeAxis([0, 100], {title: 'share of the step, %', min: 0, max: 100}, t), stacked: true},
        y: {
          stacked: true,
          grid: {display: false, drawBorder: false},
          ticks: {color: t.ink, autoSkip: false, callback: (_, i) => rowLabel(shown[i].label, width)}
        }
      },
      interaction: {mode: 'nearest', intersect: true, axis: 'xy'},
      plugins:
        {tooltip: tooltip(t, {callbacks: {label: (item) => ` ${item.dataset.label}: ${significant(item.raw, 3)} %`}})}
    },
    plugins: [segmentWords],
  });
  return makeFigure({
    id: 'ops',
    title: 'Where does a training step spend its time?',
    wide: true,
    height: shown.length * 32 + 64,
    config,
    legend: kinds.map((kind, i) => ({
      label: kind,
      group: kind,
      style: {block: true, ...(kind === 'other' ? {paint: 'var(--muted)'} : {colour: i % 8})}
    })),
    finding: say(`The largest single op: ${worst.op} of ${worst.case} on ${deviceName(worst)},`,
      `${significant(worst.share_pct, 2)} % of its step.`),
    caption:
      say('From a pass of its own after timing (bench --profile), in which every op is waited for: shares, not speeds.',
        'Ops of a kind are added up; -dx and -dw are the gradients by input and by weights.'),
    note,
    table: {
      rows: known,
      columns: [
        'case', 'device_key', 'batch_size', {key: 'op'}, 'provider', 'calls', 'ns', 'share_pct', 'gflop_per_s',
        'gbyte_per_s'
      ],
      caption: 'Every op of a step',
      table: tables.ops
    }
  });
}
