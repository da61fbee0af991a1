# load.py: who else uses the cores: a comparison on a busy machine says nothing.
import os
import time


def _busy_ticks():
    """Ticks of all cores that were not idle; None where the system does not tell."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(x) for x in file.readline().split()[1:]]
    except (OSError, ValueError):
        return None
    return sum(fields[:8]) - fields[3] - fields[4]  # user .. steal, without idle and iowait


def _processes():
    ticks = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        ticks[int(pid)] = (name, int(rest[11]) + int(rest[12]))
    return ticks


def sample(seconds=0.5):
    """(cores in use during the next moment, the busiest other process in words); (None, "") where unknown. This process
    sleeps meanwhile, so whatever is busy is somebody else."""
    before = _busy_ticks()
    if before is None:
        return None, ""
    processes, start = _processes(), time.monotonic()
    time.sleep(seconds)
    lasted = (time.monotonic() - start) * os.sysconf("SC_CLK_TCK")
    cores = max(_busy_ticks() - before, 0) / lasted
    used = {pid: (ticks - processes.get(pid, ("", ticks))[1], name) for pid, (name, ticks) in _processes().items()}
    used.pop(os.getpid(), None)
    top = max(used.items(), key=lambda item: item[1], default=None)
    # Short-lived ones (a build) come and go unseen: a name only where it explains the load.
    words = f"{top[1][1]} (process {top[0]}) most" if top and top[1][0] > cores * lasted / 2 else ""
    return cores, words
