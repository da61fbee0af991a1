# test_peers.py: what tests/test_peers runs: cases, columns, protocol, alternate with stubs; each library's models.
import contextlib
import csv
import dataclasses
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import types

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEERS = ROOT / "bench" / "peers"
BUILD, PART = pathlib.Path(sys.argv[1]), sys.argv[2]
REGBENCH = BUILD / "regbench"
sys.path.insert(0, str(PEERS))

import cases  # noqa: E402
import columns  # noqa: E402
import protocol  # noqa: E402
from checks import check, end, same, table  # noqa: E402


def call(*command, env=None):
    """(exit code, stdout, stderr)"""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}, check=False)
    return done.returncode, done.stdout, done.stderr


# --- against regbench -----------------------------------------------------------------------------------------------------
def test_cases():
    code, out, err = call(REGBENCH, "list", "-o", "csv")
    same("regbench list: exit 0", code, 0)
    listed = {row["case"]: row for row in table(out)}
    for case in cases.TABLE:
        row = listed.get(case.name)
        if not row:
            continue
        same(f"{case.name}: parameters", cases.n_params(case), int(row["n_params"]))
        same(f"{case.name}: batch", case.batch, int(row["batch_size"]))
        same(f"{case.name}: training samples", case.n_train, int(row["n_train"]))
        same(f"{case.name}: data set", case.dataset, row["dataset"])
        same(f"{case.name}: optimizer", case.optimizer, row["optimizer"])
        mflop, wanted = cases.mflop_per_sample(case), float(row["model_mflop_per_sample"])
        check(f"{case.name}: MFLOP per sample", abs(mflop - wanted) <= 1e-6 * wanted, f"{mflop}, not {wanted}")
    names = [case.name for case in cases.TABLE]
    check("several cases were compared", len(set(names) & set(listed)) >= 10, f"regbench lists {sorted(listed)}, {err}")
    same("no case twice", len(set(names)), len(names))
    print(f"note: of {len(listed)} cases the peers lack: {' '.join(sorted(set(listed) - set(names))) or 'none'}")


def test_header(top):
    _, out, err = call(REGBENCH, "bench", "size/mlp", "-d", "reference", "-r", 1, "--quick", "--verify", "off", "-o", "csv",
                       "-q", "-O", top / "header")
    lines = list(csv.reader(io.StringIO(out)))
    check("regbench bench prints a header and a row", len(lines) == 2, out + err)
    same("the peers' columns are regbench's", columns.header(), lines[0] if lines else None)
    same("schema_version", str(columns.schema_version()), table(out)[0]["schema_version"] if len(lines) == 2 else None)
    check("learning rates, too", len(lines) == 2 and float(table(out)[0]["lr"]) == cases.find("size/mlp").lr)


# --- columns, protocol ------------------------------------------------------------------------------------------------------
def test_rows():
    to = io.StringIO()
    writer = columns.Writer(to)
    writer.row({"case": 'a "b", c', "lr": 0.1, "samples_per_s": float("nan"), "batchnorm": True, "seed": 7})
    row = table(to.getvalue())[0]
    same("a cell with quotes", row["case"], 'a "b", c')
    same("a real number", row["lr"], "0.1")
    same("what is not finite is empty", row["samples_per_s"], "")
    same("a switch", row["batchnorm"], "1")
    same("what was not said is empty", row["dataset"], "")
    try:
        writer.row({"speed": 1})
        check("an unknown column is an error", False)
    except KeyError:
        check("an unknown column is an error", True)


def rates_agree(row, batch):
    """Whether samples per second and ns per step can be of the same windows of steps of `batch` rows each.

    Both are medians. Of an even number of windows each lies halfway between two, and the mean of two rates a / s and
    a / t is above the rate of their mean time m by m^2 / (m^2 - d^2), d = (t - s) / 2. No window is nearer to m than
    these two, so that d is at most the deviation (MAD): nothing on a quiet machine, much beside other work."""
    step, most = float(row["step_wall_ns_median"]), float(row["step_wall_ns_mad"]) + 0.5
    excess = float(row["samples_per_s"]) * step / (batch * 1e9)
    return excess > 1 - 1e-4 and excess * (1 - (min(most, step) / step) ** 2) < 1 + 1e-4


def test_protocol():
    same("median of an even number", protocol.median([4, 1, 3, 2]), 2.5)
    same("deviation", protocol.mad([1, 2, 3, 10]), 1)
    check("5th percentile", abs(protocol.percentile(list(range(21)), 0.05) - 1) < 1e-12)
    same("interval of 20: the 6th and 15th", protocol.median_interval(list(range(1, 21)), 0.95), (6, 15, True))
    same("interval of 5 is not known", protocol.median_interval([1, 2, 3, 4, 5], 0.95), (1, 5, False))

    steady = []
    windows, stop = protocol.measure(lambda n: steady.append(n) or (n * 1_000_000, 10 * n), protocol.Limits())
    counted = [w for w in windows if not w.warmup]
    same("a steady peer: precise", stop, "precise")
    check("windows of at least 50 ms count", all(w.ns >= 50_000_000 for w in counted))
    check("at least 20 and 2 s", len(counted) >= 20 and sum(w.ns for w in counted) >= 2e9, len(counted))
    check("three that agree end the warm-up", sum(w.ns >= 50_000_000 for w in windows if w.warmup) == 3)
    row = protocol.summarize(windows, stop)
    same("ns per step", row["step_wall_ns_median"], 1_000_000)
    check("samples per second", abs(row["samples_per_s"] - 10_000) < 1e-6, row["samples_per_s"])

    check("they agree", rates_agree(row, 10))
    for wrong in (9, 11):
        check(f"not for {wrong} rows in a step", not rates_agree(row, wrong))
    disturbed = [protocol.Window(10, ns * 10, 100, False) for ns in (1_000_000, 1_000_000, 4_000_000, 5_000_000)]
    row = protocol.summarize(disturbed, "time-cap")
    same("half of the windows disturbed: the mean of two rates", row["samples_per_s"], (10_000 + 2_500) / 2)
    check("is not the rate of the mean, and agrees", row["step_wall_ns_median"] == 2_500_000 and rates_agree(row, 10))
    check("up to a bound", not rates_agree(row, 6) and not rates_agree(row, 16))

    turn = iter(range(10**6))
    windows, stop = protocol.measure(lambda n: (n * (1 + next(turn) % 2) * 60_000_000, n), protocol.Limits())
    same("a restless peer: time cap", stop, "time-cap")
    warm = sum(w.ns for w in windows if w.warmup) * 1e-9
    check("the warm-up has a cap as well", 10 <= warm < 10.2, warm)
    try:
        protocol.measure(lambda n: (0, n), protocol.Limits())
        check("a clock that stands is an error", False)
    except protocol.ClockStands:
        check("a clock that stands is an error", True)


# --- the scripts without their libraries --------------------------------------------------------------------------------
def test_scripts(top):
    for file in sorted(PEERS.iterdir()):
        if file.suffix == ".py" or file.name == "alternate":
            first = file.read_text(encoding="utf-8").splitlines()[:2]
            check(f"{file.name}: a first line says what it is", any(s.startswith(f"# {file.name}: ") for s in first), first)
    for name, library in (("torch", "torch"), ("jax", "jax"), ("tinygrad", "tinygrad")):
        script = PEERS / f"{name}_peer.py"
        code, out, err = call(sys.executable, script, "size/mpl")
        same(f"{name}: an unknown case: exit 2", code, 2)
        check(f"{name}: it is named, with a suggestion", 'unknown case "size/mpl"; did you mean "size/mlp"?' in err, err)
        code, out, err = call(sys.executable, script)
        same(f"{name}: no case: exit 2", code, 2)
        absent = top / f"no-{library}"
        absent.mkdir()
        (absent / f"{library}.py").write_text("raise ImportError('hidden by the test')\n")
        code, out, err = call(sys.executable, script, "size/mlp", env={"PYTHONPATH": str(absent)})
        same(f"{name}: library absent: exit 77", code, 77)
        check(f"{name}: library absent: one line", len(err.splitlines()) == 1 and "not installed" in err and not out, err)


# --- alternate with stubs -------------------------------------------------------------------------------------------------
STUB = """#!{python}
# stub: notes how it was called, prints rows as regbench and the peers do
import os, sys
sys.path.insert(0, {peers!r})
import columns
here, side = {top!r}, {side!r}
with open(here + "/calls", "a") as log:
    log.write(side + " " + " ".join(sys.argv[1:]) + "\\n")
with open(here + "/calls") as log:
    turn = sum(line.startswith(side + " ") for line in log)
case = next(word for word in sys.argv[1:] if "/" in word)
row = dict(status="ok", case=case, samples_per_s=1.0 * {rates!r}[(turn - 1) % 3], threads=2, algo="good", batch_size=8,
           device_key=sys.argv[sys.argv.index("-d") + 1], commit=os.environ.get("STUB_COMMIT", "c1") if side == "regbench" else None,
           provider="own" if side == "regbench" else os.environ.get("STUB_VERSION", "torch 2.15"))
mode = os.environ.get("STUB_" + side.upper(), "")
if mode == "absent":
    print("library is not installed", file=sys.stderr)
    sys.exit(77)
if mode == "columns":
    print("a,b")
    print("1,2")
    sys.exit(0)
if mode.startswith("turn") and turn > int(mode[4:]):
    os.kill(os.getppid(), 9)
    sys.exit(1)
if mode == "sleeps":
    with open(here + "/sleeper", "w") as file:
        file.write(str(os.getpid()))
    import time
    time.sleep(60)
if mode == "killed":
    os.kill(os.getpid(), 9)
if mode == "fails":
    row.update(status="verify-failed", status_reason="wrong by 3", samples_per_s=None)
columns.Writer(sys.stdout).row(row)
sys.exit(3 if mode == "fails" else 0)
"""


def test_alternate(top):
    stubs = {}
    for side, rates in (("regbench", [300, 200, 100]), ("peer", [100, 100, 50])):
        stubs[side] = top / f"{side}_stub"
        stubs[side].write_text(STUB.format(python=sys.executable, peers=str(PEERS), top=str(top), side=side, rates=rates))
        stubs[side].chmod(0o755)
    (top / "aims.csv").write_text("case,batch,peer,aim\nsize/mlp,512,torch-eager,1.5\nsize/mlp,64,,9\n")
    turn = 0

    def alternate(*words, **env):
        nonlocal turn
        turn += 1
        (top / "calls").write_text("")
        folder = top / f"out{turn}"
        result = call(sys.executable, PEERS / "alternate", "--regbench", stubs["regbench"], "--peer-script", stubs["peer"],
                      "--python", sys.executable, "-t", 2, "-O", folder, *words, env=env)
        return (*result, (top / "calls").read_text().splitlines(), folder)

    code, out, err, calls, folder = alternate("size/mlp", "-n", 3, "-o", "csv", "--aim", top / "aims.csv")
    same("alternate: exit 0", code, 0)
    same("alternate: ABBA", [line.split()[0] for line in calls], ["regbench", "peer", "peer", "regbench", "regbench", "peer"])
    ours, theirs = [[line for line in calls if line.startswith(side)] for side in ("regbench", "peer")]
    check("alternate: verifies once", ["--verify quick" in s for s in ours] == [True, False, False] and
          all("--verify off" in s for s in ours[1:]), ours)
    check("alternate: one process per value, both with the same threads",
          all("bench size/mlp -t 2" in s and "-r 1 -o csv" in s for s in ours) and all("-t 2" in s for s in theirs), calls)
    check("alternate: the peer keeps its variant", ["--layout good" in s for s in theirs] == [False, True, True], theirs)
    row = table(out)[0] if table(out) else {}
    same("alternate: medians, their ratio, range of the pairs",
         [row.get(c) for c in ("regbench_samples_per_s", "peer_samples_per_s", "ratio", "ratio_min", "ratio_max")],
         ["200", "100", "2", "2", "3"])
    same("alternate: batch, aim", [row.get("batch"), row.get("aim")], ["512", "1.5"])
    rows = table((folder / "runs.csv").read_text())
    same("alternate: rows of both sides", [r["samples_per_s"] for r in rows], ["300", "100", "100", "200", "100", "50"])
    same("alternate: their columns", list(rows[0]), columns.header())
    same("alternate: ratios.csv is what was printed", (folder / "ratios.csv").read_text(), out)

    code, out, err, calls, folder = alternate("size/mlp,size/lenet", "-n", 1, "-B", 64, "-o", "md", "--aim", top / "aims.csv")
    check("alternate: -B goes to both sides", len(calls) == 4 and all("-B 64" in line for line in calls), calls)
    check("alternate: a table", out.startswith("| case") and len(out.splitlines()) == 4 and "| 9.000" in out, out)

    code, out, err, calls, folder = alternate("size/mlp", "-n", 1, "-d", "cuda", "--peer-device", "cuda:0", "--peer",
                                              "torch-graph-tf32", "--flags", "--submit eager --provider own")
    check("alternate: devices of both sides", code == 0 and "-d cuda -r 1" in calls[0] and "-d cuda:0" in calls[1], calls)
    check("alternate: the peer's mode", "--mode graph --tf32" in calls[1], calls)
    check("alternate: --flags are regbench's alone",
          "--submit eager --provider own" in calls[0] and "--submit" not in calls[1], calls)

    code, out, err, calls, folder = alternate("size/mlp", "-n", 2, STUB_PEER="absent")
    same("alternate: library absent: exit 77", code, 77)
    check("alternate: library absent: its line", "library is not installed" in err, err)
    code, out, err, calls, folder = alternate("size/mlp,size/lenet", "-n", 2, STUB_REGBENCH="fails")
    same("alternate: a failed check: exit 3", code, 3)
    check("alternate: a failed check: no ratio", all(not r["ratio"] and r["status"] == "failed" for r in table(out)), out)
    check("alternate: a failed check: the reason", "verify-failed: wrong by 3" in err, err)
    same("alternate: a failed check: the row stays, the next case goes on",
         [r["status"] for r in table((folder / "runs.csv").read_text())], ["verify-failed"] * 2)
    same("alternate: a side that dies: exit 4", alternate("size/mlp", STUB_PEER="killed")[0], 4)
    code, out, err, calls, folder = alternate("size/mlp", STUB_PEER="columns")
    check("alternate: other columns: exit 2", code == 2 and "columns" in err, err)
    code, out, err, calls, _ = alternate("size/mlp", "-O", folder)
    check("alternate: a folder with rows: exit 2", code == 2 and not calls and "already" in err, err)
    code, out, err, calls, folder = alternate("size/mpl")
    check("alternate: an unknown case: exit 2", code == 2 and not calls and 'did you mean "size/mlp"?' in err, err)
    code, out, err = call(sys.executable, PEERS / "alternate", "size/mlp", "--regbench", top / "nothing")
    check("alternate: no regbench: exit 2, how to build it", code == 2 and "cmake --preset release" in err, err)

    # Two devices: there and back through all three sides, one ratio each.
    code, out, err, calls, folder = alternate("size/mlp", "-n", 2, "-d", "cpu,opencl:0", "-o", "csv", "--machine", "m")
    same("alternate: two devices there and back", [(s.split()[0], s[s.index(" -d ") + 4:].split()[0]) for s in calls],
         [("regbench", "cpu"), ("regbench", "opencl:0"), ("peer", "cpu"), ("peer", "cpu"), ("regbench", "opencl:0"), ("regbench", "cpu")])
    same("alternate: a ratio per device", [(r["device"], r["regbench_samples_per_s"], r["ratio"], r["rounds"]) for r in table(out)],
         [("cpu", "300", "3", "2"), ("opencl:0", "150", "1.5", "2")])
    check("alternate: the machine's name goes to both sides", all("--machine m" in s for s in calls), calls)
    same("alternate: who else used the cores is noted", len((folder / "load.csv").read_text().splitlines()), 7)
    check("alternate: a device twice: exit 2", alternate("size/mlp", "-d", "cpu,cpu")[0] == 2)

    # Killed before the fourth value, half a line at the end: --resume measures what is missing and nothing else.
    code, out, err, calls, folder = alternate("size/mlp", "-n", 3, STUB_PEER="turn1", STUB_REGBENCH="turn2")
    check("alternate: killed", code == -9 and len(calls) == 3, (code, calls))
    with open(folder / "runs.csv", "a") as file:
        file.write("1,half a row")
    code, out, err, calls, _ = alternate("size/mlp", "-n", 3, "-O", folder)
    check("alternate: rows and no --resume: exit 2, nothing lost",
          code == 2 and not calls and len(table((folder / "runs.csv").read_text())) == 3, err)
    code, out, err, calls, _ = alternate("size/mlp", "-n", 3, "-O", folder, "--resume", "-o", "csv")
    same("alternate: resumed: what is missing", [s.split()[0] for s in calls], ["peer", "regbench", "regbench", "peer"])
    check("alternate: resumed: the peer keeps its variant, nothing is verified again",
          all("--layout good" in s for s in calls if s.startswith("peer")) and not any("quick" in s for s in calls), calls)
    rows = table((folder / "runs.csv").read_text())
    same("alternate: resumed: every value once", [(r["commit"], r["status"]) for r in rows],
         [("c1", "ok"), ("", "ok"), ("", "ok"), ("c1", "ok"), ("c1", "ok"), ("", "ok")])
    same("alternate: resumed: rounds", table(out)[0]["rounds"] if table(out) else err, "3")
    code, out, err, calls, _ = alternate("size/mlp", "-n", 3, "-O", folder, "--resume", "-o", "csv")
    check("alternate: resumed when done: the same table, no process", code == 0 and not calls and table(out)[0]["rounds"] == "3", err)
    code, out, err, calls, _ = alternate("size/mlp", "-n", 3, "-O", folder, "--resume", "--quick")
    check("alternate: resumed otherwise: exit 2, names the file", code == 2 and "settings.json" in err and not calls, err)
    code, out, err, calls, _ = alternate("size/mlp", "-n", 4, "-O", folder, "--resume", STUB_COMMIT="c2")
    check("alternate: resumed by another build: fails", code == 2 and "another build" in err, err)
    code, out, err, calls, _ = alternate("size/mlp", "-n", 5, "-O", folder, "--resume", STUB_VERSION="torch 2.16")
    check("alternate: resumed beside another version of the peer: fails",
          code == 2 and "another build (torch 2.15, now torch 2.16)" in err, err)
    code, out, err, calls, _ = alternate("size/mlp", "-n", 5, "-O", folder, "--resume", "-o", "csv")
    check("alternate: resumed as it was begun: goes on", code == 0 and len(calls) == 1 and table(out)[0]["rounds"] == "5", err)
    check("alternate: --resume without a folder: exit 2", call(sys.executable, PEERS / "alternate", "size/mlp", "--resume",
                                                               "--regbench", stubs["regbench"])[0] == 2)

    # Ended by a signal, it takes the process that it measures along.
    words = [sys.executable, PEERS / "alternate", "size/mlp", "--regbench", stubs["regbench"], "--peer-script", stubs["peer"],
             "--python", sys.executable, "-O", top / "ended"]
    child = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, env={**os.environ, "STUB_REGBENCH": "sleeps"})
    end = time.monotonic() + 60
    while time.monotonic() < end and not ((top / "sleeper").exists() and (top / "sleeper").read_text()):
        time.sleep(0.05)
    child.terminate()
    same("alternate: ended by a signal: exit 130", child.wait(), 130)
    stat = pathlib.Path("/proc", (top / "sleeper").read_text(), "stat")
    check("alternate: nothing is left behind", not stat.exists() or ") Z " in stat.read_text())  # a zombie runs no more

    # The real program takes the flags that it is given.
    (top / "calls").write_text("")
    code, out, err = call(sys.executable, PEERS / "alternate", "size/mlp", "-n", 1, "--quick", "-d", "reference", "--regbench",
                          REGBENCH, "--peer-script", stubs["peer"], "-O", top / "real", "-o", "csv")
    check("alternate with regbench itself", code == 0 and float(table(out)[0]["ratio"]) > 0, out + err)
    check("alternate: the reference's peer is the cpu", "-d cpu" in (top / "calls").read_text())


# --- a peer with its library ----------------------------------------------------------------------------------------------
def peer_of(name, case_name):
    """The peer as its script makes it, and the module."""
    os.environ["TRAINING"] = "1"  # tinygrad
    module = __import__(f"{name}_peer")
    kind = {"torch": "Torch", "jax": "Jax", "tinygrad": "Tinygrad"}[name]
    return getattr(module, kind)(module.parser.parse_args([case_name, "-t", "2"])), module


def small(case, rows):
    return dataclasses.replace(case, batch=4, train_size=rows)


def test_library(name):
    peer, _ = peer_of(name, "size/mlp")
    seen = set()
    for case in cases.TABLE:
        if case.model in seen or (name == "tinygrad" and case.model.startswith("ResNet")):
            continue  # a step of ResNet takes tinygrad minutes to compile
        seen.add(case.model)
        few = small(case, 6)  # a batch of 4 and one of 2
        for variant in peer.variants(few):
            trainer = peer.trainer(few, variant, cases.synthetic(few, 1))
            same(f"{case.model}, {variant}: parameters", trainer.n_params, cases.n_params(case))
            trainer.begin_epoch()
            trainer.submit(0, 2)
            trainer.wait()
            check(f"{case.model}, {variant}: a finite loss", 0 <= trainer.loss() < 100, trainer.loss())
    # Without momentum and at a rate at which every seed learns alike.
    case = dataclasses.replace(cases.find("animals/unregularized"), batch=64, train_size=1600, lr=0.01, momentum=0.0)
    data = cases.synthetic(case, 1)
    for variant in peer.variants(case):
        trainer = peer.trainer(case, variant, data)
        for _ in range(4):
            trainer.begin_epoch()
            trainer.submit(0, 25)
        trainer.wait()
        check(f"{case.model}, {variant}: learns", trainer.loss() < 0.7, trainer.loss())
    code, out, err = call(sys.executable, PEERS / f"{name}_peer.py", "trajectory/mlp-b256", "-B", 250, "--quick",
                          "-t", 2)  # every batch is whole: 60,000 = 240 * 250
    rows = table(out)
    check("a row", code == 0 and len(rows) == 1 and rows[0]["status"] == "ok", out + err)
    same("its columns", list(rows[0]) if rows else None, columns.header())
    if rows:
        same("threads", rows[0]["threads"], "2")
        check("windows and steps", int(rows[0]["windows"]) >= 1 and int(rows[0]["steps_timed"]) >= 1)
        check("samples/s and ns per step agree", rates_agree(rows[0], 250), rows[0])
        check("gflop_per_s", abs(float(rows[0]["gflop_per_s"]) / float(rows[0]["samples_per_s"]) -
                                 float(rows[0]["model_mflop_per_sample"]) / 1e3) < 1e-9)


class NoGraph:
    """torch.cuda as far as GraphTrainer uses it: a graph does over what was captured into it."""

    def __init__(self):
        self.replays, self.captured, self.kept, self.trainer, outer = 0, 0, [], None, self

        class CUDAGraph:
            def replay(graph):
                outer.replays += 1
                graph.work()

        self.CUDAGraph = CUDAGraph
        self.Stream = self.current_stream = lambda *_: self
        self.stream = lambda *_: contextlib.nullcontext()

    def wait_stream(self, other):
        pass

    def graph(self, graph):
        self.captured += 1
        self.kept.append(self.trainer.last)
        return contextlib.nullcontext()


def test_torch_graph():
    import torch

    code, out, err = call(sys.executable, PEERS / "torch_peer.py", "size/mlp", "--mode", "graph")
    check("a graph on the cpu: exit 2, one line that says why", code == 2 and not out and len(err.splitlines()) == 1 and
          "--mode graph is of CUDA alone: give -d cuda:0" in err, err)
    code, out, err = call(sys.executable, PEERS / "torch_peer.py", "size/mlp", "--tf32")
    check("TF32 on the cpu: exit 2", code == 2 and not out and "--tf32 is of CUDA alone" in err, err)
    code, out, err = call(sys.executable, PEERS / "torch_peer.py", "size/mlp", "-d", "cuda:0", "--tf32", "--bf16")
    check("two precisions: exit 2", code == 2 and not out and "give one of them" in err, err)
    if not torch.cuda.is_available():
        for flags in ((), ("--mode", "graph"), ("--mode", "compile", "--tf32"), ("--mode", "graph", "--bf16")):
            code, out, err = call(sys.executable, PEERS / "torch_peer.py", "size/mlp", "-d", "cuda:0", *flags)
            check(f"no CUDA device: {' '.join(flags)}: exit 77", code == 77 and "finds no CUDA device" in err, err)

    # The same steps, replayed: each batch's indices reach the graph of its size, and what was captured is a whole step.
    peer, module = peer_of("torch", "size/mlp")
    few = small(cases.find("size/mlp"), 22)  # five batches of 4 and one of 2
    data = cases.synthetic(few, 1)
    module.WARM_STEPS = 0  # they train as well
    fake, seen, trainers = NoGraph(), [], []
    for kind in (module.Trainer, module.GraphTrainer):
        torch.manual_seed(3)
        trainers.append(kind(peer, few, "nchw", data))
    eager, fake.trainer = trainers
    graphed = fake.trainer
    graphed.torch = types.SimpleNamespace(cuda=fake, randperm=torch.randperm)
    step, capture = module.Trainer.step, graphed.capture

    def capture_only(index):
        """While a stream captures nothing is done; what it captured is done by every replay."""
        module.Trainer.step = lambda self, static: setattr(self, "last", torch.zeros(()))
        static, graph, loss = capture(index)
        module.Trainer.step = step
        graph.work = lambda: (seen.append(static.tolist()), step(graphed, static))
        return static, graph, loss

    graphed.capture = capture_only
    for trainer in trainers:
        torch.manual_seed(4)
        for _ in range(2):
            trainer.begin_epoch()
            trainer.submit(0, 6)
    same("graphs: two sizes are captured once each, every step is a replay", (fake.captured, fake.replays), (2, 12))
    same("graphs: no loss of an earlier step keeps its part of autograd while a step is captured", fake.kept, [None, None])
    same("graphs: each batch by its own indices", [len(index) for index in seen], [4, 4, 4, 4, 4, 2] * 2)
    check("graphs: the parameters are those of eager steps",
          all(torch.equal(a, b) for a, b in zip(eager.model.parameters(), graphed.model.parameters())))


def test_torch_bf16():
    """Autocast: products in bfloat16, loss, parameters and gradients in float32. On the cpu, which has it too."""
    import torch

    peer, module = peer_of("torch", "size/lenet")
    peer.options.bf16 = True
    few = small(cases.find("size/lenet"), 8)
    trainer = module.Trainer(peer, few, "nchw", cases.synthetic(few, 1))
    types = []
    for layer in trainer.model:
        layer.register_forward_hook(lambda layer, given, result: types.append((type(layer).__name__, result.dtype)))
    trainer.begin_epoch()
    trainer.submit(0, 2)
    products = [dtype for name, dtype in types if name in ("Linear", "Conv2d")]
    check("bf16: products", len(products) == 10 and set(products) == {torch.bfloat16}, types)
    same("bf16: the loss", trainer.last.dtype, torch.float32)
    same("bf16: parameters and gradients", {v.dtype for p in trainer.parameters for v in (p, p.grad)}, {torch.float32})


def test_torch_fused():
    """The same updates by one kernel; a library without it says so, or goes on as before."""
    import torch

    _, module = peer_of("torch", "size/mlp")
    trained = []
    for flags in ((), ("--fused",)):
        options = module.parser.parse_args(["size/mlp", *flags])
        torch.manual_seed(3)
        owner = module.Torch(options)
        same(f"fused {flags}: the row", owner.provider.endswith(" fused"), bool(flags))
        same(f"fused {flags}: its name", owner.backend, "torch-eager-fused" if flags else "torch-eager")
        for optimizer in ("sgd", "adam"):
            few = small(dataclasses.replace(cases.find("size/mlp"), optimizer=optimizer, lr=0.01), 8)
            torch.manual_seed(4)
            trainer = module.Trainer(owner, few, "nchw", cases.synthetic(few, 1))
            same(f"fused {flags}: {optimizer}", bool(trainer.optimizer.defaults.get("fused")), bool(flags))
            trainer.begin_epoch()
            trainer.submit(0, 2)
            trained.append(torch.cat([p.detach().flatten() for p in trainer.parameters]))
    for k in range(2):
        check("fused: the same parameters", torch.allclose(trained[k], trained[2 + k], atol=1e-6), trained)
    adam = torch.optim.Adam

    def without(*given, fused=None, **named):
        if fused:
            raise RuntimeError("`fused=True` requires all the params to be floating point Tensors of supported devices")
        return adam(*given, **named)

    torch.optim.Adam = without
    try:
        module.Torch(options)
        check("fused: not there", False, "no failure")
    except module.peer.Absent as error:
        check("fused: not there", "no fused optimizers on cpu" in str(error), error)
    finally:
        torch.optim.Adam = adam


def test_torch_layout():
    import torch

    x = torch.rand(32, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    check("a batch of a channels-last set is channels last",
          x[torch.randperm(32)[:8]].is_contiguous(memory_format=torch.channels_last))
    peer, _ = peer_of("torch", "size/mlp")
    check("TF32 is off", torch.get_float32_matmul_precision() == "highest" and not torch.backends.cudnn.allow_tf32)
    same("threads as asked", torch.get_num_threads(), 2)


with contextlib.ExitStack() as stack:
    folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="regbench-peers-")))
    if PART == "plain":
        test_cases()
        test_header(folder)
        test_rows()
        test_protocol()
        test_scripts(folder)
        test_alternate(folder)
    else:
        test_library(PART)
        if PART == "torch":
            test_torch_layout()
            test_torch_graph()
            test_torch_bf16()
            test_torch_fused()
code = end()
sys.stderr.flush()
os._exit(code)  # not through the libraries' own farewells
