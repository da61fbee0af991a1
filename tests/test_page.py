"""test_page.py: what tests/test_page runs: the page of `regbench report` in Chromium without a window."""
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import browser
import page_data
from checks import check, end, same
from page_checks import BUILD, FOLDER, SPEED, drawn, fits, of, page_file, press, quiet, rows_shown

ROOT = pathlib.Path(__file__).resolve().parents[1]


def test_whole(chromium):
    for dark in (False, True):
        name = "dark" if dark else "light"
        page = chromium.page(1280, dark=dark)
        page.open(page_file("full", page_data.full(machines=("desk", "server"))))
        drawn(name, page, 15)
        same(f"{name}: sections", page.run("used.length"), 12)
        same(f"{name}: the theme is what the system asks for", page.run("document.documentElement.dataset.theme"), name)
        fits(name, page)
        quiet(name, page)
        page.close()


def test_words(chromium):
    """What a chart says without being seen."""
    page = chromium.page()
    page.open(page_file("full", page_data.full()))
    same("every canvas is an image with a label", page.run(
        """figures.filter(({ canvas }) => canvas.getAttribute('role') !== 'img' || canvas.getAttribute('aria-label').length < 40)
        .map((f) => f.spec.id)"""), [])
    same("every figure has title, finding, caption and table",
         page.run("""figures.filter((f) => ['h3', '.finding', 'figcaption', '.as-table'].some(
        (part) => (f.element.querySelector(part) || { textContent: '' }).textContent.length < 8)).map((f) => f.spec.id)"""), [])
    same("every axis of numbers has a name", page.run("""figures.flatMap((f) => {
        drawFigure(f);
        const bare = ([, axis]) => axis.type !== 'category' && !(axis.title.text || axis.afterBuildTicks);
        return Object.entries(f.chart.options.scales).filter(bare).map(([key]) => `${f.spec.id} ${key}`);
        }).filter((name) => !name.startsWith('ops y'))"""), [])
    page.run("document.querySelectorAll('details.as-table').forEach((d) => { d.open = true; })")
    page.settle()
    same("tables: caption, headings with scope",
         page.run("""[...document.querySelectorAll('table')].filter((t) => !t.caption.textContent
        || [...t.querySelectorAll('th')].some((h) => !h.scope) || !t.querySelector('tbody th')).length"""), 0)
    same("buttons, boxes and selects have names",
         page.run("""[...document.querySelectorAll('button, summary, input, select')].filter((e) =>
        !(e.textContent.trim() || e.getAttribute('aria-label') || e.closest('label'))).length"""), 0)
    same("one h1; no level is left out",
         page.run("""(() => { const levels = [...document.querySelectorAll('h1, h2, h3')].map((h) => +h.tagName[1]);
        return [levels.filter((l) => l === 1).length, levels.some((l, i) => i && l > levels[i - 1] + 1)]; })()"""), [1, False])
    same("ids are unique",
         page.run("(() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.length - new Set(ids).size; })()"), 0)
    series = page.run("deviceNames.map((name) => deviceLook(name)).map((l) => l.mark)")
    same("devices differ by mark, not by colour alone", len(set(series)), len(series))
    quiet("words", page)
    page.close()


CONTRAST = """(() => {
  const style = getComputedStyle(document.documentElement);
  const light = (hex) => {
    const c = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const get = (name) => style.getPropertyValue(name).trim();
  const wanted = { '--ink': 7, '--muted': 4.5, '--accent': 4.5, '--up': 4.5, '--down': 4.5 };
  for (let i = 0; i < 8; i++) wanted[`--series-${i}`] = 3;
  return Object.entries(wanted).flatMap(([name, least]) => ['--ground', '--band']
    .filter((ground) => ratio(get(name), get(ground)) < least).map((ground) => `${name} on ${ground}`));
})()"""


def test_themes(chromium):
    page = chromium.page()
    page.open(page_file("full", page_data.full()))
    colour = "drawFigure(figures[0]), figures[0].chart.data.datasets[0].borderColor"
    before = page.run(colour)
    same("light: contrast", page.run(CONTRAST), [])
    page.run("byId('theme').click()")
    page.settle()
    same("the button changes the theme", page.run("document.documentElement.dataset.theme"), "dark")
    same("dark: contrast", page.run(CONTRAST), [])
    check("charts take the colours of the theme", page.run(colour) != before, before)
    page.open(FOLDER / "full.html")
    same("the choice is remembered", page.run("document.documentElement.dataset.theme"), "dark")
    page.run("localStorage.clear()")
    quiet("themes", page)
    page.close()


def test_filters(chromium):
    page = chromium.page()
    path = page_file("several", page_data.full(machines=("desk", "server")))
    page.open(path)
    everything = len(rows_shown(page))
    for dimension, wanted in (("lab", 3), ("case", 8), ("device", 3), ("machine", 2)):
        names = page.run(f"[...names.{dimension}.keys()]")
        same(f"filter {dimension} offers all", len(names), wanted)
        for name in names:
            boxes = f"[...document.querySelectorAll('#filter-{dimension} input[type=checkbox]')]"
            page.run(f"{boxes}.find((b) => b.value === {json.dumps(name)}).click()")
            rows = rows_shown(page)
            good = 0 < len(rows) < everything and all(not row[dimension] or name in row[dimension] for row in rows)
            figures = page.run("figures.length")
            if not good or not figures or name not in page.run("decodeURIComponent(location.hash)"):
                check(f"filter {dimension} = {name}",
                      False, f"{len(rows)} of {everything} rows, {figures} figures, {page.run('location.hash')}")
            page.run("byId('reset').click()")
            if len(rows_shown(page)) != everything or page.run("location.hash") not in ("", "#"):
                check(f"reset after {dimension} = {name}", False, page.run("location.hash"))
        check(f"filter {dimension} acts on everything, and is undone", True)
    page.run("choose('lab', 'size', true), choose('device', 'cuda:0', true), goTo('speed')")
    same("the address says what is chosen", page.run("location.hash"), "#speed&lab=size&device=cuda%3A0")
    same("the bar says it too",
         page.run("[...document.querySelectorAll('.drop.active b')].map((b) => b.textContent)"), ["size", "cuda:0"])
    shown = len(rows_shown(page))
    drawn("filtered", page, 5)
    page.open(path, "#speed&lab=size&device=cuda%3A0&case=nothing%2Fhere&view=x&x=minutes")
    same("an address opens what was chosen, and what is unknown in it is left out", len(rows_shown(page)), shown)
    page.run("location.hash = '#lab=cnn&x=seconds'")
    page.settle()
    same("a new address is followed", page.run("[[...chosen.lab], [...chosen.device], view.x]"), [["cnn"], [], "seconds"])
    same("sections without rows are hidden",
         page.run("[byId('speed').hidden, byId('attacks').hidden, byId('nothing').hidden]"), [False, True, True])
    page.run("choose('case', 'size/case-00', true)")
    same("that nothing passes is said",
         page.run("[used.filter((one) => !one.element.hidden && one.id !== 'environment').length, byId('environment').hidden]"), [0, False])
    page.run("byId('reset').click(), location.hash = '#lab=cnn'")
    page.settle()
    page.run("document.querySelector('.skip').click()")
    page.settle()
    same("the skip link leaves the filters alone",
         page.run("[location.hash, document.activeElement.id]"), ["#lab=cnn", "main"])
    quiet("filters", page)
    page.close()


def test_keyboard(chromium):
    page = chromium.page()
    page.open(page_file("full", page_data.full()))
    focus = "document.activeElement.textContent.trim().slice(0, 30)"
    page.key("Tab", number=9)
    same("the first stop skips to the results", page.run(focus), "Skip to the results")
    page.key("Tab", number=9)
    same("then the filters", page.run("document.activeElement.parentElement.id"), "filter-lab")
    check("focus is seen", page.run("getComputedStyle(document.activeElement).outlineStyle") != "none")
    page.key("Enter", text="\r", number=13)
    page.key("Tab", number=9)
    page.key(" ", code="Space", text=" ", number=32)
    page.settle()
    same("space chooses", page.run("[...chosen.lab]"), ["animals"])
    same("and the focus stays", page.run("document.activeElement.value"), "animals")
    page.key("Escape", number=27)
    same("escape closes the list and goes back",
         page.run("[document.querySelector('.drop[open]'), document.activeElement.tagName]"), [None, "SUMMARY"])
    page.run("document.querySelector('#convergence input[value=seconds]').focus()")
    page.key(" ", code="Space", text=" ", number=32)
    page.settle()
    same("a switch keeps the focus", page.run("[view.x, document.activeElement.value]"), ["seconds", "seconds"])
    quiet("keyboard", page)
    page.close()


def test_parts(chromium):
    """Legends, switches, tables, copying."""
    page = chromium.page()
    page.open(page_file("full", page_data.full()))
    page.run("figures.forEach(drawFigure)")
    page.run("document.querySelector('#figure-speed .legend button').click()")
    same("a legend entry hides its marks",
         page.run("figures.find((f) => f.spec.id === 'speed').chart.isDatasetVisible(0)"), False)
    axis = of("accuracy-cnn", "options.scales.x.title.text")
    check("curves by epoch", page.run(axis).startswith("epoch"))
    page.run("document.querySelector('#convergence input[value=seconds]').click()")
    check("curves by seconds", page.run(axis).startswith("training time, seconds"), page.run(axis))
    lines = of("loss-cnn", "data.datasets.length")
    one = page.run(lines)
    page.run("document.querySelector('#convergence input[value=both]').click()")
    same("validation and training", page.run(lines), 2 * one)
    page.run("""(() => { const select = document.querySelector('#effects select');
        select.value = 'param_l2'; select.dispatchEvent(new Event('change')); })()""")
    check("effects on another figure", "norm of the parameters" in page.run("byId('figure-effects-animals').textContent"))

    column = "[...document.querySelectorAll('" + SPEED + " tbody tr')].map((row) => row.cells[%d].textContent)"
    heads = page.run("[...document.querySelectorAll('" + SPEED + " thead th')].map((h) => h.textContent)")
    at = heads.index("samples/s")
    click = f"document.querySelectorAll('{SPEED} thead button')[{at}].click()"
    page.run(click)
    number = [float(text.replace(",", "")) for text in page.run(column % at)]
    check("a heading sorts, largest first", number == sorted(number, reverse=True) and len(set(number)) > 3, number)
    same("and says so",
         page.run(f"document.querySelectorAll('{SPEED} thead th')[{at}].getAttribute('aria-sort')"), "descending")
    page.run(click)
    number = [float(text.replace(",", "")) for text in page.run(column % at)]
    check("again: smallest first", number == sorted(number), number)
    page.run(press(SPEED + " .below", "columns"))
    same("all columns, by their names in the CSV files",
         page.run("[...document.querySelectorAll('" + SPEED + " thead th')].map((h) => h.textContent)"), page_data.COLUMNS["speeds"])

    page.browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.call("Page.bringToFront")
    page.run("document.querySelector('#outcomes .copy').click()")
    page.settle()
    same("the button copies the command",
         page.run("navigator.clipboard.readText()"), "regbench run size/case-00 -s 1-3 -d cpu")
    same("and says so", page.run("document.querySelector('#outcomes .copy').textContent"), "Copied")
    same("every row of speeds and outcomes has its command",
         page.run("""[...document.querySelectorAll('#outcomes > .body > .table-block tbody tr')]
        .filter((row) => !row.querySelector('.copy')).length"""), 0)
    same("expected numbers",
         page.run("[significant(426123), significant(0.07961), percent(0.7958), seconds(0.00123), compact(1850000), grouped(1234)]"),
         ["426,000", "0.0796", "79.6\u202f%", "1.23\u202fms", "1.85M", "1,234"])
    quiet("parts", page)
    page.close()


def test_numbers(chromium):
    """What charts draw and tables say is what the data hold."""
    doc = page_data.full(4)
    page = chromium.page()
    page.open(page_file("numbers", doc))

    def values(table, column, where=lambda row: True):
        columns = doc[table]["columns"]
        rows = [dict(zip(columns, row)) for row in doc[table]["rows"]]
        return sorted(row[column] for row in rows if where(row))

    def points(figure, key):
        return sorted(page.run(of(figure, f"data.datasets.flatMap((d) => d.data.map((p) => p.{key}))")))

    for figure, key, wanted in (
            ("speed", "x", values("speeds", "samples_per_s")), ("speed", "low", values("speeds", "samples_per_s_low")),
            ("speed", "high", values("speeds", "samples_per_s_high")), ("peak", "x", values("speeds", "pct_peak_flops")),
            ("ratios", "x", values("compare", "ratio")), ("ratios", "low", values("compare", "ratio_low")),
            ("accuracy-cnn", "y", values("curves", "val_acc", lambda row: row["lab"] == "cnn")),
            ("accuracy-cnn", "low", values("curves", "val_acc_low", lambda row: row["lab"] == "cnn")),
            ("loss-cnn", "y", values("curves", "val_loss", lambda row: row["lab"] == "cnn")),
            ("attack-pgd", "y", values("attacks", "accuracy", lambda row: row["attack"] == "pgd")),
            ("tta", "x", values("tta", "tta_train_s"))):
        same(f"{figure}: {key} of the points", points(figure, key), wanted)
    same("outcomes: validation and training",
         points("outcomes", "x"), sorted(values("outcomes", "val_acc_final") + values("outcomes", "train_acc")))
    change = values("effects", "change", lambda row: row["figure"] == "val_acc_final")
    check("effects: in points", all(abs(a - 100 * b) < 1e-9 for a, b in zip(points("effects-animals", "x"), change)))
    roof = page.run(of("roofline", "data.datasets[0].data[1]"))
    check("the ridge of the first device", abs(roof["x"] - 400 / 50.5) < 1e-6 and abs(roof["y"] - 400) < 1e-6, roof)
    cells = page.run("[...document.querySelectorAll('#failures tbody tr')].map((row) => [...row.cells].map((c) => c.textContent))")
    check("the table of failures", len(cells) == 3 and "diverged" in page.run("byId('failures').textContent")
          and "regbench run cnn/case-01 -s 3 -d cpu" in page.run("byId('failures').textContent"), cells)
    page.run("document.querySelector('#history input[value=absolute]').click(), choose('device', 'cpu', true)")
    same("history: absolute speeds",
         points("history", "y"), values("history", "samples_per_s", lambda row: row["device_key"] == "cpu"))
    page.run("""window.refused = []; addEventListener('securitypolicyviolation', (e) => refused.push(e.effectiveDirective));
        fetch('https://example.org/').catch(() => 0);
        document.body.append(Object.assign(new Image(), { src: 'https://example.org/x.png' }))""")
    page.settle()
    same("the policy of the page lets no request out", sorted(page.run("refused")), ["connect-src", "img-src"])
    page.close()


def test_hostile(chromium):
    page = chromium.page()
    page.open(page_file("hostile", page_data.hostile()))
    page.run("figures.forEach(drawFigure), document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.settle()
    check("hostile names run nothing", page.run("window.hacked === undefined"))
    same("and make no elements",
         page.run("document.querySelectorAll('main img, main script, main b b, #bar img, #head img').length"), 0)
    text = page.run("document.body.textContent")
    for name in (page_data.HOSTILE[0], page_data.HOSTILE[1], 'window.hacked=1}'):
        check(f"they stay text: {name[:30]}", name in text)
    page.run("document.querySelectorAll('.drop').forEach((d) => { d.open = false; })")
    fits("hostile", page)
    for name in page.run("[...names.machine.keys()]"):
        page.run(f"chosen.machine.clear(), chosen.machine.add({json.dumps(name)}), writeAddress(), readAddress()")
        if page.run("[...chosen.machine]") != [name]:
            check("the address keeps such names", False, name)
    check("the address keeps such names", True)
    quiet("hostile", page)
    page.close()


def test_partial(chromium):
    page = chromium.page()
    page.open(page_file("empty", page_data.document(summary=["No runs."], notes=[])))
    check("empty: the page says how to begin", "regbench run" in page.run("byId('main').textContent"))
    same("empty: no section", page.run("[used.length, figures.length]"), [0, 0])
    fits("empty", page, (360, 1280))
    quiet("empty", page)
    page.open(page_file("nothing", {"title": "nothing at all"}))
    quiet("no tables at all", page)
    whole = page_data.full(devices=("cpu",))
    for name in page_data.COLUMNS:
        part = {**page_data.document(), name: whole[name] if name != "compare" else page_data.full()[name]}
        page.open(page_file("part", part))
        page.run("figures.forEach(drawFigure), document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        page.settle()
        quiet(f"{name} alone", page)
        bare = {**part[name], "rows": [[value if c in page_data.FIRST or isinstance(value, str) else None for c, value in
                                       zip(part[name]["columns"], row)] for row in part[name]["rows"][:3]]}
        page.open(page_file("part", {**part, name: bare}))
        page.run("figures.forEach(drawFigure), document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        quiet(f"{name} without a number", page)
    page.close()


def test_no_chart(chromium):
    page = chromium.page()
    page.open(page_file("plain", page_data.full(), chart=False))
    check("without Chart.js: it says so", "built without Chart.js" in page.run("byId('main').textContent"))
    page.settle()
    same("and shows the tables",
         page.run("[document.querySelectorAll('canvas').length, document.querySelectorAll('table').length > 15]"), [0, True])
    fits("without Chart.js", page, (360, 1280))
    quiet("without Chart.js", page)
    page.close()


def test_large(chromium):
    """60 cases on 3 devices, 10,000 rows in all."""
    doc = page_data.full(60)
    for name, times in (("speeds", 15), ("outcomes", 10), ("history", 3)):
        doc[name]["rows"] *= times
    n = sum(len(doc[name]["rows"]) for name in page_data.COLUMNS)
    check("10,000 rows", n >= 10000, n)
    path = page_file("large", doc)
    page = chromium.page()
    page.call("Performance.enable", timeDomain="threadTicks")  # work, whatever else runs
    page.open(path)
    wall = page.run("performance.getEntriesByType('navigation')[0].loadEventEnd")
    cpu = {m["name"]: m["value"] for m in page.call("Performance.getMetrics")["metrics"]}
    scripts = cpu["ScriptDuration"]
    print(f"    {n} rows, {path.stat().st_size / 1e6:.1f} MB: open after {wall:.0f} ms, of which scripts took {1000 * scripts:.0f} ms")
    check("open in under a second of work", scripts < 1.0, scripts)
    check("and of time, where the machine is not busy", wall < 1000 or os.getloadavg()[0] > 1 and wall < 5000, wall)
    check("charts away from the window wait", page.run("figures.filter((f) => f.chart).length < figures.length / 2"))
    same("tables begin with 200 rows",
         page.run("document.querySelectorAll('" + SPEED + " tbody tr').length"), 200)
    page.run(press(SPEED + " .below", "Show all rows"))
    same("all on demand",
         page.run("document.querySelectorAll('" + SPEED + " tbody tr').length"), len(doc["speeds"]["rows"]))
    rows = of("peak", "options.plugins.rowBands.rows")
    check("charts draw a part", page.run(rows) < 60 and "are drawn" in page.run("byId('figure-peak').textContent"))
    page.run("[...document.querySelectorAll('#figure-peak button.link')].find((b) => b.textContent === 'draw all').click()")
    check("or all", page.run(rows) >= 60, page.run(rows))
    drawn("large", page, 15)
    fits("large", page, (360, 1600))
    quiet("large", page)
    page.close()


def test_print(chromium):
    page = chromium.page(1280, dark=True)
    page.open(page_file("paper", page_data.full(30)))
    undrawn = page.run("figures.filter((f) => !f.chart).length")
    check("before printing not all is drawn", undrawn > 0)
    pdf = page.pdf()
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    check("a PDF of several pages", pdf.startswith(b"%PDF") and 5 < pages < 60, pages)
    page.run("""addEventListener('beforeprint', () => {
        window.seen = [figures.filter((f) => !f.chart).length, theme().ground, Math.max(...figures.map((f) => f.plot.clientWidth)),
          Math.max(...figures.map((f) => f.plot.clientHeight)), document.querySelectorAll('.as-table[open]').length,
          document.querySelector('.notes').open]; })""")
    page.pdf()
    undrawn, ground, width, height, opened, doubts = page.run("seen")
    same("on paper: every chart is drawn, on white", [undrawn, ground], [0, "#ffffff"])
    check("in the width of a sheet, with short tables open", width <= 700 and opened > 0, [width, opened])
    check("with the doubts; no plot taller than a sheet", doubts and height < 900, [doubts, height])
    page.settle()
    same("afterwards all is as before", page.run("""[theme().ground, document.querySelectorAll('.as-table[open]').length,
        'print' in document.documentElement.dataset]"""), ["#15171a", 0, False])
    drawn("after printing", page, 15)
    quiet("print", page)
    page.close()


def test_real(chromium):
    """The report of what is published, as the program writes it: its columns are those that the page takes for granted."""
    published = sorted(glob.glob(str(ROOT / "results" / "published" / "*")))
    command = [BUILD / "regbench", "report", "-O", FOLDER / "real", *published]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    same("regbench report of results/published", done.returncode, 0)
    path = FOLDER / "real" / "report.html"
    if not path.exists():
        return check("report.html is written", False, done.stderr)
    page = chromium.page()
    page.open(path)
    for name, columns in page_data.COLUMNS.items():
        missing = set(columns) - set(page.run(f"tables.{name}.columns"))
        check(f"columns of {name}", not missing, missing)
    drawn("real", page, 10)
    fits("real", page)
    quiet("real", page)
    page.close()


TESTS = [test_whole, test_words, test_numbers, test_themes, test_filters, test_keyboard, test_parts, test_hostile, test_partial,
         test_no_chart, test_large, test_print, test_real]


def main():
    wanted = sys.argv[2:]
    chromium = browser.Browser(browser.chromium())
    try:
        for test in TESTS:
            if not wanted or test.__name__.removeprefix("test_") in wanted:
                begin = time.monotonic()
                test(chromium)
                print(f"{test.__name__}: {time.monotonic() - begin:.1f} s")
    finally:
        chromium.close()
        subprocess.run(["rm", "-rf", str(FOLDER)], check=False)
    return end()


if __name__ == "__main__":
    sys.exit(main())
