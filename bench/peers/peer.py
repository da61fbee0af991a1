# peer.py: what the peers share: command line, measurement, rows. A peer (torch_peer.py, ...) adds how its library builds
# a case and takes a step.
#
# A peer is a class with
#   backend            word of the column `backend`
#   variants(case)     names of the ways it knows, the best of which counts; one if there is no choice
#   trainer(case, variant, data): an object with
#     begin_epoch()          a new order of the training samples
#     submit(first, count)   steps first .. first+count-1 of the epoch, waiting for nothing that need not be waited for
#     wait()                 until all is finished
#     loss()                 of the last step, a float
#   provider, device_name, device_key, threads, submit_word, precision
import argparse
import datetime
import math
import os
import platform
import resource
import secrets
import sys
import time
import traceback

import cases
import columns
import protocol

EXIT_USAGE, EXIT_DIVERGED, EXIT_FAILED, EXIT_ABSENT = 2, 3, 4, 77


class Absent(Exception):
    """A library or device that is not here: one line, exit 77."""


class Wrong(Exception):
    """Options that do not go together: one line, exit 2."""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def usable_cpus():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_cpus(n):
    """For libraries that take their number of threads from the CPUs they see. Before they are imported."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n])


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def arguments(description, choice=None, values=()):
    parser = argparse.ArgumentParser(description=description, epilog="Prints CSV in the columns of regbench's runs.csv.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="as `regbench list` names them; --list shows them")
    parser.add_argument("-d", "--device", default="cpu", help="cpu, cuda:0, opencl:0 (default cpu)")
    parser.add_argument("-B", "--batch", type=positive, metavar="N", help="batch size (default: the case's own)")
    parser.add_argument("-t", "--threads", type=positive, default=usable_cpus(), metavar="N",
                        help="compute threads (default: all cores)")
    parser.add_argument("-s", "--seed", type=int, default=2021, metavar="N", help="(default 2021)")
    parser.add_argument("--machine", default=platform.node(), metavar="NAME", help="name of this machine in the rows")
    parser.add_argument("--quick", action="store_true", help="shorter sampling: a first impression, not a result")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    if choice:
        parser.add_argument(f"--{choice}", dest="choice", choices=["best", *values], default="best",
                            help="(default best: both are tried, the faster one is measured)")
    else:
        parser.set_defaults(choice="best")
    return parser


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def chosen_cases(options):
    import dataclasses

    names = [name for word in options.cases for name in word.split(",") if name]
    if not names:
        raise cases.UnknownCase("no case given; --list shows all")
    found = [cases.find(name) for name in names]
    return [dataclasses.replace(c, batch=options.batch) if options.batch else c for c in found]


# --- one case -----------------------------------------------------------------------------------------------------------
class Runner:
    """Drives a trainer through windows: whole steps, with all that a training loop does between them."""

    def __init__(self, trainer, case):
        self.trainer, self.n_train, self.batch = trainer, case.n_train, case.rows
        self.steps = -(-self.n_train // self.batch)
        self.at = self.steps  # the first step begins an epoch

    def window(self, n):
        rows, start = 0, time.perf_counter_ns()
        while n > 0:
            if self.at == self.steps:
                self.trainer.begin_epoch()
                self.at = 0
            now = min(n, self.steps - self.at)
            self.trainer.submit(self.at, now)
            rows += min((self.at + now) * self.batch, self.n_train) - self.at * self.batch
            self.at += now
            n -= now
        self.trainer.wait()
        return time.perf_counter_ns() - start, rows

    def prepare(self):
        """Every kind of step twice, off the clock: libraries compile by the shape, some at the second call."""
        for _ in range(2):
            self.trainer.begin_epoch()
            self.trainer.submit(0, 1)
            self.trainer.submit(self.steps - 1, 1)
            self.trainer.wait()
        self.at = self.steps


def measure(peer, case, data, options, row):
    best = None
    names = peer.variants(case) if options.choice == "best" else [options.choice]
    for name in names:
        start = time.perf_counter()
        trainer = peer.trainer(case, name, data)
        runner = Runner(trainer, case)
        built = time.perf_counter()
        runner.prepare()
        prepared = time.perf_counter()
        times = {"init_s": prepared - start, "kernel_compile_s": prepared - built}
        rate = 0.0
        if len(names) > 1:
            rate = protocol.summarize(*protocol.measure(runner.window, protocol.glance()))["samples_per_s"]
            say(f"{case.name}: {name}: about {rate:.4g} samples/s")
        if best is None or rate > best[0]:
            best = (rate, name, runner, times)
    _, name, runner, times = best
    del trainer
    row.update(times, algo=name)
    if runner.trainer.n_params != cases.n_params(case):
        raise RuntimeError(f"{case.name} has {cases.n_params(case)} parameters, this model {runner.trainer.n_params}")
    first = runner.trainer.loss()
    windows, stop = protocol.measure(runner.window, protocol.quick() if options.quick else protocol.Limits())
    row.update(protocol.summarize(windows, stop))
    row["gflop_per_s"] = row["samples_per_s"] * row["model_mflop_per_sample"] / 1e3
    last = runner.trainer.loss()
    if not math.isfinite(last):
        row.update(status="diverged", status_reason="the loss is no longer finite")
    say(f"{case.name} on {row['backend']}, {name}: {row['samples_per_s']:.6g} samples/s, loss {first:.4g} -> {last:.4g}")


def describe(peer, case, options):
    layers = case.layers
    drops = [p for p in _dropouts(layers)]
    words = [("l1", case.l1), ("l2", case.l2), ("weight-decay", case.weight_decay), ("dropout", drops),
             ("batchnorm", cases.has(layers, "batch_norm"))]
    return {
        "schema_version": columns.schema_version(), "status": "ok", "machine": options.machine,
        "started_utc": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "device": peer.device_name, "device_key": peer.device_key, "backend": peer.backend, "case": case.name,
        "dataset": "synthetic", "model": case.model, "n_params": cases.n_params(case), "n_train": case.n_train,
        "reg": " ".join(word for word, used in words if used) or None,
        "overrides": f"batch={options.batch}" if options.batch else None, "precision": getattr(peer, "precision", "fp32"),
        "provider": peer.provider, "submit": peer.submit_word, "threads": peer.threads, "ranks": 1,
        "batch_size": case.batch, "optimizer": case.optimizer, "lr": case.lr,
        "momentum": case.momentum if case.optimizer == "sgd" else None, "weight_decay": case.weight_decay,
        "l1": case.l1, "l2": case.l2, "dropout_p": max(drops, default=0.0),
        "batchnorm": cases.has(layers, "batch_norm"), "seed": options.seed, "phase": "bench",
        "model_mflop_per_sample": cases.mflop_per_sample(case), "verify": "off",
    }


def _dropouts(layers):
    for layer in layers:
        if layer.kind == "dropout":
            yield layer.value
        yield from _dropouts(layer.main + layer.shortcut)


# --- the program --------------------------------------------------------------------------------------------------------
def main(parser, load):
    """load(options) imports the library and returns a peer, or raises Absent. Never returns."""
    options = parser.parse_args()
    if options.list:
        print("\n".join(case.name for case in cases.TABLE))
        sys.exit(0)
    try:
        wanted = chosen_cases(options)
    except cases.UnknownCase as error:
        say(f"{parser.prog}: {error}")
        sys.exit(EXIT_USAGE)
    # stdout is data: whatever a library or its compiler prints goes to stderr.
    data_out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="")
    os.dup2(2, 1)
    try:
        peer = load(options)
    except (Absent, Wrong) as error:
        say(f"{parser.prog}: {error}")
        sys.exit(EXIT_ABSENT if isinstance(error, Absent) else EXIT_USAGE)
    session = secrets.token_hex(3)
    writer = columns.Writer(data_out)
    code = 0
    for i, case in enumerate(wanted):
        start = time.perf_counter()
        row = describe(peer, case, options)
        row.update(session_id=session, run_id=f"{session}-{i + 1:04}")
        try:
            measure(peer, case, cases.synthetic(case, options.seed), options, row)
        except KeyboardInterrupt:
            say(f"{parser.prog}: interrupted")
            sys.exit(130)
        except MemoryError as error:
            row.update(status="oom", status_reason=one_line(error))
        except Exception as error:  # a failing library is a row, and the next case goes on
            traceback.print_exc()
            memory = "OutOfMemory" in type(error).__name__  # each library has an error of its own
            row.update(status="oom" if memory else "device-error", status_reason=one_line(error))
        row["duration_s"] = time.perf_counter() - start
        row["mem_peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        writer.row(row)
        if row["status"] != "ok":
            code = code or (EXIT_DIVERGED if row["status"] == "diverged" else EXIT_FAILED)
    data_out.close()
    # Libraries with threads and caches of their own sometimes crash while Python ends; the rows are out.
    sys.stderr.flush()
    os._exit(code)


def one_line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
