# made_set.py: the work folder's sessions as a set for results/published: redacted, thinned, with a README of how it was made.
import collections
import csv
import io
import os
import shlex
import shutil
import statistics
import subprocess

from publishing import plan

KEEP = 20  # rows of epochs.csv per run, about
TABLES = ("runs", "epochs", "layers", "ops", "peaks", "env", "trials", "attacks")
PICTURES = {"speeds": ".", "profile": ".roofline.", "regularizers": ".effects."}  # what is kept of `regbench plot`
WORDS = {"speeds": "throughput of whole training steps, one process per value", "more": "the same for the other cases",
         "speeds-slow": "the same for cases of which one process takes long",
         "profile": "time of every op, in a separate pass after a process' windows",
         "regularizers": "whole runs over seeds: what each regularizer changes", "stories": "whole runs of one seed"}


def export(regbench, table, paths):
    """Rows of several sessions, without host names, user names and paths. (header, rows)"""
    paths = [path for path in paths if path.exists()]
    if not paths:
        return [], []
    done = subprocess.run([str(w) for w in (regbench, "export", "-q", "-o", "csv", "--redact", "--table", table, *paths)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise plan.Trouble(done.returncode, f"regbench export --table {table}: {done.stderr.strip()}")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    return rows[0], [dict(zip(rows[0], row)) for row in rows[1:]]


def thinned(table, rows):
    if table == "env":  # one environment, many sessions: the first of each
        seen = set()
        return [row for row in rows if row["name"] != "host" and (key := (row["env_id"], row["name"])) not in seen and
                not seen.add(key)]
    if table not in ("epochs", "layers"):
        return rows
    last = {}
    for row in rows:
        last[row["run_id"]] = max(last.get(row["run_id"], 0), int(row["epoch"]))
    if table == "layers":
        return [row for row in rows if int(row["epoch"]) == last[row["run_id"]]]
    return [row for row in rows if int(row["epoch"]) in (1, last[row["run_id"]]) or
            int(row["epoch"]) % -(-last[row["run_id"]] // KEEP) == 0]


def write_table(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows([row[column] for column in header] for row in rows)


def copy_table(regbench, table, paths, to, machine, of=None):
    """`of`: rows of runs.csv; what belongs to none of them, a process that was killed, stays behind."""
    header, rows = export(regbench, table, paths)
    if table == "runs":
        rows = [row for row in rows if row["status"] != "interrupted"]
    known = {row["run_id"] for row in of or ()}
    rows = thinned(table, [row for row in rows if of is None or "run_id" not in row or row["run_id"] in known])
    for row in rows:
        if "machine" in row:  # the name it was given, not the alias that redaction put in its place
            row["machine"] = machine
    if rows:
        write_table(to / f"{table}.csv", header, rows)
    return rows


def shown(item, options, work):
    """The command as a reader would type it."""
    words, skip = [], False
    for word in map(str, item.command):
        if skip or word in ("--data", "--regbench", "--machine"):
            skip = not skip
            continue
        word = {str(options.regbench): "regbench", options.python: "PYTHON", str(plan.sys.executable): ""}.get(word, word)
        words.append(word.replace(str(work), "WORK").replace(str(plan.ROOT) + "/", ""))
    return shlex.join(word for word in words if word) + (f" >{item.output}" if item.output else "")


def merge_ratios(folders, to):
    header, rows, busiest = None, [], 0.0
    for folder in folders:
        path = folder / "ratios.csv"
        if path.exists():
            with open(path, encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                header = reader.fieldnames
                rows += list(reader)
    if rows:
        write_table(to / "ratios.csv", header, rows)
        busiest = max(float(row["others_cores_max"] or 0) for row in rows)
    return busiest


def processes(folder):
    """The fewest values that a case has on a device: what was done, whatever the plan of a later call would be."""
    with open(folder / "runs.csv", encoding="utf-8", newline="") as file:
        counts = collections.Counter((row["case"], row["device_key"], row["backend"]) for row in csv.DictReader(file))
    return min(counts.values(), default=0)


def stage_of(item, options):
    """The set's folder: cases with fewer processes than the others stand apart, so that each says how many it has."""
    slow = item.stage in ("speeds", "more") and item.rounds < options.rounds
    return "speeds-slow" if slow else item.stage


def make_stage(stage, items, options, work, to):
    """One subfolder of the set. Returns its lines for the README."""
    regbench, folders = options.regbench, [work / item.stage / item.name for item in items]
    to.mkdir(parents=True, exist_ok=True)
    plain = [path for item, path in zip(items, folders) if not item.peer]
    runs = [path / "runs.csv" for path in folders]
    rest = plain + [path / "sessions" for item, path in zip(items, folders) if item.peer]
    rows = copy_table(regbench, "runs", runs, to, options.machine)
    drifted = False
    for table in TABLES[1:]:
        more = copy_table(regbench, table, rest, to, options.machine, rows)
        drifted = drifted or table == "peaks" and any(row["drifted"] == "1" for row in more)
    busiest = merge_ratios(folders, to)
    if stage == "regularizers":
        with open(to / "effects.csv", "w", encoding="utf-8") as file:
            done = subprocess.run([str(regbench), "effects", *map(str, plain), "-q", "-o", "csv"], stdin=subprocess.DEVNULL,
                                  stdout=file, stderr=subprocess.DEVNULL, check=False)
        if done.returncode:  # fewer than two arms
            os.unlink(to / "effects.csv")
    rounds = min(item.rounds for item in items)
    claims = {"speeds": f"processes {rounds}", "more": f"processes {rounds}", "speeds-slow": f"processes {rounds}",
              "regularizers": f"seeds {rounds}"}.get(stage)
    lines = [f"# {stage}: {WORDS[stage]}", "", *(f"    {shown(item, options, work)}" for item in items), ""]
    admits = []
    if busiest > 0.15:
        lines += [f"Other programs used up to {busiest:.2f} cores meanwhile (`others_cores_max` of ratios.csv).", ""]
    if drifted:
        lines += ["The device's peak changed during some sessions (`drifted` of peaks.csv).", ""]
    if busiest > 0.15 or drifted:
        admits.append("disturbed")
    if any(row["dirty"] == "1" for row in rows):
        admits.append("dirty")
    if any(row["status"] != "ok" for row in rows):
        admits.append("failed")
    lines += [f"Claims: {claims}"] if claims else []
    lines += [f"Admits: {', '.join(admits)}"] if admits else []
    (to / "README.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return rows


def draw(stage, regbench, folder):
    """Pictures of a stage's tables, each with its script and data. Returns their names."""
    if stage not in PICTURES:
        return []
    subprocess.run([str(regbench), "plot", "-q", str(folder)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    for path in folder.glob("plots/*"):
        if PICTURES[stage] not in path.name:
            path.unlink()
    return sorted(path.name for path in folder.glob("plots/*.png"))


def facts_of(work_set):
    """name -> value from the first env.csv of the set."""
    for path in sorted(work_set.glob("*/env.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            found = {}
            for row in csv.DictReader(file):
                found.setdefault(row["name"], row["value"])
            return found
    return {}


def readme(options, made, rows, left, journal, pictures):
    facts = facts_of(made)
    peers = sorted({row["provider"] for row in rows if not row["commit"] and row["provider"]})
    commits = sorted({row["commit"] + ("-dirty" if row["dirty"] == "1" else "") for row in rows if row["commit"]})
    loads = [float(entry["others_cores"]) for entry in journal.values() if entry["others_cores"]]
    drivers = sorted(f"{name[:-7]}: {value}" for name, value in facts.items() if name.endswith(".driver"))
    about = [
        ("made", f"{min(e['started_utc'] for e in journal.values())} to {max(e['started_utc'] for e in journal.values())}, "
                 f"{sum(float(e['seconds']) for e in journal.values()) / 60:.0f} minutes of measuring"),
        ("commit", ", ".join(commits)), ("processor", f"{facts.get('cpu', '')}, {facts.get('cpus_usable', '')} usable"),
        ("system", f"{facts.get('os', '')}, {facts.get('kernel', '')}"), ("compiler", facts.get("compiler", "")),
        ("drivers", "; ".join(drivers)), ("peers", ", ".join(peers)),
        ("others", f"before an item other programs used {statistics.median(loads):.2f} cores (median), at most {max(loads):.2f}"
         if loads else ""),
    ]
    windows = "short windows (`--quick`): first impressions" if options.quick else "windows by the whole protocol"
    lines = [f"# {made.name}", "", f"Made by `bench/publish`; {windows}, {options.rounds} processes per value where nothing else "
             "is said, one rotation through all devices and the peer (A B C C B A).", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in about if value]
    lines += ["", "The commands, WORK being the folder that `bench/publish -O` names, stand in the README of each folder.", ""]
    if left:
        lines += ["Left out for want of time: " + ", ".join(f"{item.stage} {item.name}" for item in left) + ".", ""]
    failed = [f"{key[0]} {key[1]} (exit {entry['exit']})" for key, entry in journal.items() if entry["exit"] != "0"]
    if failed:
        lines += ["Ended otherwise than well: " + ", ".join(failed) + ".", ""]
    return "\n".join([*lines, *pictures]).rstrip() + "\n"


def make(options, items, left, journal, work, folder):
    """The whole set anew, beside the old one, which it then replaces."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    made = fresh / folder.name
    made.mkdir(parents=True)
    rows, stages, pictures = [], {}, []
    for item in items:
        if item.output:
            table = item.output.removesuffix(".csv")
            copy_table(options.regbench, table, [work / item.stage / item.output], made, options.machine)
        else:
            if item.stage in ("speeds", "more"):
                item.rounds = processes(work / item.stage / item.name)
            stages.setdefault(stage_of(item, options), []).append(item)
    for stage, members in stages.items():
        rows += make_stage(stage, members, options, work, made / stage)
        pictures += [f"![{name[:-4]}]({stage}/plots/{name})" for name in draw(stage, options.regbench, made / stage)]
    (made / "README.md").write_text(readme(options, made, rows, left, journal, pictures), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.replace(made, folder)
    shutil.rmtree(fresh)
    sealing = [str(options.regbench), "results"]
    if subprocess.run([*sealing, "--help"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
        return 0  # this build has no such verb
    return subprocess.run([*sealing, "--seal", str(folder)], stdin=subprocess.DEVNULL, check=False).returncode
