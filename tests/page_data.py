"""page_data.py: made-up reports for test_page.py: every table of the page's data, in any size, with names that are not kind."""
import math

FIRST = ["lab", "case", "machine", "device_key"]
COLUMNS = {
    "sessions": "session_id dir machine started_utc commit dirty command runs ok failed".split(),
    "devices": "machine device_key backend device driver isa threads fma_gflop_per_s gemm_gflop_per_s triad_gbyte_per_s drifted".split(),
    "speeds": FIRST + ("backend device batch_size precision provider submit threads overrides mode n samples_per_s samples_per_s_low "
                       "samples_per_s_high interval step_ns gflop_per_s pct_peak_flops pct_roofline mem_peak_mib verify commit "
                       "workload_hash run_id repeat").split(),
    "compare": ("lab case kind across arm_a arm_b machine device_key batch_size precision provider overrides phase n_a n_b "
                "samples_per_s_a samples_per_s_b ratio ratio_low ratio_high q_value verdict reason more").split(),
    "outcomes": FIRST + ("overrides reg dataset model batch_size seeds epochs_run status val_acc_final val_acc_final_low "
                         "val_acc_final_high val_acc_best test_acc train_acc gap param_l2 duration_s commit run_id repeat").split(),
    "curves": FIRST + ("overrides seeds epoch train_s train_loss val_loss train_acc val_acc val_acc_low val_acc_high param_l2 lr").split(),
    "effects": "lab base arm reg machine device_key figure pairs base_mean arm_mean change low high verdict rank note".split(),
    "roofline": FIRST + "batch_size flop_per_byte gflop_per_s fma_gflop_per_s triad_gbyte_per_s".split(),
    "ops": FIRST + "batch_size op provider calls ns share_pct gflop_per_s gbyte_per_s run_id".split(),
    "history": FIRST + ("batch_size precision provider overrides workload_hash series changed started_utc commit session_id n failed "
                        "samples_per_s samples_per_s_low samples_per_s_high step_ratio step_p step").split(),
    "trials": ["lab", "study", "machine", "device_key"] + "seed strategy trial case parameters val_acc best_so_far test_acc status".split(),
    "attacks": FIRST + "attack split eps_255 n_steps temperature n accuracy loss n_fooled detector detector_tpr detector_fpr".split(),
    "tta": FIRST + "overrides target_value n reached epochs_to_target s_per_epoch tta_train_s tta_total_s".split(),
    "failures": FIRST + "status status_reason seed batch_size overrides phase run_id repeat".split(),
    "environment": "machine session_id key value".split(),
}


def document(tables=None, **other):
    """A report; tables: name to list of dicts. A name that is no column is a mistake of the test."""
    made = {"format": 1, "title": "made up", "generated_utc": "2026-11-30T12:00:00Z", "version": "0.1.0", "commit": "0123456789ab",
            "summary": ["Two sentences.", "This is the second."], "notes": ["A note."], **other}
    for name, columns in COLUMNS.items():
        rows = (tables or {}).get(name, [])
        for row in rows:
            assert set(row) <= set(columns), (name, set(row) - set(columns))
        made[name] = {"columns": columns, "meaning": ["what " + c + " means" for c in columns],
                      "rows": [[row.get(c) for c in columns] for row in rows]}
    return made


def cases(n):
    """lab/name, from three labs."""
    return [f"{('size', 'cnn', 'animals')[i % 3]}/case-{i:02d}" for i in range(n)]


def device_rows(machine, devices):
    return [{"machine": machine, "device_key": d, "backend": d.split(":")[0], "device": "Device " + d, "threads": 2, "drifted": 0,
             "fma_gflop_per_s": 400 * (i + 1), "gemm_gflop_per_s": 300 * (i + 1), "triad_gbyte_per_s": 50.5 * (i + 1)}
            for i, d in enumerate(devices)]


def rows_of(case, machine, device, i, j):
    """Rows of every table for one case (the i-th) on one device (the j-th)."""
    lab = case.split("/")[0]
    who = {"lab": lab, "case": case, "machine": machine, "device_key": device}
    speed = 1e4 * 3 ** (i % 5) * (1 + 0.4 * j)
    accuracy = 0.5 + 0.04 * (i % 8)
    rows = {
        "speeds": [{**who, "backend": device.split(":")[0], "device": "Device " + device, "batch_size": b, "precision": "fp32",
                    "provider": "own", "threads": 2, "mode": "train", "n": 7, "samples_per_s": speed * b / 256,
                    "samples_per_s_low": speed * b / 256 * 0.95, "samples_per_s_high": speed * b / 256 * 1.04, "interval": "95 %",
                    "step_ns": 123456, "gflop_per_s": 80 + 10 * i, "pct_peak_flops": 5 + 7 * (i % 9), "verify": "quick",
                    "commit": "0123456789ab", "run_id": f"r-{i}", "repeat": f"regbench bench {case} -d {device} -B {b}"}
                   for b in ((64, 256, 1024) if i == 0 else (256,))],
        "outcomes": [{**who, "reg": "l1" if i % 2 else None, "batch_size": 256, "seeds": 3, "epochs_run": 10, "status": "ok",
                      "val_acc_final": accuracy, "val_acc_final_low": accuracy - 0.03, "val_acc_final_high": accuracy + 0.02,
                      "train_acc": min(1, accuracy + 0.2), "gap": 0.2, "test_acc": accuracy - 0.01, "param_l2": 12.5,
                      "duration_s": 7.25, "repeat": f"regbench run {case} -s 1-3 -d {device}"}],
        "curves": [{**who, "seeds": 3, "epoch": e, "train_s": e * (0.5 + j), "train_loss": 2 / e, "val_loss": 2.2 / e + 0.02 * e,
                    "train_acc": 1 - 0.9 / e, "val_acc": accuracy * (1 - 0.8 / e), "val_acc_low": accuracy * (1 - 0.9 / e),
                    "val_acc_high": accuracy * (1 - 0.7 / e), "param_l2": 10 + e, "lr": 0.1} for e in range(1, 11)],
        "roofline": [{**who, "batch_size": 256, "flop_per_byte": 0.5 * 2 ** (i % 7), "gflop_per_s": 20 + 5 * i,
                      "fma_gflop_per_s": 400 * (j + 1), "triad_gbyte_per_s": 50.5 * (j + 1)}],
        "ops": [{**who, "batch_size": 256, "op": f"{k} {kind} {k}.{kind}", "provider": "own", "calls": 50, "ns": 1000 * share,
                 "share_pct": share, "gflop_per_s": 100.5} for k, (kind, share) in enumerate([("conv", 60), ("linear", 30), ("loss-ce", 10)])],
        "history": [{**who, "batch_size": 256, "precision": "fp32", "provider": "own", "series": 1, "commit": f"c{k}", "n": 7, "failed": 0,
                     "started_utc": f"2026-11-{k + 10}T10:00:00Z", "session_id": f"s{k}", "samples_per_s": speed * (1.3 if k > 1 else 1),
                     "samples_per_s_low": speed * 0.98, "samples_per_s_high": speed * 1.35,
                     **({"step": "faster, confirmed", "step_ratio": 1.3, "step_p": 0.001} if k == 2 and i == 0 else {})} for k in range(4)],
        "attacks": [{**who, "attack": attack, "split": "valid", "eps_255": e, "n_steps": 10, "temperature": 1, "n": 1000,
                     "accuracy": accuracy * math.exp(-e / 4)} for attack in ("fgsm", "pgd") for e in (0, 1, 2, 4, 8)] if lab == "animals" else [],
        "tta": [{**who, "target_value": 0.6, "n": 3, "reached": 3, "epochs_to_target": 4, "s_per_epoch": 0.5, "tta_train_s": 2.5 + i + j,
                 "tta_total_s": 3 + i + j}],
        "failures": [{**who, "status": "diverged", "status_reason": "loss is not finite", "seed": 3, "batch_size": 256, "phase": "run",
                      "run_id": f"f-{i}", "repeat": f"regbench run {case} -s 3 -d {device}"}] if i == 1 else [],
    }
    if i % 3 == 2:
        rows["effects"] = [{"lab": lab, "base": "animals/case-02", "arm": case, "reg": "l1", "machine": machine, "device_key": device,
                            "figure": figure, "pairs": 5, "base_mean": 0.4, "arm_mean": 0.42, "change": 0.02 * (i % 4 - 1),
                            "low": 0.02 * (i % 4 - 1) - 0.01, "high": 0.02 * (i % 4 - 1) + 0.01,
                            "verdict": ("lower", "unclear", "higher", "higher")[i % 4]} for figure in ("val_acc_final", "param_l2")]
        rows["trials"] = [{"lab": lab, "study": "animals/tune-" + strategy, "machine": machine, "device_key": device, "seed": seed,
                           "strategy": strategy, "trial": t, "case": f"animals/tune-{strategy}-{t}", "parameters": f"lr={t}",
                           "val_acc": 0.4 + 0.01 * t, "best_so_far": 0.4 + 0.01 * t, "status": "ok"}
                          for strategy in ("grid", "random") for seed in (1, 2) for t in range(1, 7)] if i == 2 else []
    if j:
        rows["compare"] = [{"lab": lab, "case": case, "kind": "same algorithm", "across": "device", "arm_a": "cpu", "arm_b": device,
                            "machine": machine, "device_key": "cpu / " + device, "batch_size": 256, "phase": "bench", "n_a": 7, "n_b": 7,
                            "samples_per_s_a": speed, "samples_per_s_b": speed * (1 + 0.4 * j), "ratio": 1 + 0.4 * j - 0.3 * (i % 4),
                            "ratio_low": 0.95 + 0.4 * j - 0.3 * (i % 4), "ratio_high": 1.06 + 0.4 * j - 0.3 * (i % 4), "q_value": 0.004,
                            "verdict": "faster" if i % 4 < 2 else "slower"}]
    return rows


def full(n_cases=6, devices=("cpu", "opencl:0", "cuda:0"), machines=("desk",), **other):
    """A report in which every table has rows."""
    tables = {name: [] for name in COLUMNS}
    for machine in machines:
        tables["devices"] += device_rows(machine, devices)
        tables["sessions"] += [{"session_id": f"s{k}-{machine}", "dir": f"results/{machine}/s{k}", "machine": machine, "commit": f"c{k}",
                                "started_utc": f"2026-11-{k + 10}T10:00:00Z", "dirty": 0, "runs": 20, "ok": 19, "failed": 1,
                                "command": "regbench bench 'size/*'"} for k in range(4)]
        tables["environment"] += [{"machine": machine, "session_id": "s0-" + machine, "key": f"fact_{k}", "value": f"value {k}"} for k in range(9)]
        for i, case in enumerate(cases(n_cases)):
            for j, device in enumerate(devices):
                for name, rows in rows_of(case, machine, device, i, j).items():
                    tables[name] += rows
    return document(tables, **other)


HOSTILE = ["<img src=x onerror=\"window.hacked=1\">", "</script><script>window.hacked=1</script>", "\"'`${window.hacked=1}`", "__proto__",
           "constructor", "a,b=c&d#e%41", "\u202egnp.exe \u0000\u2028\u2029", "W" * 500, "<!--", "&lt;b&gt;"]


def hostile():
    """Names of every kind that are markup, code, keys of objects, or endless."""
    doc = full(3)
    for name in COLUMNS:
        table = doc[name]
        for r, row in enumerate(table["rows"]):
            for c, value in enumerate(row):
                if isinstance(value, str) and table["columns"][c] not in ("started_utc", "figure", "attack"):
                    row[c] = HOSTILE[(r + c) % len(HOSTILE)]
    doc["title"], doc["summary"], doc["notes"] = HOSTILE[0], HOSTILE[:3], HOSTILE[7:]
    return doc
