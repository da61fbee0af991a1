"""checks.py: what the tests in Python share: a check is a line, a failed one says what it saw."""
import csv
import io

failures = 0


def check(what, good, shown=""):
    global failures
    print(f"{'ok' if good else 'FAILED'}: {what}")
    if not good:
        failures += 1
        print(f"    {shown}".rstrip())


def same(what, got, wanted):
    check(what, got == wanted, f"{got!r}, not {wanted!r}")


def table(text):
    """Rows of a CSV text, as dictionaries."""
    return list(csv.DictReader(io.StringIO(text)))


def read_table(path):
    """The same of a file."""
    with open(path, encoding="utf-8", newline="") as file:
        return table(file.read())


def end():
    """Says how it went; the exit code."""
    print(f"{failures} checks failed" if failures else "all checks passed", flush=True)
    return 1 if failures else 0
