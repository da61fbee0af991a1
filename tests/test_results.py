# test_results.py: every number in the tables of README.md and results/README.md, computed anew from the lines that its row names.
#
# usage: tests/test_results.py BUILD_FOLDER. Shares no code with regbench: the CSV files are read and the statistics written
# here once more. At the end tables with one wrong digit must fail, and regbench itself must call files and sets current.
import csv
import functools
import itertools
import math
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "results/README.md")
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # 97.5 %, 1 to 9 degrees of freedom
BLOCK = re.compile(r"<!-- results: (\w+)[^>]*-->\n(.*?)<!-- end -->", re.S)
LINK = re.compile(r"\[([^\]]*)\]\(([^)#]+)#L(\d+)(?:-L(\d+))?\)")


class Wrong(Exception):
    pass


def demand(what, shown, wanted):
    if shown != wanted:
        raise Wrong(f"{what}: the table says {shown!r}, the files say {wanted!r}")


# --- files ----------------------------------------------------------------------------------------------------------------
tables = {}


def read(path):
    if path not in tables:
        with open(path, encoding="utf-8", newline="") as file:
            tables[path] = list(csv.DictReader(file))
    return tables[path]


def numbers_of(text):
    """2,4-6 -> [2, 4, 5, 6]"""
    found = []
    for part in filter(None, text.split(",")):
        low, _, high = part.strip().partition("-")
        found += range(int(low), int(high or low) + 1)
    return found


def sources(cell, folder):
    """[(file, its rows)]: one for the values, and one for what they are compared with, if any."""
    found = []
    for text, name, low, high in LINK.findall(cell):
        path = (folder / name).resolve()
        lists = [numbers_of(part) for part in text.split(";")]
        used = sorted(itertools.chain(*lists))
        demand("ends of the link", (int(low), int(high or low)), (used[0], used[-1]))
        found += [(path, [read(path)[line - 2] for line in lines]) for lines in lists]
    if not found:
        raise Wrong(f"no link to lines in {cell!r}")
    return found


# --- statistics -----------------------------------------------------------------------------------------------------------
def values(rows, column):
    return [float(row[column]) for row in rows if row[column]]


def binomial_below(n, k):
    return sum(math.comb(n, i) for i in range(k)) / 2**n


def median_interval(xs):
    """From the k-th smallest to the k-th largest value; None: too few."""
    xs, n = sorted(xs), len(xs)
    k = max((k for k in range(1, n // 2 + 1) if 2 * binomial_below(n, k) <= 0.05), default=0)
    return (xs[k - 1], xs[n - k]) if k else None


def rank_counts(n, m):
    """counts[u]: arrangements of n and m values with that Mann-Whitney U."""
    counts = {(0, j): [1] for j in range(m + 1)} | {(i, 0): [1] for i in range(n + 1)}
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            a, b = counts[i - 1, j], counts[i, j - 1]
            counts[i, j] = [(a[u - j] if 0 <= u - j < len(a) else 0) + (b[u] if u < len(b) else 0) for u in range(i * j + 1)]
    return counts[n, m]


def ratio(ours, theirs):
    """Hodges and Lehmann: (estimate, interval or None)"""
    quotients = sorted(math.log(a / b) for a in ours for b in theirs)
    counts, below, k = rank_counts(len(ours), len(theirs)), 0, 0
    for u, count in enumerate(counts):
        below += count  # P(U < u + 1)
        if below > 0.025 * sum(counts):
            break
        k = u + 1
    interval = (math.exp(quotients[k - 1]), math.exp(quotients[-k])) if k else None
    return math.exp(statistics.median(quotients)), interval


# --- how numbers are shown ------------------------------------------------------------------------------------------------
def half_away(x):
    return math.floor(x + 0.5)


def count(x):
    if x < 100:
        return f"{x:.3g}"
    unit = 10 ** (math.floor(math.log10(x)) - 3) if x >= 10000 else 1
    return f"{half_away(x / unit) * unit:,.0f}"


def times(x):
    return f"{x:.2f}" if x < 3 else f"{x:.1f}"


def with_interval(show, x, interval):
    return show(x) + (f" ({show(interval[0])}–{show(interval[1])})" if interval else "")


# --- the tables -----------------------------------------------------------------------------------------------------------
SAME = ("case", "device", "device_key", "backend", "batch_size", "threads", "provider", "precision", "overrides", "machine",
        "workload_hash", "commit", "dirty", "submit", "quirks", "isa", "ranks")


def asked(row):
    """Of what was asked of the device the words that no other column tells."""
    several = " " in row["provider"]
    told = ("threads=", "submit=", "quirk=", "provider=auto") + (() if several else ("provider=",))
    return [word for word in (row.get("settings") or "").split() if not word.startswith(told)]


def whole(path, rows, own):
    """All that the file has of this measurement, not a choice of it, and nothing that was measured in another way."""
    first = rows[0]

    def alike(row):
        return bool(row["workload_hash"]) == own and asked(row) == asked(first) and all(row[c] == first[c] for c in SAME)
    for row in rows:
        demand("ways of one median", alike(row), True)
    found = [row for row in read(path) if row["phase"] == "bench" and row["status"] == "ok" and row["samples_per_s"] and alike(row)]
    demand("lines", len(rows), len(found))


def way(line, fellows):
    """How the device worked, as far as it is not the usual, or not what other rows of the same case and device did."""
    usual = {"opencl": "eager", "cuda": "graph"}.get(line["device_key"].partition(":")[0], "direct")
    said = [line["provider"]] if len({fellow["provider"] for fellow in fellows}) > 1 else []
    if len({fellow["threads"] for fellow in fellows}) > 1:
        said.append(f"{line['threads']} thread" + "s" * (line["threads"] != "1"))
    said += [f"submit {line['submit']}"] if line["submit"] not in ("", usual) else []
    said += [f"quirk {line['quirks']}"] if line["quirks"] else []
    return ", ".join(said + ([" ".join(asked(line))] if asked(line) else []))


def marked(path, line):
    """The mark that a speed bears: others used more than 0.15 cores meanwhile, as ratios.csv beside says."""
    ratios = path.with_name("ratios.csv")
    used = [float(r["others_cores_max"]) for r in (read(ratios) if ratios.exists() else []) if r["others_cores_max"] and
            (r["case"], float(r["batch"])) == (line["case"], float(line["batch_size"])) and
            (r.get("device") or "").partition(":")[0] in ("", line["device_key"].partition(":")[0])]
    return " \\*" if max(used, default=0) > 0.15 else ""


def check_devices(row, folder):
    (path, ours), *beside = sources(row["lines"], folder)
    for column, cell in (("case", "case"), ("device_key", "device"), ("batch_size", "batch")):
        demand(cell, {row[cell]}, {line[column] for line in ours})
    whole(path, ours, True)
    fellows = [line for line in read(path) if line["workload_hash"] and line["status"] == "ok" and line["phase"] == "bench" and
               all(line[c] == ours[0][c] for c in ("machine", "device_key", "case", "batch_size", "overrides"))]
    demand("how it worked", row.get("set to", ""), way(ours[0], fellows))
    demand("precision", row.get("precision", "fp32"), ours[0]["precision"] or "fp32")
    speeds = values(ours, "samples_per_s")
    demand("n", row["n"], str(len(speeds)))
    speed, interval = count(statistics.median(speeds)), median_interval(speeds)
    wanted = with_interval(count, statistics.median(speeds), interval).replace(speed, speed + marked(path, ours[0]), 1)
    demand("samples/s", row["samples/s"], wanted)
    shares = values(ours, "pct_peak_flops")
    demand("share of peak", row["share of peak"], f"{statistics.median(shares):.0f} %" if shares else "")
    if not row.get("ratio"):
        demand("peers", len(beside), 0)
        return
    (peer_path, theirs), = beside
    whole(peer_path, theirs, False)
    demand("file of the peer, which took turns", peer_path, path)
    name, _, speed = row["beside it, samples/s"].partition(" ")
    if speed.startswith("("):
        version, _, speed = speed[1:].partition(") ")
        demand("version of the peer", {version}, {line["provider"] for line in theirs})
    demand("peer", {name}, {line["backend"] for line in theirs})
    demand("case of the peer", {row["case"]}, {line["case"] for line in theirs})
    demand("batch of the peer", {row["batch"]}, {line["batch_size"] for line in theirs})
    others = values(theirs, "samples_per_s")
    demand("samples/s of the peer", speed, count(statistics.median(others)))
    demand("ratio", row["ratio"], with_interval(times, *ratio(speeds, others)))


def check_speeds(row, folder):
    rows = []
    for low, high, name, first, last in re.findall(r"\[(\d+)-(\d+)\]\(([^)#]+)#L(\d+)-L(\d+)\)", row["rows"]):
        demand("ends of the link", (first, last), (low, high))
        path = (folder / name).resolve()
        rows += [(path, line) for line in read(path)[int(low) - 2:int(high) - 1]]
    demand("files", 1, len({path for path, _ in rows}))
    case, _, precision = row["case"].partition(", ")
    mine = [(path, line) for path, line in rows if (line["case"], line["batch_size"]) == (case, row["batch"]) and
            (line["precision"] or "fp32") == (precision or "fp32") and line["phase"] == "bench" and line["status"] == "ok" and line["samples_per_s"]]
    peer, *devices = list(row)[2:-2]

    def speeds(own, column, name, worked=""):
        found = [(path, line) for path, line in mine if bool(line["workload_hash"]) == own and line[column] == name]
        found = [(path, line) for path, line in found if not own or way(line, [fellow for _, fellow in found]) == worked]
        marks.update(marked(path, line) for path, line in found[:own])
        for path in {path for path, _ in found}:
            whole(path, [line for other, line in found if other == path], own)
        return values([line for _, line in found], "samples_per_s")

    marks = set()
    theirs = speeds(False, "backend", peer)
    demand(f"values of {peer}", bool(theirs), True)
    demand(peer, row[peer], count(statistics.median(theirs)))
    numbers = {len(theirs)}
    for device, times_column in zip(devices[::2], devices[1::2]):
        demand("column", times_column, f"{device} / {peer}")
        key, _, worked = device.partition(", ")
        marks.clear()
        ours = speeds(True, "device_key", key, worked)
        demand(device, row[device], count(statistics.median(ours)) + marks.pop() if ours else "")
        if ours:
            numbers.add(len(ours))
            estimate, interval = ratio(ours, theirs)
            shown = f"**{times(estimate)}**" + (f" ({times(interval[0])}–{times(interval[1])})" if interval else "")
            demand(times_column, row[times_column], shown)
    demand("n", row["n"], "–".join(map(str, sorted({min(numbers), max(numbers)}))))


def figures(run, epochs):
    """What a run ends with, or keeps."""
    mine = [e for e in epochs if e["run_id"] == run["run_id"]]
    kept = run.get("kept_epoch")
    mine = [e for e in mine if e["epoch"] == kept] if kept else sorted(mine, key=lambda e: int(e["epoch"]))[-1:]
    if not mine:
        return {}
    return {name: float(mine[0][name]) for name in ("val_acc", "val_loss", "param_l2", "train_eval_acc", "train_acc") if mine[0][name]}


def difference(arm, base, what):
    """One figure of a pair, arm minus base; None where one of them lacks it."""
    def gap(f):
        train = "train_eval_acc" if "train_eval_acc" in arm and "train_eval_acc" in base else "train_acc"
        return f[train] - f["val_acc"] if train in f and "val_acc" in f else None
    get = gap if what == "gap" else lambda f: f.get(what)
    a, b = get(arm), get(base)
    return None if a is None or b is None else a - b


def effect(differences, factor, digits):
    mean, n = statistics.fmean(differences), len(differences)
    text = f"{factor * mean:+.{digits}f}"
    if n < 2:
        return text
    half = STUDENT[n - 2] * statistics.stdev(differences) / math.sqrt(n)
    low, high = mean - half, mean + half
    interval = f" ({factor * low:+.{digits}f} to {factor * high:+.{digits}f})"
    clear = low > 0 or high < 0
    if factor == 100 and abs(mean) < 0.003:
        clear = False
    return f"**{text}**{interval}" if clear else text + interval


def check_regularizers(row, folder):
    (path, arms), (_, bases) = sources(row["lines"], folder)
    epochs = read(path.with_name("epochs.csv"))
    for what, rows in (("arm", arms), ("against", bases)):
        demand(what, {row[what]}, {f"{run['case']} {run['overrides']}".strip() for run in rows})
    pairs = {run["seed"]: [run, None] for run in arms}
    for run in bases:
        if run["seed"] in pairs:
            pairs[run["seed"]][1] = run
    pairs = [pair for pair in pairs.values() if pair[1]]
    demand("seeds", row["seeds"], str(len(pairs)))
    ended = [(figures(arm, epochs), figures(base, epochs)) for arm, base in pairs]
    for cell, what, factor, digits in (("validation accuracy, points", "val_acc", 100, 1), ("gap to training, points", "gap", 100, 1),
                                       ("validation loss", "val_loss", 1, 3), ("norm", "param_l2", 1, 2)):
        differences = [d for arm, base in ended if (d := difference(arm, base, what)) is not None]
        wanted = effect(differences, factor, digits) if differences else ""
        demand(cell, row[cell], wanted)


def check_machines(row, folder):
    (path, rows), = sources(row["lines"], folder)
    whole(path, rows, True)
    for column, cell in (("machine", "machine"), ("device_key", "device"), ("threads", "threads"), ("commit", "commit")):
        demand(cell, {row[cell]}, {line[column] for line in rows})
    case, _, speed = row["headline, samples/s"].partition(" ")
    demand("headline case", {case}, {line["case"] for line in rows})
    demand("headline", speed, count(statistics.median(values(rows, "samples_per_s"))))
    demand("when", row["when"], rows[0]["started_utc"][:10])
    root = path
    while not (root / "SHA256SUMS").exists():
        root = root.parent
    peaks = [float(line["fma_gflop_per_s"]) for file in root.glob("**/peaks.csv") for line in read(file)
             if line["device_key"] == row["device"]]
    drivers = {line["value"] for file in root.glob("**/env.csv") for line in read(file) if line["name"] == f"{row['device']}.driver"}
    demand("hardware, driver", row["hardware, driver"], ", ".join([rows[0]["device"], *drivers]))
    peak = max(peaks) if peaks else statistics.median(values(rows, "peak_gflops"))
    demand("of own peak", row["of own peak"], f"{statistics.median(values(rows, 'pct_peak_flops')):.0f} % of {peak:.0f} GFLOP/s")
    cases = {line["case"] for file in root.glob("**/runs.csv") for line in read(file)
             if line["phase"] == "bench" and line["status"] == "ok" and line["workload_hash"] and line["samples_per_s"] and
             (line["machine"], line["device_key"]) == (row["machine"], row["device"])}
    demand("cases", row["cases"], str(len(cases)))


def check_sets(row, folder):
    (name, link), = re.findall(r"\[([^\]]*)\]\(([^)]+)\)", row["set"])
    own = [line for file in sorted((folder / link).parent.glob("**/runs.csv")) for line in read(file) if line["commit"]]
    timed = [line["case"] for line in own if line["phase"] == "bench" and line["status"] == "ok" and line["samples_per_s"]]
    trained = [line["case"] for line in own if line["phase"] == "run"]
    for cell, what, cases in (("speeds", "processes", timed), ("training", "runs", trained)):
        n = len(set(cases))
        demand(cell, row[cell], f"{len(cases)} {what} of {n} case{'s' * (n != 1)}" if cases else "")
    demand("commits", set(row["commits"].split()), {line["commit"] for line in own})
    machines, _, devices = row["on"].partition(": ")
    demand("on", (set(machines.split()), set(devices.split())), tuple({line[c] for line in own} for c in ("machine", "device_key")))
    demand("set", name, (folder / link).resolve().parent.name)


CHECKS = {"sets": check_sets, "devices": check_devices, "speeds": check_speeds, "regularizers": check_regularizers, "machines": check_machines}


def rows_of(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [dict(zip(cells[0], row)) for row in cells[2:]] if cells else []


@functools.lru_cache(maxsize=None)  # of a document with one wrong digit all rows but one are known
def trouble(name, cells, folder):
    """What is wrong with a row of the table; None: nothing."""
    try:
        CHECKS[name](dict(cells), folder)
    except (Wrong, KeyError, ValueError, IndexError, OSError) as error:
        return repr(error)
    return None


def check_document(text, folder):
    """(rows that were looked at, what is wrong)"""
    looked, wrong = {}, []
    for name, block in BLOCK.findall(text):
        for row in rows_of(block):
            looked[name] = looked.get(name, 0) + 1
            found = trouble(name, tuple(row.items()), folder)
            if found:
                wrong.append(f"{name}: {next(iter(row.values()))}: {found}")
    return looked, wrong


def broken_links(text, folder):
    links = [link for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) if not re.match(r"\w+:", link)]
    return [link for link in links if not (folder / link).exists()]


# --- all ------------------------------------------------------------------------------------------------------------------
def wrong_digits(text):
    """The document with one digit of one cell of a table changed, over and over."""
    for found in BLOCK.finditer(text):
        lines = [m for m in re.finditer(r"^\|[^\n]*\|$", found.group(2), re.M)][2:]
        for line in lines[:: max(1, len(lines) // 4)]:
            shown = line.group().rsplit("|", 2)[0]  # not the link
            for digit in re.finditer(r"\d(?= |,|\.|\)|–)", shown):
                if shown[: digit.start()].count("|") < 2:
                    continue  # a name
                at = found.start(2) + line.start() + digit.start()
                yield text[:at] + str((int(text[at]) + 5) % 10) + text[at + 1:], f"{found.group(1)}, {shown.strip()[:40]}, {digit.start()}"


def main():
    program, failures, seen = pathlib.Path(sys.argv[1]).resolve() / "regbench", 0, {}

    def say(good, what):
        nonlocal failures
        failures += not good
        print(f"{'ok' if good else 'FAILED'}: {what}")

    for name in DOCUMENTS:
        text, folder = (ROOT / name).read_text(encoding="utf-8"), (ROOT / name).parent
        looked, wrong = check_document(text, folder)
        for line in wrong:
            print("   ", line)
        say(not wrong, f"{name}: {', '.join(f'{n} rows of {table}' for table, n in looked.items())}")
        for table, n in looked.items():
            seen[table] = seen.get(table, 0) + n
        broken = broken_links(text, folder)
        say(not broken, f"{name}: links {' '.join(broken)}")
        changed = list(wrong_digits(text))
        missed = [where for other, where in changed if not check_document(other, folder)[1]]
        for where in missed:
            print("   ", where)
        say(changed and not missed, f"{name}: {len(changed)} wrong digits are found")
    for path in sorted((ROOT / "results" / "published").glob("*/README.md")):
        broken = broken_links(path.read_text(encoding="utf-8"), path.parent)
        say(not broken, f"{path.relative_to(ROOT)}: links {' '.join(broken)}")
    say(seen.get("devices", 0) >= 12 and seen.get("speeds", 0) >= 10 and seen.get("regularizers", 0) >= 6 and seen.get("machines", 0) >= 1, f"the tables are there: {seen}")
    for command in ([program, "results", "-o", "csv"], [program, "results", "--check", *DOCUMENTS],
                    [sys.executable, "-B", "bench/pictures", "--check", "--regbench", program]):
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        say(done.returncode == 0, " ".join(map(str, command)).replace(str(program), "regbench").replace(sys.executable, "python3"))
        if done.returncode:
            print(done.stdout + done.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
