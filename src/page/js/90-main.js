/* 90-main.js: the sections in their order, the head and the foot, and what happens when the page opens. */

const table = (name, columns, caption) =>
  (tables[name].rows.length ? (rows) => rows.length && makeTable(rows, {columns, caption, table: tables[name]}) : null);
const codeBlock = (text) => make('code', {class: 'block'}, text);

/*
 * A section: from which tables it is made, `controls(again)` that stand above it, and `draw(again)`: its figures and
 * tables; false and null are left out. It is hidden where it has nothing to show.
 */
const SECTIONS = [
  {
    id: 'speed',
    title: 'Speed',
    tables: ['speeds', 'compare'],
    intro: 'Samples per second of training, each value from a process of its own.',
    draw(again) {
      const rows = rowsOf('speeds');
      return [
        make('div', {class: 'pair'},
          ...[speedFigure('speed', rows, 'samples_per_s',
                {title: 'Which device trains a case faster?', unit: 'samples/s', what: 'median'}, {title: 'samples/s'},
                again),
            speedFigure('peak', rows, 'pct_peak_flops', {
              title: 'How much of its own peak does each device reach?',
              unit: '%',
              what: 'share',
              caption: 'share of the measured peak of multiply-adds. A high share on a slow device is not slow code.'
            },
              {title: '% of own peak', log: false, min: 0}, again)]
            .filter(Boolean)),
        compareFigure(rowsOf('compare'), again),
        batchFigure(rows, again),
        rows.length && makeTable([...rows].sort((a, b) => (a.mode === 'run') - (b.mode === 'run')), {
          columns: SPEED_COLUMNS,
          caption: 'Speed of every case on every device, and how to repeat it',
          table: tables.speeds
        }),
      ];
    }
  },
  {id: 'roofline', title: 'Roofline', tables: ['roofline'], draw: () => [rooflineFigure(rowsOf('roofline'))]},
  {id: 'ops', title: 'Time per op', tables: ['ops'], draw: (again) => [opsFigure(rowsOf('ops'), again)]},
  {
    id: 'convergence',
    title: 'Convergence',
    tables: ['curves'],
    intro: 'Does it learn what its lab says it must? Select a legend entry to hide its curve.',
    controls: (again) => [makeSwitch('x', 'Along', {epoch: 'epochs', seconds: 'seconds'}, again),
      makeSwitch('curves', 'Curves of', {validation: 'validation', training: 'training', both: 'both'}, again)],
    draw: (again) => [...groupBy(rowsOf('curves'), (row) => row.lab)].map(([lab, rows]) => {
      const pair = ['accuracy', 'loss'].map((kind) => curveFigure(lab, rows, kind, again)).filter(Boolean);
      return pair.length > 0 && make('div', {class: 'pair'}, pair);
    })
  },
  {
    id: 'outcomes',
    title: 'Outcomes',
    tables: ['outcomes'],
    draw(again) {
      const rows = rowsOf('outcomes');
      return [
        outcomeFigure(rows, again), rows.length && makeTable(rows, {
          columns: OUTCOME_COLUMNS,
          caption: 'What became of every case, and how to repeat it',
          table: tables.outcomes
        })
      ];
    }
  },
  {
    id: 'effects',
    title: 'Regularizers',
    tables: ['effects'],
    controls:
      (again) => [makeSelect('figure', 'Figure', distinct(tables.effects.rows.map((row) => row.figure)), again)],
    draw: (again) => [make('div', {class: 'pair'},
      [...groupBy(rowsOf('effects'), (row) => row.lab)].map(([lab, rows]) => effectFigure(lab, rows, again)))]
  },
  {
    id: 'studies',
    title: 'Studies',
    tables: ['trials'],
    draw(again) {
      const rows = rowsOf('trials');
      const drawn = [...groupBy(rows, (row) => row.lab)].map(([lab, of]) => studyFigure(lab, of, again));
      const lists = rows.filter((row) => row.strategy === 'list');
      return [
        ...drawn,
        lists.length > 0 &&
          make('details', {class: 'facts', ...(drawn.some(Boolean) ? {} : {open: true})},
            make('summary', {}, `Runs of lists (${count(lists.length, 'row')})`), makeTable(lists, {
              columns: ['case', 'study', 'device_key', 'seed', 'val_acc', 'test_acc', 'status'],
              caption: 'Lists: the same runs for every seed',
              table: tables.trials
            }))
      ];
    }
  },
  {
    id: 'attacks',
    title: 'Attacks',
    tables: ['attacks'],
    draw(again) {
      const rows = rowsOf('attacks');
      return [make('div', {class: 'pair'},
        distinct(rows.map((row) => row.attack)).map((attack) => attackFigure(attack, rows, again)))];
    }
  },
  {
    id: 'tta',
    title: 'Time to accuracy',
    tables: ['tta'],
    draw(again) {
      const rows = rowsOf('tta');
      return [
        targetFigure(rows, again),
        rows.length &&
          makeTable(rows, {columns: TTA_COLUMNS, caption: 'Epochs and seconds until the target', table: tables.tta})
      ];
    }
  },
  {
    id: 'history',
    title: 'History',
    tables: ['history'],
    controls: (again) => (tables.history.rows.some((row) => row.session_id !== tables.history.rows[0].session_id)
        ? [makeSwitch('history', 'Speed', {relative: 'relative to the first', absolute: 'in samples/s'}, again)]
        : []),
    draw(again) {
      const rows = rowsOf('history');
      return [historyFigure(rows, again) || (rows.length && [
        make('p', {}, 'No case was measured in two sessions yet: there is nothing to draw a line through.'),
        makeTable(rows, {columns: HISTORY_COLUMNS, caption: 'Every case over sessions', table: tables.history})
      ])];
    }
  },
  {
    id: 'failures',
    title: 'Failures',
    tables: ['failures'],
    intro: 'What did not end as its case expects. Nothing of it is in the numbers above.',
    draw: () => [table('failures',
      ['case', 'device_key', 'status', 'status_reason', 'seed', 'batch_size', 'overrides', 'phase', 'run_id', 'repeat'],
      'Runs that failed')(rowsOf('failures'))]
  },
  {
    id: 'environment',
    title: 'Sessions and machines',
    tables: ['sessions', 'environment'],
    draw: () => [rowsOf('sessions').length && makeTable(rowsOf('sessions'), {
      columns: ['session_id', 'machine', 'started_utc', 'commit', 'dirty', 'runs', 'ok', 'failed', 'dir', 'command'],
      caption: 'Sessions',
      table: tables.sessions
    }),
      ...[...groupBy(rowsOf('environment'), (row) => row.machine)].map(
        ([machine, rows]) => make('details', {class: 'facts'},
          make('summary', {}, `${machine}: ${count(rows.length, 'fact')} about machine and build`), makeTable(rows, {
            columns: ['key', 'value', 'session_id'],
            caption: `Environment of ${machine}`,
            table: tables.environment
          }))),
]
  },
];

function makeSelect(key, label, values, changed) {
  if (!values.includes(view[key])) view[key] = values[0];
  const words = (value) => (FIGURES[value] ? FIGURES[value][0] : String(value).replaceAll('_', ' '));
  return make('label', {class: 'select'}, `${label} `,
    make('select', {
      onchange: (event) => {
        view[key] = event.target.value;
        writeAddress();
        changed();
      }
    },
      values.map((value) => make('option', {value, ...(value === view[key] ? {selected: true} : {})}, words(value)))));
}

function buildSection(section) {
  section.body = make('div', {class: 'body'});
  const again = () => renderSection(section);
  section.head = make('div', {class: 'section-head'});
  section.element = make('section', {id: section.id, 'aria-labelledby': `h-${section.id}`},
    make('h2', {id: `h-${section.id}`, tabindex: '-1'}, section.title),
    section.intro && make('p', {class: 'intro'}, section.intro), section.head, section.body);
  section.again = again;
  section.link = make('li', {},
    make('a', {
      href: `#${section.id}`,
      onclick: (event) => {
        event.preventDefault();
        goTo(section.id);
      }
    },
      section.title));
  return section.element;
}

function renderSection(section) {
  dropFigures(section.body);
  const nodes = section.draw(section.again)
                  .flat()
                  .filter((node) => node && !(node.className === 'pair' && !node.childElementCount));
  section.body.replaceChildren(...nodes);
  section.element.hidden = section.link.hidden = !nodes.length;
}

const used = SECTIONS.filter((section) => section.tables.some((name) => tables[name].rows.length));

function renderAll() {
  for (const section of used) renderSection(section);
  byId('nothing').hidden = !used.length || used.some((one) => !one.element.hidden);
  const cases =
    new Set(TABLES.flatMap((name) => (name === 'curves' ? [] : rowsOf(name).flatMap((row) => row.belongs.case))));
  const words = tables.trials.rows.length ? ['case or study', 'cases and studies'] : ['case'];
  const all = count(names.case.size, ...words);
  byId('status').textContent = filtered() ? `${cases.size} of ${all}` : all;
}

/** Controls show what the address says. */
function renderControls() {
  for (const section of used)
    section.head.replaceChildren(...(section.controls ? section.controls(section.again) : []));
}

function goTo(id) {
  section = id;
  writeAddress();
  const heading = byId(`h-${id}`);
  if (!heading) return;
  heading.focus({preventScroll: true});
  byId(id).scrollIntoView({behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'});
}

function makeHead() {
  const sessions = tables.sessions.rows;
  const starts = sessions.map((row) => row.started_utc).filter(present).sort();
  const days = distinct(starts.map((utc) => utc.slice(0, 10)));
  const commits =
    distinct(sessions.map((row) => row.commit).filter(present)); // what was measured; the writer's is below
  const facts = [
    count(sessions.length, 'session'), names.machine.size > 0 && count(names.machine.size, 'machine'),
    deviceNames.length > 0 && count(deviceNames.length, 'device'),
    commits.length === 1 ? `commit ${commits[0]}` : commits.length > 1 && `${commits.length} commits`,
    days.length === 1 ? days[0] : days.length > 1 && `${days[0]} to ${last(days)}`
  ];
  byId('head').append(make('h1', {}, report.title || 'regbench report'),
    make('p', {class: 'facts'}, facts.filter(Boolean).map((fact) => make('span', {}, fact))));
  byId('foot').append(make('p', {},
    say(`Written by regbench ${joined([report.version, report.commit && `commit ${report.commit}`], ', ')} on ${
          minute(report.generated_utc) || 'an unknown day'}.`,
      'Every number is a row of a CSV file beside this page; nothing was loaded from elsewhere.')));
}

/** What a device is and can do, in small print. */
function deviceFacts(row) {
  const peaks = [
    isNumber(row.fma_gflop_per_s) && `${significant(row.fma_gflop_per_s)} GFLOP/s`,
    isNumber(row.triad_gbyte_per_s) && `${significant(row.triad_gbyte_per_s)} GB/s`,
  ].filter(Boolean);
  const facts = [
    row.driver,
    row.isa,
    isNumber(row.threads) && count(row.threads, 'thread or unit', 'threads or units'),
    peaks.length > 0 && `peaks ${peaks.join(', ')}`,
    row.drifted && 'its speed drifted while it was measured',
  ];
  return facts.filter(Boolean).join(' \u00b7 ');
}

/** The devices with their marks: the legend of the page. */
function makeDevices() {
  const rows = tables.devices.rows;
  if (!rows.length) return null;
  const item = (row) => {
    const name = deviceName(row);
    const words =
      [make('b', {}, name), ' ', String(row.device || row.backend || ''), make('small', {}, deviceFacts(row))];
    return make('li', {}, swatch(deviceLook(name)), make('div', {}, words));
  };
  return make('div', {class: 'devices'}, make('h3', {}, 'Devices and their marks'),
    make('ul', {}, rows.slice(0, MOST_DEVICES).map(item)),
    rows.length > MOST_DEVICES && make('p', {}, `and ${rows.length - MOST_DEVICES} more`));
}

const MOST_DEVICES = 12;

function makeSummary() {
  const sentences = report.summary || [];
  const around = ['sessions', 'devices', 'environment', 'failures'];
  const runs = TABLES.some((name) => tables[name].rows.length > 0 && !around.includes(name));
  const notes = report.notes || [];
  return make('section', {id: 'summary', class: 'summary', 'aria-labelledby': 'h-summary'},
    make('h2', {id: 'h-summary', tabindex: '-1', class: 'unseen'}, 'In short'),
    make('div', {class: 'columns'},
      make('div', {class: 'words'}, sentences.length > 0 && make('p', {class: 'lead'}, sentence(sentences[0])),
        sentences.length > 1 && make('ul', {}, sentences.slice(1).map((text) => make('li', {}, sentence(text)))),
        !runs &&
          make('div', {class: 'alert'}, make('p', {}, 'There are no results to show yet. These make some:'),
            codeBlock('regbench bench size/mlp size/lenet      # how fast'),
            codeBlock('regbench run size/mlp size/lenet -s 1-3  # what it learns'),
            codeBlock('regbench report DIR                      # this page again')),
        !canDraw &&
          make('p', {class: 'alert'},
            say('This regbench was built without Chart.js of at least version 3 (Debian: libjs-chart.js),',
              'so the page shows tables and no charts.')),
        notes.length > 0 &&
          make('details', {class: 'notes'}, make('summary', {}, `What to know before trusting it (${notes.length})`),
            make('ul', {}, notes.map((note) => make('li', {}, sentence(note)))))),
      makeDevices()));
}

/** Marks the section in sight in the list of contents. */
function watchSections() {
  const seen = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) entry.isIntersecting ? seen.add(entry.target.id) : seen.delete(entry.target.id);
    const current = used.find((one) => seen.has(one.id));
    for (const one of used) {
      const link = one.link.firstChild;
      if (one === current)
        link.setAttribute('aria-current', 'true');
      else
        link.removeAttribute('aria-current');
    }
  }, {rootMargin: '-20% 0px -60% 0px'});
  used.forEach((one) => observer.observe(one.element));
}

function start() {
  document.title = report.title || 'regbench report';
  readAddress();
  setDefaults();
  makeHead();
  byId('main').replaceChildren(makeSummary(), ...used.map(buildSection),
    make('p', {id: 'nothing', hidden: true}, 'Nothing was recorded for this choice of filters. ',
      make('button', {type: 'button', class: 'link', onclick: reset}, 'Reset them')));
  byId('contents').append(make('ol', {}, used.map((one) => one.link)));
  byId('contents').hidden = used.length < 2;
  makeBar();
  renderControls();
  showChosen();
  renderAll();
  watchSections();
  if (section && byId(section)) byId(section).scrollIntoView();
  document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault(); // the address holds the filters
    byId('main').focus();
    byId('main').scrollIntoView();
  });
  addEventListener('hashchange', () => {
    readAddress();
    showChosen();
    renderControls();
    renderAll();
    if (section && byId(`h-${section}`)) byId(section).scrollIntoView();
  });
}

start();
