/* 20-data.js: the tables of the report as rows with names, who a row belongs to, and the rows that the filters let
 * pass. */

const report = JSON.parse(byId('data').textContent);
const TABLES = [
  'sessions', 'devices', 'speeds', 'compare', 'outcomes', 'curves', 'effects', 'roofline', 'ops', 'history', 'trials',
  'attacks', 'tta', 'failures', 'environment'
];

/** Rows as objects; a table that is absent is an empty one. */
function readTable(name) {
  const table = report[name] || {};
  const columns = table.columns || [];
  const meaning = table.meaning || [];
  const rows = (table.rows || []).map((cells) => {
    const row = {};
    for (let i = 0; i < columns.length; i++) row[columns[i]] = cells[i];
    return row;
  });
  return {name, columns, rows, meaning: new Map(columns.map((column, i) => [column, meaning[i] || '']))};
}

const tables = Object.fromEntries(TABLES.map((name) => [name, readTable(name)]));

/* The runs that a study made have names by the hundred: they count as the study's. A list's runs are cases in their own
 * right. */
const studyOf = new Map();
for (const trial of tables.trials.rows) {
  if (trial.strategy !== 'list' && present(trial.case)) studyOf.set(trial.case, trial.study);
}

const parts = (text) => (present(text) ? String(text).split(' / ') : []);
const firstWord = (text) => (present(text) ? String(text).split(' ')[0] : null);

/** What the filters look at: each dimension the names of which one must be chosen; empty: the row is of all. */
function belongs(row) {
  const cases = [row.case, row.study, firstWord(row.arm), firstWord(row.base)].filter(present).map(
    (name) => studyOf.get(name) || name);
  return {
    lab: present(row.lab) ? [row.lab] : [],
    case: distinct(row.study ? [row.study] : cases),
    device: parts(row.device_key),
    machine: parts(row.machine),
  };
}

for (const table of Object.values(tables)) {
  for (const row of table.rows) Object.defineProperty(row, 'belongs', {value: belongs(row)});
}

const DIMENSIONS = ['lab', 'case', 'device', 'machine'];
const DIMENSION_NAMES = {
  lab: 'Lab',
  case: 'Case',
  device: 'Device',
  machine: 'Machine'
};

/** Every name of a dimension with how many rows have it, in order of appearance; devices as their table lists them. */
function namesOf(dimension) {
  const names = new Map();
  for (const table of Object.values(tables)) {
    if (table.name === 'curves') continue; // every case of them is in outcomes, in fewer rows
    for (const row of table.rows) {
      for (const name of row.belongs[dimension]) names.set(name, (names.get(name) || 0) + 1);
    }
  }
  if (dimension === 'lab' || dimension === 'case')
    return new Map([...names].sort((a, b) => collator.compare(a[0], b[0])));
  const first = tables.devices.rows.flatMap((row) => row.belongs[dimension]);
  return new Map(distinct([...first, ...names.keys()]).map((name) => [name, names.get(name) || 0]));
}

const collator = new Intl.Collator('en', {numeric: true});
const names = Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, namesOf(dimension)]));
const labOf = new Map();
for (const table of Object.values(tables)) {
  for (const row of table.rows) {
    for (const name of row.belongs.case)
      if (present(row.lab)) labOf.set(name, row.lab);
  }
}

/* A device is one of a machine; the machine is named only where there are several. */
const severalMachines = names.machine.size > 1;
const deviceName = (row) => (severalMachines ? `${row.device_key} \u00b7 ${row.machine}` : String(row.device_key));
const deviceNames = distinct(Object.values(tables)
                               .flatMap((table) => table.rows)
                               .filter((row) => present(row.device_key) && !String(row.device_key).includes(' / '))
                               .map(deviceName));
const deviceLook = (name) => look(Math.max(0, deviceNames.indexOf(name)));

/* Filters: an empty set lets all pass. */
const chosen = Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, new Set()]));

function passes(row) {
  return DIMENSIONS.every((dimension) => {
    const wanted = chosen[dimension];
    const has = row.belongs[dimension];
    return !wanted.size || !has.length || has.some((name) => wanted.has(name));
  });
}

const filtered = () => DIMENSIONS.some((dimension) => chosen[dimension].size > 0);
const rowsOf = (name) => (filtered() ? tables[name].rows.filter(passes) : tables[name].rows);

/* How a device worked: rows that differ in one of these speak of different things. */
const WAYS = ['precision', 'provider', 'submit', 'threads', 'quirks', 'settings'];

/** A function that tells, of one of these rows, how its device worked, as far as rows of its case and device differ. */
function waysOf(rows) {
  const columns = [...WAYS, 'dataset', 'commit', 'dirty', 'device'];
  const places = groupBy(rows, (row) => [withOverrides(row), deviceName(row), row.target_value].join('\n'));
  const place = new Map([...places.values()].flatMap((group) => group.map((row) => [row, group])));
  const word = {
    threads: (row) => `${row.threads} threads`,
    commit: (row) => String(row.commit).slice(0, 7),
    dirty: (row) => (row.dirty ? 'changed source' : null)
  };
  return (row) => joined(
           columns
             .filter((column) => present(row[column]) && place.get(row).some((other) => other[column] !== row[column]))
             .map((column) => (word[column] ? word[column](row) : String(row[column]))),
           ', ');
}

/** Case with what sets the row apart from others of the case. */
const withOverrides = (row) =>
  joined([row.case, row.overrides, present(row.precision) && row.precision !== 'fp32' && row.precision], ' ');
