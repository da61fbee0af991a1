/* 40-table.js: tables that are sorted by their headings, show the first 200 rows, and know how each column is written.
 */

const HEADS = {
  device_key: 'device',
  batch_size: 'batch',
  samples_per_s: 'samples/s',
  samples_per_s_low: 'low',
  samples_per_s_high: 'high',
  samples_per_s_a: 'A, samples/s',
  samples_per_s_b: 'B, samples/s',
  gflop_per_s: 'GFLOP/s',
  gbyte_per_s: 'GB/s',
  fma_gflop_per_s: 'peak FMA, GFLOP/s',
  gemm_gflop_per_s: 'peak GEMM, GFLOP/s',
  triad_gbyte_per_s: 'peak memory, GB/s',
  pct_peak_flops: '% of own peak',
  pct_roofline: '% of roofline',
  model_mflop_per_sample: 'MFLOP/sample',
  mem_peak_mib: 'memory, MiB',
  step_ns: 'step',
  power_w_mean: 'power, W',
  energy_j_per_sample: 'energy, J/sample',
  flop_per_byte: 'FLOP/byte',
  val_acc_final: 'validation accuracy',
  val_acc_final_low: 'low',
  val_acc_final_high: 'high',
  val_acc_best: 'best validation',
  test_acc: 'test accuracy',
  train_acc: 'training accuracy',
  val_acc: 'validation accuracy',
  val_acc_low: 'low',
  val_acc_high: 'high',
  gap: 'gap',
  param_l2: '\u2016w\u2016\u2082',
  epochs_run: 'epochs',
  duration_s: 'time',
  train_s: 'training time',
  lr: 'rate',
  train_loss: 'training loss',
  val_loss: 'validation loss',
  ratio_low: 'low',
  ratio_high: 'high',
  q_value: 'q',
  p_value: 'p',
  n_a: 'n A',
  n_b: 'n B',
  base_mean: 'without',
  arm_mean: 'with',
  share_pct: 'share, %',
  ns: 'time',
  eps_255: '\u03b5, of 255',
  started_utc: 'started',
  session_id: 'session',
  status_reason: 'reason',
  best_so_far: 'best so far',
  target_value: 'target',
  epochs_to_target: 'epochs to target',
  tta_train_s: 'training time to target',
  tta_total_s: 'with evaluation',
  s_per_epoch: 'time per epoch',
  n_fooled: 'fooled',
  repeat: 'how to repeat',
  more: 'how to settle it',
  step_ratio: 'step ratio',
};

const asTime = (scale) => (x) => seconds(x * scale);
const plain = (x) => String(x);

/** How a column's numbers are written; anything else with four significant digits. */
function formatOf(column) {
  if (/(^|_)acc(_|$)|^accuracy$|^best_so_far$|^target_value$|^gap$|^detector_[tf]pr$/.test(column))
    return (x) => percent(x);
  if (/^samples_per_s/.test(column)) return (x) => significant(x, 3);
  if (/(^|_)s$|_s_cum$|^s_per_/.test(column) && !/_per_s$/.test(column)) return asTime(1);
  if (/(^|_)ns$/.test(column)) return asTime(1e-9);
  if (/^pct_|_pct$/.test(column)) return (x) => significant(x, x >= 100 ? 3 : 2);
  if (/^(seed|batch_size|epoch|trial|series|threads|lr|eps_255)$/.test(column)) return plain;
  if (/^ratio|step_ratio/.test(column)) return times;
  if (/_utc$/.test(column)) return minute;
  return (x) => (Number.isInteger(x) ? grouped(x) : significant(x, 4));
}

const COMMANDS = new Set(['repeat', 'more', 'command']);

async function copy(text, button) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch { // not allowed here: the old way
    const field = make('textarea', {class: 'unseen', readonly: true});
    field.value = text;
    document.body.append(field);
    field.select();
    done = document.execCommand('copy');
    field.remove();
    button.focus();
  }
  button.textContent = done ? 'Copied' : 'Select it by hand';
  setTimeout(() => { button.textContent = 'Copy'; }, 1600);
}

function commandCell(text) {
  return make('td', {class: 'command'},
    make('div', {},
      make('button', {
        type: 'button',
        class: 'copy',
        'aria-label': `Copy: ${text}`,
        onclick: (event) => copy(text, event.currentTarget)
      },
        'Copy'),
      make('code', {title: text}, text)));
}

/** Columns for which paper has no room. */
const minor = (column, columns) => columns.length > 9 && columns.indexOf(column) >= 9;

function cell(row, column, isMinor) {
  const made = makeCell(row, column);
  if (isMinor) made.classList.add('minor');
  return made;
}

/** The value as people write it. */
function written(row, column) {
  const value = row[column.key];
  return column.format && (isNumber(value) || column.key.endsWith('_utc')) ? column.format(value, row) : String(value);
}

function makeCell(row, column) {
  const value = row[column.key];
  if (!present(value)) return make('td', column.number ? {class: 'number'} : {}, '');
  if (COMMANDS.has(column.key)) return commandCell(String(value));
  const text = written(row, column);
  const attributes = {};
  if (column.number)
    attributes.class = 'number';
  else if (text.length > (column.head ? 36 : 48))
    attributes.class = 'long';
  if (!column.head) return make('td', attributes, text);
  return make('th', {scope: 'row', ...attributes},
    text.split(/(?<=\/)/).flatMap((part, i) => (i ? [make('wbr'), part] : [part])));
}

/** Fills in what is not said of a column: heading, format, whether it holds numbers. */
function settleColumn(column, table, rows, raw) {
  const key = typeof column === 'string' ? column : column.key;
  const given = typeof column === 'string' ? {} : column;
  const numbers = rows.some((row) => isNumber(row[key])) && !rows.some((row) => typeof row[key] === 'string');
  return {
    label: raw ? key : HEADS[key] || key.replaceAll('_', ' '),
    format: formatOf(key),
    number: numbers,
    meaning: table && table.meaning.get(key),
    ...given,
    key
  };
}

function compareValues(a, b) {
  if (!present(a) || !present(b)) return present(a) ? -1 : present(b) ? 1 : 0; // what is empty comes last
  if (isNumber(a) && isNumber(b)) return a - b;
  return collator.compare(String(a), String(b));
}

/* Settings; one that is the same in every row stands below the table, once. */
const SETTINGS = new Set([
  'batch_size', 'commit', 'dataset', 'detector', 'device_key', 'dirty', 'interval', 'machine', 'mode', 'n', 'n_steps',
  'overrides', 'phase', 'precision', 'provider', 'quirks', 'seeds', 'series', 'settings', 'split', 'strategy', 'submit',
  'temperature', 'threads', 'verify'
]);

function isConstant(key, rows) {
  const value = rows[0][key];
  return present(value) && SETTINGS.has(key) && String(value).length <= 48 && rows.every((row) => row[key] === value);
}

const FIRST_ROWS = 200;
let lastTable = 0;

/**
 * A table of rows. spec: caption, columns (keys or {key, label, format, head}), table (for the meaning of the columns,
 * and all of them). The first column is the row's heading.
 */
function makeTable(rows, spec) {
  const id = `table-${++lastTable}`;
  const frame = make('div', {class: 'table', role: 'region', tabindex: '0', 'aria-labelledby': id});
  const below = make('div', {class: 'below'});
  let raw = false, sortedBy = null, order = 1, limit = FIRST_ROWS;

  function draw() {
    const wanted = raw ? spec.table.columns : spec.columns.filter((column) => {
      const key = column.key || column;
      return column.keep || rows.some((row) => present(row[key])); // a column without a value says nothing
    });
    const settled = wanted.map((column) => settleColumn(column, spec.table, rows, raw));
    const constant = raw || rows.length < 2 ? [] : settled.slice(1).filter((column) => isConstant(column.key, rows));
    const columns = settled.filter((column) => !constant.includes(column));
    if (columns.length) columns[0].head = true;
    const body = make('tbody');
    const shown = sortedBy ? [...rows].sort((a, b) => {
      const difference = compareValues(a[sortedBy], b[sortedBy]);
      return present(a[sortedBy]) && present(b[sortedBy]) ? order * difference : difference;
    })
                           : rows;
    for (const row of shown.slice(0, limit))
      body.append(make('tr', {}, columns.map((column) => cell(row, column, minor(column, columns)))));
    const head = columns.map((column) => make('th', {
      scope: 'col',
      class: [column.number && 'number', column.label.length > 14 && 'wrap', minor(column, columns) && 'minor']
               .filter(Boolean)
               .join(' ') ||
        null,
      'aria-sort': sortedBy === column.key ? (order > 0 ? 'ascending' : 'descending') : null
    },
                               make('button', {
                                 type: 'button',
                                 title: column.meaning || null,
                                 'data-key': column.key,
                                 onclick: () => {
                                   order = sortedBy === column.key ? -order : column.number ? -1 : 1;
                                   sortedBy = column.key;
                                   draw();
                                   frame.querySelector(`button[data-key="${CSS.escape(column.key)}"]`).focus();
                                 }
                               },
                                 column.label)));
    frame.replaceChildren(
      make('table', {}, make('caption', {id}, spec.caption), make('thead', {}, make('tr', {}, head)), body));
    below.replaceChildren(...notes(columns, constant));
  }

  function notes(columns, constant) {
    const found = [];
    if (constant.length) {
      const said = constant.map((column) => `${column.label} ${written(rows[0], column)}`);
      found.push(make('p', {}, `The same in every row: ${said.join('; ')}.`));
    }
    if (rows.length > limit) {
      found.push(make('p', {}, `The first ${grouped(limit)} of ${count(rows.length, 'row')}. `,
        make('button', {
          type: 'button',
          class: 'link',
          onclick: () => {
            limit = Infinity;
            draw();
            frame.focus();
          }
        },
          'Show all rows')));
    }
    if (spec.table && spec.table.columns.length > spec.columns.length) {
      found.push(make('button', {
        type: 'button',
        class: 'link',
        'aria-pressed': String(raw),
        onclick: () => {
          raw = !raw;
          sortedBy = null;
          draw();
          below.querySelector('button[aria-pressed]').focus();
        }
      },
        raw ? 'Show fewer columns' : `Show all ${spec.table.columns.length} columns`));
    }
    const meant = columns.filter((column) => present(column.meaning));
    if (meant.length) {
      found.push(make('details', {class: 'meaning'}, make('summary', {}, 'What the columns mean'),
        make('dl', {}, meant.flatMap((column) => [make('dt', {}, column.label), make('dd', {}, column.meaning)]))));
    }
    return found;
  }
  draw();
  return make('div', {class: 'table-block'}, frame, below);
}
