# test_publish.py: what tests/test_publish runs.
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
REGBENCH = pathlib.Path(sys.argv[1]).resolve() / "regbench"
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench" / "peers")]

import checks  # noqa: E402
import columns  # noqa: E402
from checks import check, read_table, same  # noqa: E402
from publishing import made_set, plan  # noqa: E402


def item(name, minutes, stage="speeds"):
    return plan.Item(stage, name, [], 60 * minutes)


def test_choice():
    items = [item("a", 4), item("b", 8), item("c", 3), item("d", 2)]
    names = [[i.name for i in part] for part in plan.choose(items, 9, set())]
    same("what does not fit makes room for later ones", names, [["a", "c", "d"], ["b"]])
    same("what is done costs nothing", [[i.name for i in part] for part in plan.choose(items, 9, {("speeds", "a")})],
         [["a", "b"], ["c", "d"]])
    same("no --minutes: all", len(plan.choose(items, None, set())[0]), 4)
    same("slower than thought", [i.name for i in plan.choose(items, 9, set(), 2.0)[0]], ["a"])


def test_thinning():
    rows = [{"run_id": run, "epoch": str(e)} for run, last in (("long", 150), ("short", 3)) for e in range(1, last + 1)]
    kept = [int(r["epoch"]) for r in made_set.thinned("epochs", rows) if r["run_id"] == "long"]
    check("of many epochs about twenty, first and last", kept[0] == 1 and kept[-1] == 150 and 15 <= len(kept) <= 24, kept)
    same("of few all", [r["epoch"] for r in made_set.thinned("epochs", rows) if r["run_id"] == "short"], ["1", "2", "3"])
    same("of layers the last", [r["epoch"] for r in made_set.thinned("layers", rows)], ["150", "3"])
    env = [{"env_id": e, "name": n} for e, n in (("1", "cpu"), ("1", "os"), ("1", "cpu"), ("2", "cpu"))]
    same("of an environment each fact once", len(made_set.thinned("env", env)), 3)


def find_data():
    """Words for --data, or None where no folder that is known here has the images that the cases want."""
    for folder in (None, os.environ.get("REGBENCH_TEST_DATA")):
        words = ["--data", folder] if folder else []
        found = subprocess.run([REGBENCH, "data", "path", "cifar", *words], capture_output=True, check=False)
        if not found.returncode:
            return words
    return None


def well_made(code, out):
    """0; or 1 where the set's checks doubt its speeds, as they must on a busy machine, and nothing else."""
    bad = [line for line in out.splitlines() if ",bad," in line]
    return code == 0 or (code == 1 and bad and all(",more/" in line for line in bad))


class Publish:
    def __init__(self, top, data):
        self.work, self.set = top / "work", top / "published" / "set"
        hidden = top / "hidden"
        hidden.mkdir()
        (hidden / "torch.py").write_text("raise ImportError('hidden by the test')\n")
        self.env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(hidden)}
        self.words = [sys.executable, ROOT / "bench" / "publish", "--regbench", REGBENCH, "--machine", "tiny", "-O", self.work,
                      "--to", self.set, "-d", "cpu", "-r", 2, "--quick", "--aa", 0, "--cases", "animals/l1", "--cases",
                      "animals/unregularized", "--stages", "facts,regularizers,more", *data]

    def start(self, *words):
        return subprocess.Popen([str(w) for w in (*self.words, *words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env=self.env, start_new_session=True)

    def __call__(self, *words):
        child = self.start(*words)
        out, _ = child.communicate()
        return child.returncode, out


def killed(publish, events, whole_group):
    """Kills it some time after its session's journal has grown to so many events."""
    child = publish.start()
    end = time.monotonic() + 60
    while time.monotonic() < end and child.poll() is None:
        lines = sum(len(path.read_bytes().splitlines()) for path in publish.work.glob("*/*/events.jsonl"))
        if lines >= events:
            break
        time.sleep(0.02)
    if child.poll() is None:
        (os.killpg if whole_group else os.kill)(child.pid, signal.SIGKILL)
    out, _ = child.communicate()
    return child.wait(), out


def test_publish(top, data):
    publish = Publish(top, data)
    code, out = publish("--dry-run", "--python", sys.executable)
    check("dry run: the plan and its time", code == 0 and "regularizers" in out and " min in all" in out, out)
    check("dry run: the peer that is not here is named", "has no torch-eager: skipped" in out and "alternate" not in out, out)
    check("dry run: nothing is done", not publish.work.exists() and not publish.set.exists())
    check("--stages of no such name: exit 2", publish("--stages", "speed")[0] == 2)
    check("no program: exit 2, how to build it",
          (lambda r: r[0] == 2 and "cmake --preset release" in r[1])(publish("--regbench", top / "none")))
    for words, says in ((("--regbench", top), "no program"), (("--machine", "a b"), "must consist of"),
                        (("--cases", "nosuch/*"), "matches no case"), (("--python", top / "none"), "no such program")):
        code, out = publish(*words)
        check(f"{words[0]} that cannot be: exit 2, before anything is done",
              code == 2 and says in out and len(out.splitlines()) == 1 and not publish.work.exists(), out)
    check("no time for anything of this: exit 2", publish("--minutes", 0)[0] == 2)

    for events, group in ((300, True), (1300, False)):
        code, out = killed(publish, events, group)
        check(f"killed after {events} events", code == -signal.SIGKILL, out)
    with open(publish.work / "journal.csv", "a", encoding="utf-8") as file:
        file.write("more,animals")
    check("killed: no set yet", not publish.set.exists())
    code, out = publish()
    check("it goes on to the end", well_made(code, out), out)
    journal = [row for row in read_table(publish.work / "journal.csv") if row["others_cores"] is not None]
    same("every item once", sorted((row["stage"], row["item"], row["exit"]) for row in journal),
         [("facts", "devices", "0"), ("facts", "doctor", "0"), ("more", "animals-l1", "0"),
          ("more", "animals-unregularized", "0"), ("regularizers", "animals-penalties", "0"),
          ("regularizers", "animals-penalties-100", "0")])

    runs = [r for r in read_table(publish.set / "regularizers" / "runs.csv") if r["status"] == "ok"]
    wanted = sorted((case, size, str(seed)) for case, size in (("animals/l1", "30"), ("animals/unregularized", "30"),
                                                               ("animals/unregularized", "100")) for seed in range(1, 7))
    same("every seed once", sorted((r["case"], r["n_train"], r["seed"]) for r in runs), wanted)
    epochs = read_table(publish.set / "regularizers" / "epochs.csv")
    check("every run has its epochs", {r["run_id"] for r in runs} == {e["run_id"] for e in epochs})
    effects = read_table(publish.set / "regularizers" / "effects.csv")
    check("what L1 changes", any(e["arm"] == "animals/l1" and e["figure"] == "param_l2" and float(e["change"]) < 0
                                 for e in effects))
    speeds = read_table(publish.set / "more" / "runs.csv")
    same("two processes of each case", sorted(r["case"] for r in speeds), ["animals/l1"] * 2 + ["animals/unregularized"] * 2)
    same("columns are regbench's", list(speeds[0]), columns.header())
    same("the machine's name", {r["machine"] for r in speeds + runs}, {"tiny"})
    check("what it claims", "Claims: seeds 6" in (publish.set / "regularizers" / "README.md").read_text() and
          "Claims: processes 2" in (publish.set / "more" / "README.md").read_text())
    text = (publish.set / "README.md").read_text() + (publish.set / "more" / "README.md").read_text()
    words = (speeds[0]["commit"], "| system |", "regbench bench animals/l1")
    check("README: commit, system, command", all(word in text for word in words), text)
    check("the effects are drawn, or could be",
          any((publish.set / "regularizers" / "plots").glob("animals-unregularized.*effects.gp")))
    everything = "".join(path.read_text() for path in publish.set.rglob("*.csv"))
    check("no path and no host name", str(top) not in everything and f",{platform.node()}," not in everything)

    sessions = {path: path.stat().st_mtime_ns for path in publish.work.rglob("events.jsonl")}
    code, out = publish()
    check("once more: all done, the same set", well_made(code, out) and "0.0 min in all" in out and
          sessions == {path: path.stat().st_mtime_ns for path in publish.work.rglob("events.jsonl")}, out)
    code, out = publish("-r", 3)
    check("other settings in the same folder: exit 2", code == 2 and "another rounds" in out, out)
    code, out = publish("-O", top / "else")
    check("a set of another work folder is not replaced: exit 2", code == 2 and "was not made from" in out, out)


test_choice()
test_thinning()
images = find_data()
if images is None:
    print("CIFAR-10 is not here (REGBENCH_TEST_DATA, or regbench data fetch cifar)")
    sys.exit(1 if checks.failures else 77)
with tempfile.TemporaryDirectory(prefix="regbench-publish-") as folder:
    test_publish(pathlib.Path(folder), images)
sys.exit(checks.end())
