/* 10-base.js: elements, numbers as people write them, colours and marks. The files of this folder are one script, in
 * the order of their names; only base is used by all. */
'use strict';

const byId = (id) => document.getElementById(id);

/** Sets attributes: `class`, `on<event>` with a function, true and false, else text. */
function decorate(element, attributes) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on'))
      element.addEventListener(name.slice(2), value);
    else
      element.setAttribute(name, value === true ? '' : value);
  }
  return element;
}

/** An element. Strings among the children become text, never markup: device names and error texts are not ours. */
function make(tag, attributes, ...children) {
  const element = decorate(document.createElement(tag), attributes);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function makeSvg(tag, attributes, ...children) {
  const element = decorate(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes);
  element.append(...children);
  return element;
}

/** Sentences in a row; those that do not apply are false. */
const say = (...sentences) => sentences.filter(Boolean).join(' ');

/** What there is of a name's parts: a \u00b7 b. */
const joined = (parts, mark = ' \u00b7 ') => parts.filter(Boolean).join(mark);

/** A sentence; what stands in `these` is code. */
const sentence = (text) => String(text).split('`').map((part, i) => (i % 2 ? make('code', {}, part) : part));

const present = (value) => value !== null && value !== undefined && value !== '';
const last = (list) => list[list.length - 1];
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
const distinct = (values) => [...new Set(values)];
const count = (n, one, many) => `${grouped(n)} ${n === 1 ? one : many || `${one}s`}`;

function median(values) {
  const sorted = values.filter(isNumber).sort((a, b) => a - b);
  if (!sorted.length) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Groups in order of first appearance: Map of key to rows. */
function groupBy(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const name = key(row);
    const group = groups.get(name);
    if (group)
      group.push(row);
    else
      groups.set(name, [row]);
  }
  return groups;
}

/* Numbers */

const formats = new Map();
function fixed(x, decimals) {
  if (!formats.has(decimals)) {
    formats.set(
      decimals, new Intl.NumberFormat('en-US', {minimumFractionDigits: decimals, maximumFractionDigits: decimals}));
  }
  const text = formats.get(decimals).format(x);
  return /[1-9]/.test(text) ? text.replace('-', '\u2212') : text.replace('-', ''); // what rounds to zero has no sign
}

const grouped = (x) => (isNumber(x) ? fixed(x, Number.isInteger(x) ? 0 : 2) : String(x));

/** So many significant digits, thousands separated: 426,000; 0.0796. */
function significant(x, digits = 3) {
  if (x === 0) return '0';
  const size = Math.floor(Math.log10(Math.abs(x)));
  if (size < -4 || size > 14) return x.toExponential(digits - 1).replace('-', '\u2212');
  return fixed(Number(x.toPrecision(digits)), Math.max(0, digits - 1 - size));
}

/** Short, for axes: 20k, 1.5M, 0.01. */
function compact(x) {
  const size = Math.abs(x);
  for (const [unit, letter] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (size >= unit) return `${Number((x / unit).toPrecision(3))}${letter}`.replace('-', '\u2212');
  }
  return `${Number(x.toPrecision(3))}`.replace('-', '\u2212');
}

const percent = (share, decimals = 1) => `${fixed(100 * share, decimals)}\u202f%`;
const times = (ratio) => `\u00d7${significant(ratio, 3)}`;

function seconds(s) {
  if (s >= 5400) return `${significant(s / 3600, 2)}\u202fh`;
  if (s >= 120) return `${significant(s / 60, 2)}\u202fmin`;
  if (s >= 1 || s === 0) return `${significant(s, 3)}\u202fs`;
  if (s >= 1e-3) return `${significant(s * 1e3, 3)}\u202fms`;
  return `${significant(s * 1e6, 3)}\u202f\u00b5s`;
}

const minute = (utc) =>
  (present(utc) ? String(utc).replace('T', ' ').replace(/(:\d\d)(:\d\d)?(\.\d+)?Z$/, '$1 UTC') : '');

/* Colours and marks. A thing is known by its mark as well as by its colour. */

const MARKS = ['circle', 'rect', 'triangle', 'rectRot', 'crossRot', 'star', 'cross', 'rectRounded'];

/** The look of the i-th thing: the colours come round after eight, with other marks. */
const look = (i) => ({colour: i % 8, mark: MARKS[(i + Math.floor(i / 8)) % 8]});

/** Colours of the theme in force, from page.css. */
function theme() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  return {
    ink: get('--ink'),
    muted: get('--muted'),
    rule: get('--rule'),
    ground: get('--ground'),
    band: get('--band'),
    up: get('--up'),
    down: get('--down'),
    series: Array.from({length: 8}, (_, i) => get(`--series-${i}`)),
    font: getComputedStyle(document.body).fontFamily,
  };
}

/** #rrggbb with an opacity. */
function faded(colour, opacity) {
  const value = Math.round(255 * opacity).toString(16).padStart(2, '0');
  return /^#[0-9a-f]{6}$/i.test(colour) ? colour + value : colour;
}

/** The mark as a small drawing, for legends. */
function swatch(style) {
  const shapes = {
    circle: 'M14 8m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0',
    rect: 'M10 4h8v8h-8z',
    triangle: 'M14 3.5l4.6 8h-9.2z',
    rectRot: 'M14 3l5 5-5 5-5-5z',
    crossRot: 'M10.5 4.5l7 7m0-7l-7 7',
    cross: 'M14 3.5v9m-4.5-4.5h9',
    star: 'M14 3.5v9m-4.5-4.5h9m-7.7-3.2l6.4 6.4m0-6.4l-6.4 6.4',
    rectRounded: 'M11 4h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z',
  };
  const paint = style.paint || `var(--series-${style.colour})`;
  const open = style.hollow || ['crossRot', 'cross', 'star'].includes(style.mark);
  const drawing = makeSvg('svg', {class: 'swatch', viewBox: '0 0 28 16', width: 28, height: 16, 'aria-hidden': 'true'});
  if (style.line) {
    drawing.append(makeSvg('path', {
      d: 'M0 8h28',
      fill: 'none',
      stroke: paint,
      'stroke-width': 2,
      'stroke-dasharray': style.dash ? style.dash.join(' ') : null
    }));
  }
  if (style.block)
    drawing.append(makeSvg('path', {d: 'M6 2h16v12h-16z', fill: paint}));
  else if (style.mark) {
    drawing.append(makeSvg('path', {
      d: shapes[style.mark],
      transform: style.rotation ? `rotate(${style.rotation} 14 8)` : null,
      fill: open ? 'var(--ground)' : paint,
      stroke: paint,
      'stroke-width': 1.6
    }));
  }
  return drawing;
}
