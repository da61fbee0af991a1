# columns.py: rows in the columns of regbench's tables, read from include/regbench/columns.def, where alone they are listed.
import csv
import math
import pathlib
import re

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include" / "regbench"


def header(table="runs"):
    text = (INCLUDE / "columns.def").read_text(encoding="utf-8")
    found = re.findall(r"^RB_COLUMN\(\s*(\w+)\s*,\s*(\w+)\s*,", text, re.MULTILINE)
    names = [column for owner, column in found if owner == table]
    if not names:
        raise RuntimeError(f"{INCLUDE / 'columns.def'} lists no column of {table}")
    return names


def schema_version():
    found = re.search(r"RB_SCHEMA_VERSION\s*=\s*(\d+)", (INCLUDE / "report.h").read_text(encoding="utf-8"))
    if not found:
        raise RuntimeError(f"{INCLUDE / 'report.h'} names no RB_SCHEMA_VERSION")
    return int(found.group(1))


def cell(value):
    """As regbench writes it: %.9g, empty where it does not apply or is not finite."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.9g}" if math.isfinite(value) else ""
    return str(value)


class Writer:
    """A header, then a row at a time, each flushed; a column that the table lacks is an error."""

    def __init__(self, to, table="runs"):
        self.columns = header(table)
        self.to = to
        self.csv = csv.writer(to, lineterminator="\n")
        self.csv.writerow(self.columns)
        to.flush()

    def row(self, values):
        unknown = set(values) - set(self.columns)
        if unknown:
            raise KeyError(f"no such column: {' '.join(sorted(unknown))}")
        self.csv.writerow([cell(values.get(column)) for column in self.columns])
        self.to.flush()
