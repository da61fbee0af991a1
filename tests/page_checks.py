"""page_checks.py: what the tests of the report's page share: a page of made-up data, and what every page is asked."""
import html
import json
import pathlib
import re
import sys
import tempfile

from checks import check, same

BUILD = pathlib.Path(sys.argv[1])
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="regbench-page-"))
WIDTHS = (360, 768, 1280, 1600)


def page_file(name, doc, chart=True):
    """The page with this data, by the frame that the build made."""
    frame = (BUILD / "page.html").read_text()
    if not chart:
        frame = re.sub(r"<script>/\*!\s*\* Chart\.js.*?</script>", lambda _: "<script></script>", frame, flags=re.S)
    data = json.dumps(doc, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    made = frame.replace("{{title}}", html.escape(doc["title"])).replace("{{data}}", data)
    path = FOLDER / (name + ".html")
    path.write_text(made)
    return path


def quiet(what, page):
    """No complaint of the browser, and nothing was asked for."""
    same(f"{what}: no console error", page.troubles(), [])
    same(f"{what}: no request leaves the page", page.requests(), [])


# Figures of which no data set has left its colour on the canvas (one may lie under another).
DRAWN = """figures.map((figure) => {
  drawFigure(figure);
  const {width, height} = figure.canvas, seen = new Set();
  const data = figure.canvas.getContext('2d').getImageData(0, 0, width, height).data;
  for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  const missing = figure.chart.data.datasets.filter((set) => set.data.length > 0
    && ![set.borderColor, set.backgroundColor].some((colour) => String(colour)[0] === '#' && seen.has(parseInt(colour.slice(1), 16))));
  return [figure.spec.id, figure.chart.data.datasets.length - missing.length, missing.length];
}).filter(([, there]) => there < 1)"""


SPEED = "#speed > .body > .table-block"  # the table of speeds


def of(figure, expression):
    """An expression about the chart of a figure, drawn."""
    return f"(() => {{ const f = figures.find((f) => f.spec.id === '{figure}'); drawFigure(f); return f.chart.{expression}; }})()"


def press(selector, text):
    """Clicks the button that says so."""
    return f"[...document.querySelectorAll('{selector} button')].find((b) => b.textContent.includes('{text}')).click()"


def drawn(what, page, least):
    check(f"{what}: at least {least} figures", page.run("figures.length") >= least, page.run("figures.length"))
    same(f"{what}: every chart is drawn", page.run(DRAWN), [])
    same(f"{what}: no chart is wider than its place", page.run(
        "figures.filter((f) => f.canvas.clientWidth > f.plot.clientWidth + 1).map((f) => f.spec.id)"), [])


def fits(what, page, widths=WIDTHS):
    for width in widths:
        page.size(width)
        page.settle()
        same(f"{what}: no horizontal scrolling at {width} px", page.run("document.documentElement.scrollWidth"), width)


def rows_shown(page):
    """Every row that a figure or a table has at hand, as its filter names."""
    return page.run("TABLES.flatMap((name) => rowsOf(name).map((row) => row.belongs))")
