/* 30-filters.js: the bar with the filters, and the address: what is chosen stands behind the # and can be sent to
 * others. */

/* Choices other than the filters: axis of the curves, figure of the effects, .. */
const view = {
  x: 'epoch',
  curves: 'validation',
  figure: 'val_acc_final',
  history: 'relative'
};
const VIEW_DEFAULTS = {...view};
const VIEW_VALUES = {
  x: ['epoch', 'seconds'],
  curves: ['validation', 'training', 'both'],
  history: ['relative', 'absolute']
};
let section = ''; // the one that the address names

/** Reads `#section&lab=size,cnn&x=seconds`; names that are not in the data are left out. */
function readAddress() {
  const words = location.hash.slice(1).split('&');
  for (const dimension of DIMENSIONS) chosen[dimension].clear();
  Object.assign(view, VIEW_DEFAULTS);
  section = '';
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 0) {
      section = word;
      continue;
    }
    const key = word.slice(0, at);
    const values = word.slice(at + 1).split(',').map((value) => {
      try {
        return decodeURIComponent(value);
      } catch {
        return value;
      }
    });
    if (DIMENSIONS.includes(key))
      values.filter((value) => names[key].has(value)).forEach((value) => chosen[key].add(value));
    else if (key in VIEW_DEFAULTS && (!VIEW_VALUES[key] || VIEW_VALUES[key].includes(values[0])))
      view[key] = values[0];
  }
}

function writeAddress() {
  const words = section ? [section] : [];
  for (const dimension of DIMENSIONS) {
    if (chosen[dimension].size) words.push(`${dimension}=${[...chosen[dimension]].map(encodeURIComponent).join(',')}`);
  }
  for (const [key, value] of Object.entries(view)) {
    if (value !== VIEW_DEFAULTS[key]) words.push(`${key}=${encodeURIComponent(value)}`);
  }
  history.replaceState(null, '', `#${words.join('&')}`);
}

function choose(dimension, name, on) {
  if (on)
    chosen[dimension].add(name);
  else
    chosen[dimension].delete(name);
  filtersChanged();
}

function reset() {
  for (const dimension of DIMENSIONS) chosen[dimension].clear();
  filtersChanged();
}

function filtersChanged() {
  writeAddress();
  showChosen();
  renderAll();
}

/** Labs that are chosen narrow what the case filter offers. */
const offered = (dimension, name) =>
  dimension !== 'case' || !chosen.lab.size || chosen.lab.has(labOf.get(name)) || chosen.case.has(name);

const dropdowns = new Map(); // dimension: { details, said, boxes }

function makeDropdown(dimension) {
  const boxes = new Map();
  const list = make('div', {class: 'choices'});
  for (const [name] of names[dimension]) {
    const box = make(
      'input', {type: 'checkbox', value: name, onchange: (event) => choose(dimension, name, event.target.checked)});
    const label = make('label', {}, box, make('span', {}, name));
    boxes.set(name, {box, label});
    list.append(label);
  }
  const none = make('p', {class: 'none', hidden: true}, 'No such name.');
  const find = names[dimension].size > 8 && make('input', {
    type: 'search',
    placeholder: 'Find \u2026',
    'aria-label': `Find a ${dimension}`,
    autocomplete: 'off',
    oninput: () => narrow(),
  });
  const said = make('b', {}, 'all');
  const summary = make('summary', {}, make('span', {}, DIMENSION_NAMES[dimension]), said);
  const clear = make('button', {
    type: 'button',
    class: 'link',
    onclick: () => {
      chosen[dimension].clear();
      filtersChanged();
    }
  },
    'All of them');
  const details = make('details', {class: 'drop', id: `filter-${dimension}`}, summary,
    make('fieldset', {}, make('legend', {class: 'unseen'}, DIMENSION_NAMES[dimension]), find, list, none, clear));
  function narrow() {
    const wanted = find ? find.value.trim().toLowerCase() : '';
    let shown = 0;
    for (const [name, {label}] of boxes) {
      label.hidden = !offered(dimension, name) || !name.toLowerCase().includes(wanted);
      shown += !label.hidden;
    }
    none.hidden = shown > 0;
  }
  details.addEventListener('toggle', () => {
    if (!details.open) return;
    for (const other of dropdowns.values())
      if (other.details !== details) other.details.open = false;
    narrow();
  });
  dropdowns.set(dimension, {details, said, boxes, narrow, clear});
  return details;
}

/** The bar says what is chosen, in the boxes and in words. */
function showChosen() {
  for (const [dimension, {said, boxes, narrow, clear, details}] of dropdowns) {
    const wanted = chosen[dimension];
    const all = names[dimension].size;
    said.textContent = wanted.size === 0 ? `all ${all}`
      : wanted.size === 1 ? [...wanted][0]
                          : `${wanted.size} of ${all}`;
    details.classList.toggle('active', wanted.size > 0);
    clear.hidden = wanted.size === 0;
    for (const [name, {box}] of boxes) box.checked = wanted.has(name);
    narrow();
  }
  byId('reset').hidden = !filtered();
}

/* Light or dark: the system's wish, until somebody says otherwise. */
const wantsDark = matchMedia('(prefers-color-scheme: dark)');

function remembered(value) {
  try { // a page opened from a file may have no storage
    if (value) localStorage.setItem('regbench-theme', value);
    return localStorage.getItem('regbench-theme');
  } catch {
    return null;
  }
}

function setTheme(value) {
  document.documentElement.dataset.theme = value;
  const other = value === 'dark' ? 'light' : 'dark';
  byId('theme').replaceChildren(other === 'dark' ? 'Dark' : 'Light', make('span', {}, ' theme'));
  byId('theme').setAttribute('aria-label', `Change to the ${other} theme`);
  redrawCharts();
}

function makeBar() {
  const bar = byId('bar');
  const used = DIMENSIONS.filter((dimension) => names[dimension].size > 1);
  const filters = make('div', {class: 'filters', role: 'group', 'aria-label': 'Filters'}, used.map(makeDropdown));
  bar.append(filters,
    make('button', {
      type: 'button',
      id: 'reset',
      hidden: true,
      onclick: () => {
        reset();
        const first = filters.querySelector('summary');
        if (first) first.focus();
      }
    },
      'Reset'),
    make('p', {id: 'status', role: 'status'}), make('button', {
      type: 'button',
      id: 'theme',
      onclick: () => {
        const value = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
        remembered(value);
        setTheme(value);
      }
    }));
  const close = (refocus) => {
    for (const {details} of dropdowns.values()) {
      if (!details.open) continue;
      details.open = false;
      if (refocus) details.querySelector('summary').focus();
    }
  };
  document.addEventListener('keydown', (event) => event.key === 'Escape' && close(true));
  document.addEventListener('pointerdown', (event) => event.target.closest('.drop') || close(false));
  wantsDark.addEventListener('change', () => remembered() || setTheme(wantsDark.matches ? 'dark' : 'light'));
  setTheme(remembered() || (wantsDark.matches ? 'dark' : 'light'));
}

/** Radio buttons in a row that set view[key]; `changed` draws what depends on it. */
function makeSwitch(key, legend, options, changed) {
  const name = `view-${key}`;
  return make('fieldset', {class: 'switch'}, make('legend', {}, legend),
    Object.entries(options).map(([value, text]) => make('label', {}, make('input', {
      type: 'radio',
      name,
      value,
      ...(view[key] === value ? {checked: true} : {}),
      onchange: () => {
        view[key] = value;
        writeAddress();
        changed();
      }
    }),
                                  make('span', {}, text))));
}
