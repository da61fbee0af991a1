# protocol.py: regbench's sampling protocol (src/measure/windows.c, statistics.c) for the peers: windows of several steps
# are timed whole, first until they agree, then until their median is known well enough.
import dataclasses
import math


@dataclasses.dataclass
class Limits:  # rb_window_limits
    window_min_s: float = 0.05  # shortest window that counts
    warm_windows: int = 3  # so many in a row ...
    warm_spread: float = 0.01  # ... within this share of each other
    warm_cap_s: float = 10.0
    windows_min: int = 20
    measure_min_s: float = 2.0
    half_width: float = 0.01  # stop where the median's interval is +- this share of it
    confidence: float = 0.95
    measure_cap_s: float = 15.0
    steps_max: int = 1000000


def quick():
    """`regbench bench --quick`."""
    return Limits(window_min_s=0.02, warm_cap_s=1, windows_min=5, measure_min_s=0.3, half_width=0.02, measure_cap_s=3)


def glance():
    """To choose among variants: a few windows of each."""
    return Limits(warm_cap_s=0.5, windows_min=5, measure_min_s=0.3, half_width=0.05, measure_cap_s=0.6)


# --- statistics ---------------------------------------------------------------------------------------------------------
def percentile(values, q):
    s = sorted(values)
    position = q * (len(s) - 1)
    below = int(position)
    if below >= len(s) - 1:
        return s[-1]
    return s[below] + (position - below) * (s[below + 1] - s[below])


def median(values):
    return percentile(values, 0.5)


def mad(values):
    middle = median(values)
    return median([abs(x - middle) for x in values])


def median_interval(values, confidence):
    """(low, high, known): from the k-th smallest to the k-th largest; not known where n is too small for any k."""
    s, n, k, tail = sorted(values), len(values), 0, 0.0
    while k < n // 2:
        tail += math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))
        if 2 * tail > 1 - confidence:
            break
        k += 1
    return (s[k - 1], s[n - k], True) if k > 0 else (s[0], s[-1], False)


# --- windows ------------------------------------------------------------------------------------------------------------
@dataclasses.dataclass
class Window:
    steps: int
    ns: int
    rows: int
    warmup: bool

    @property
    def per_step(self):
        return self.ns / self.steps


class ClockStands(Exception):
    pass


def measure(run, limits):
    """run(n) does n steps and returns (ns, rows): how long they took until all was finished, and samples in them.
    Returns (windows, why it stopped)."""
    windows, steps, warm, warm_s, measured_s = [], 1, False, 0.0, 0.0
    while True:
        ns, rows = run(steps)
        enough = ns >= limits.window_min_s * 1e9
        if not enough and (steps >= limits.steps_max or (ns <= 0 and steps >= 64)):
            raise ClockStands(f"{steps} steps seem to take only {ns} ns: no time can be measured")
        # A window that turns out too short after warming does not count either.
        windows.append(Window(steps, ns, rows, not warm or not enough))
        if windows[-1].warmup:
            warm_s += ns * 1e-9
        else:
            measured_s += ns * 1e-9
        if not enough:
            factor = 1.2 * limits.window_min_s * 1e9 / ns if ns > 0 else 10
            steps = min(max(math.ceil(steps * min(factor, 10)), steps + 1), limits.steps_max)
        elif warm:
            values = [w.per_step for w in windows if not w.warmup]
            if len(values) >= limits.windows_min and measured_s >= limits.measure_min_s:
                low, high, known = median_interval(values, limits.confidence)
                if known and (high - low) / 2 <= limits.half_width * median(values):
                    return windows, "precise"
            if measured_s >= limits.measure_cap_s:
                return windows, "time-cap"
        else:
            newest = windows[-limits.warm_windows:]
            times = [w.per_step for w in newest]
            agree = (len(newest) == limits.warm_windows and all(w.ns >= limits.window_min_s * 1e9 for w in newest) and
                     max(times) - min(times) <= limits.warm_spread * min(times))
            warm = agree or warm_s >= limits.warm_cap_s


def summarize(windows, stop):
    """The columns of `runs` that describe the measurement."""
    counted = [w for w in windows if not w.warmup]
    steps = [w.per_step for w in counted]
    return {
        "windows": len(counted),
        "steps_timed": sum(w.steps for w in counted),
        "stop_reason": stop,
        "step_wall_ns_median": round(median(steps)),
        "step_wall_ns_mad": round(mad(steps)),
        "step_wall_ns_p05": round(percentile(steps, 0.05)),
        "step_wall_ns_p95": round(percentile(steps, 0.95)),
        "samples_per_s": median([w.rows * 1e9 / w.ns for w in counted]),
    }
