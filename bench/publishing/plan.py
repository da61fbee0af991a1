# plan.py: what a published set consists of, in order of worth, and how long each item takes.
import csv
import dataclasses
import io
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "peers"))

import cases as peer_cases  # noqa: E402
import protocol  # noqa: E402

# What README.md shows, the most telling first; (case, batch), None: the case's own.
HEADLINE = (("size/mlp", None), ("size/lenet", None), ("cnn/mnist", None), ("trajectory/mlp-b256", None), ("tricks/cnn", None),
            ("size/deep-mlp", None), ("tricks/cnn-batchnorm", None), ("animals/no-augment", None),
            ("trajectory/batchnorm-dropout", None), ("toy/regression", None), ("cnn/cifar", 256), ("tricks/resnet-skip", None))
SLOW_S, SLOW_ROUNDS = 45, 3  # of one process; then so many processes have to do

# name: cases, further words of `regbench run`. Small networks: one thread, six seeds.
REGULARIZERS = (
    ("animals-penalties", "animals/unregularized animals/l1 animals/l2 animals/l1l2 animals/no-dropout animals/dropout", ""),
    ("animals-penalties-100", "animals/unregularized", "--train-size 100"),
    ("trajectory", "trajectory/mlp-b256 trajectory/weight-decay trajectory/l1 trajectory/batchnorm trajectory/batchnorm-dropout",
     "--layers"),
    ("animals-images", "animals/no-augment animals/augment animals/augment-crop-rotate", ""),
    ("animals-labels", "animals/random-labels animals/partially-random-labels", ""),
    ("animals-rates", "animals/lr-0.0005 animals/lr-0.001 animals/lr-0.005", ""),
    ("early-stop", "trajectory/early-stop trajectory/early-stop-gl trajectory/early-stop-pq trajectory/early-stop-up", ""),
    ("animals-rates-full", "animals/lr-full-0.0005 animals/lr-full-0.001 animals/lr-full-0.005", ""),
)
STORIES = (
    ("size", "size/mlp size/lenet size/deep-mlp", ""),
    ("rates", "tricks/lr0.001 tricks/lr0.9 tricks/lr0.001-momentum", ""),
    ("cnn", "cnn/mnist cnn/mnist-lr0.001 cnn/mnist-momentum cnn/cifar cnn/cifar-momentum", ""),
    ("toy", "toy/regression toy/regression-dropout", ""),
    ("batchnorm", "tricks/cnn tricks/cnn-batchnorm tricks/cnn-batchnorm-lr0.05", ""),
)
SEEDS = 6
STAGES = ("facts", "noise", "speeds", "peaks", "profile", "regularizers", "stories", "more")


@dataclasses.dataclass
class Item:
    stage: str
    name: str  # also its folder's
    command: list
    seconds: float
    rounds: int = 0
    peer: bool = False  # its folder is one of alternate
    output: str = ""  # file for what it prints, where the command has no session
    fresh: bool = False  # begins anew where it was cut off: the command knows no --resume
    note: str = ""


class Trouble(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def ask(command):
    """What a command of regbench prints as CSV."""
    try:
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
    except OSError as error:
        raise Trouble(2, f"cannot run {command[0]}: {error}") from error
    if done.returncode:
        raise Trouble(done.returncode, f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return list(csv.DictReader(io.StringIO(done.stdout)))


# --- how long -------------------------------------------------------------------------------------------------------------
def known_rates():
    """(backend, case): median seconds per sample, from the sets that were published before."""
    found = {}
    for path in sorted(ROOT.glob("results/published/**/runs*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("phase") == "bench" and row.get("status") == "ok" and row.get("samples_per_s"):
                    found.setdefault((row["backend"], row["case"]), []).append(1 / float(row["samples_per_s"]))
    return {key: statistics.median(values) for key, values in found.items()}


class Clock:
    """Estimates, for a machine like those of the published sets; `bench/publish` corrects them by what it sees."""

    GUESS = 50e9  # floating-point operations per second where nothing is known

    def __init__(self, listed, quick):
        self.known, self.listed, self.quick = known_rates(), listed, quick

    def step(self, backend, case, batch):
        """Seconds of one."""
        row = self.listed[case]
        each = (self.known.get((backend, case)) or self.known.get(("cpu", case)) or
                float(row["model_mflop_per_sample"] or 1) * 1e6 / self.GUESS)
        return each * (batch or int(row["batch_size"]))

    def process(self, backend, case, batch, peer):
        """One process of `bench`: start and data, peaks or trial of variants, warm-up, windows."""
        limits = protocol.quick() if self.quick else protocol.Limits()
        step = self.step(backend, case, batch)
        window = max(limits.window_min_s, step)
        warm = min(max(5 * window, 0.4), limits.warm_cap_s + window)
        timed = min(max(limits.windows_min * window, 1.3 * limits.measure_min_s), limits.measure_cap_s + window)
        if not peer:
            peaks = 2 * (0.3 if self.quick else 1.0)
            return 0.6 + (0.5 if backend != "cpu" else 0) + peaks + warm + timed
        start = 3.5 + 8 * step  # the interpreter, the library, data; first and last batch twice
        if step > 0.01:  # eager convolutions seldom settle: the caps decide
            warm, timed = limits.warm_cap_s + window, limits.measure_cap_s + window
        return start + warm + timed

    def run(self, case, seeds, threads):
        """Training with its evaluations, `seeds` times."""
        row = self.listed[case]
        rate = int(row["batch_size"]) / self.step("cpu", case, None)
        samples = int(row["n_train"]) * int(row["epochs"])
        once = 0.8 + 1.25 * samples / rate * (1.6 if threads == 1 else 1) + 0.003 * int(row["epochs"])
        return seeds * once


# --- what -----------------------------------------------------------------------------------------------------------------
class Planner:
    def __init__(self, options, work):
        self.o, self.work = options, work
        self.devices = self.find_devices()
        self.listed = {row["case"]: row for row in ask([options.regbench, "list", "-o", "csv"]) if not row["runs"]}
        self.clock = Clock(self.listed, options.quick)
        self.data = ["--data", options.data] if options.data else []
        self.threads = ["-t", options.threads] if options.threads else []
        self.machine = ["--machine", options.machine]

    def find_devices(self):
        words = ["-d", self.o.device] if self.o.device else []
        rows = ask([self.o.regbench, "devices", *words, "-o", "csv"])
        rows = [row for row in rows if row["backend"] != "reference"]
        if not rows:
            raise Trouble(77, "no device here")
        return rows

    def sittings(self):
        """Devices that are compared in one rotation, and the device of the peer: processors, then accelerators."""
        kinds = {}
        for row in self.devices:
            kinds.setdefault(row["type"] == "cpu", []).append(row["device_key"])
        for is_cpu, keys in sorted(kinds.items(), reverse=True):
            on = "cpu" if is_cpu else next((key for key in keys if key.startswith("cuda")), None)
            yield keys, on if self.o.python else None

    def folder(self, stage, name):
        return self.work / stage / name

    def speed(self, stage, case, batch):
        for k, (keys, peer_device) in enumerate(self.sittings()):
            backends = [key.split(":")[0] for key in keys]
            with_peer = peer_device and any(case == c.name for c in peer_cases.TABLE)
            each = [self.clock.process(backend, case, batch, False) for backend in backends]
            if with_peer:
                each.append(self.clock.process(self.o.peer, case, batch, True))
            rounds = self.o.rounds if max(each) <= SLOW_S else min(self.o.rounds, SLOW_ROUNDS)
            name = case.replace("/", "-") + (f"-b{batch}" if batch else "") + (f"-{backends[0]}" if k else "")
            common = ["-d", ",".join(keys), *(["-B", batch] if batch else []), *self.threads,
                      *(["--quick"] if self.o.quick else []), *self.machine, *self.data, "-O", self.folder(stage, name),
                      "--resume", "-o", "csv"]
            if with_peer:
                command = [sys.executable, ROOT / "bench" / "peers" / "alternate", case, "-n", rounds, "--peer", self.o.peer,
                           "--peer-device", peer_device, "--python", self.o.python, "--regbench", self.o.regbench, *common]
            else:
                command = [self.o.regbench, "bench", case, "-r", rounds, *common]
            first = 5.0 * sum(backend != "cpu" for backend in backends)  # kernels are compiled, once
            sides = ", ".join([*keys, *([self.o.peer] if with_peer else [])])
            yield Item(stage, name, command, rounds * (sum(each) + 0.3 * len(each)) + first, rounds, bool(with_peer),
                       note=f"{rounds} x {sides}")

    def profile(self, case, batch):
        keys = [row["device_key"] for row in self.devices]
        name = case.replace("/", "-")
        seconds = sum(1 + self.clock.process(key.split(":")[0], case, batch, False) + 100 * self.clock.step(
            key.split(":")[0], case, batch) for key in keys)  # at most 50 steps, each op by itself
        return Item("profile", name, [self.o.regbench, "bench", case, "-r", 1, "--profile", "-d", ",".join(keys),
                                     *(["-B", batch] if batch else []), *self.threads, *(["--quick"] if self.o.quick else []),
                                     *self.machine, *self.data, "-O", self.folder("profile", name), "--resume", "-o", "csv"],
                   seconds, 1)

    def run(self, stage, name, words, more, seeds, threads):
        names = [case for case in words.split() if self.wanted(case)]
        if not names:
            return
        seconds = sum(self.clock.run(case, seeds, threads) for case in names)
        yield Item(stage, name, [self.o.regbench, "run", *names, *more.split(), "-d", self.devices[0]["device_key"],
                                 *(["-s", f"1-{seeds}"] if seeds > 1 else []), *(["-t", threads] if threads else self.threads),
                                 "--no-plots", *self.machine, *self.data, "-O", self.folder(stage, name),
                                 "--resume", "-o", "csv"], seconds, seeds)

    def wanted(self, case):
        return not self.o.cases or any(pathlib.PurePath(case).match(glob) for glob in self.o.cases)

    def items(self):
        """All, in order of worth."""
        o, keys = self.o, ",".join(row["device_key"] for row in self.devices)
        on, headline = ["-d", keys], [(c, b) for c, b in HEADLINE if self.wanted(c)]
        yield Item("facts", "devices", [o.regbench, "devices", *on, "-v", "-o", "csv"], 2, output="devices.csv")
        if o.aa:
            yield Item("noise", "aa", [o.regbench, "doctor", "--aa", *on, "-r", o.aa, *self.threads, *self.machine, *self.data,
                                       "-O", self.folder("noise", "aa"), "-o", "csv"],
                       sum(2 * o.aa * 2.2 for _ in self.devices) + 3, output="doctor.csv", fresh=True)
        else:
            yield Item("facts", "doctor", [o.regbench, "doctor", *on, *self.data, "-o", "csv"], 3, output="doctor.csv")
        for case, batch in headline:
            yield from self.speed("speeds", case, batch)
        yield Item("peaks", "peaks", [o.regbench, "peak", *on, *self.threads, "-o", "csv"], 6 * len(self.devices),
                   output="peaks.csv")
        profiles = [self.profile(case, batch) for case, batch in headline]
        yield from (item for item in profiles if item.seconds <= 2 * SLOW_S)
        for name, words, more in REGULARIZERS:
            yield from self.run("regularizers", name, words, more, SEEDS, 1)
        for name, words, more in STORIES:
            yield from self.run("stories", name, words, more, 1, None)
        yield from (item for item in profiles if item.seconds > 2 * SLOW_S)
        rest = [case for case in self.listed if case not in {c for c, b in HEADLINE if not b} and self.wanted(case)]
        for case in sorted(rest, key=lambda c: self.clock.step("cpu", c, None)):
            yield from self.speed("more", case, None)


def choose(items, minutes, done, factor=1.0):
    """(chosen, left out): in order of worth as long as time lasts; an item that does not fit makes room for later ones."""
    chosen, left, seconds = [], [], 0.0
    for item in items:
        cost = 0 if (item.stage, item.name) in done else item.seconds * factor
        if minutes and seconds + cost > 60 * minutes:
            left.append(item)
        else:
            chosen.append(item)
            seconds += cost
    return chosen, left
