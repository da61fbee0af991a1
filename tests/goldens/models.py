#!/usr/bin/env python3
"""models.csv: networks and settings drawn at random, trained for a few steps by PyTorch, for test_models.c.

usage: models.py > models.csv

Layers of every kind and shape that fit, residual blocks, both optimizers, penalties, splits, tails, a batch of one, of
more rows than there are. In float64 from parameters drawn in float32; `tol` is 10 times the largest distance of
PyTorch's own float32, at least 1e-5. Left out is what no tolerance holds for: batch norm under Adam or L1 (what is
before it has gradients of zero, whose rounding has a sign) or with small batches, L1 under Adam, and models that tol
passes 1e-3 for within three steps. Data: SplitMix64 from the model's number, pixels first, then labels (or targets).
"""
import random
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

MODELS, STEPS = 64, 8


def stream(seed, n):
    """n words of tests/support.h's stream."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def real(words):
    return (4 * ((words >> np.uint64(11)).astype(np.float64) / 9007199254740992.0) - 2).astype(np.float32)


class Pen:
    """Writes layers down, and what PyTorch needs to know of them."""

    def __init__(self, rng, shape):
        self.rng, self.shape, self.layers, self.tags = rng, shape, [], 0

    def add(self, kind, **values):
        self.layers.append({"kind": kind, "ins": self.shape[0], **values})

    def tag(self):
        if "tag" not in self.layers[-1]:
            self.layers[-1]["tag"] = f"t{self.tags}"
            self.tags += 1
        return self.layers[-1]["tag"]

    def act(self):
        kind = self.rng.choice(["relu", "sigmoid", "leaky-relu", None])
        if kind:
            self.add(kind, **({"slope": self.rng.choice([0.25, 0.5])} if kind == "leaky-relu" else {}))

    def conv(self, units, kernel, stride, pad, **values):
        _, h, w = self.shape
        if min(h, w) + 2 * pad < kernel:
            return False
        self.add("conv", units=units, kernel=kernel, stride=stride, pad=pad, no_bias=int(self.rng.random() < 0.4),
                 **values)
        self.shape = (units, (h + 2 * pad - kernel) // stride + 1, (w + 2 * pad - kernel) // stride + 1)
        return True

    def pool(self):
        c, h, w = self.shape
        kernel = self.rng.randint(1, min(4, h, w))
        stride = self.rng.choice([kernel, kernel, 1, 2, 3])
        self.add(self.rng.choice(["max-pool", "avg-pool"]), kernel=kernel, stride=stride)
        self.shape = (c, (h - kernel) // stride + 1, (w - kernel) // stride + 1)

    def residual(self, norm):
        before, first, stride = self.shape, self.tag(), self.rng.choice([1, 1, 2])
        units = self.rng.choice([before[0], 8])
        if not self.conv(units, 3, stride, 1):
            return
        self.act()
        if norm:
            self.add("batch-norm")
        if self.shape == before:
            self.add("add", **{"with": first})
            return
        main, self.shape = self.tag(), before
        self.conv(units, 1, stride, 0, **{"from": first})
        self.add("add", **{"with": main})


def draw(number):
    rng = random.Random(number)
    image, regression, norm = rng.random() < 0.75, rng.random() < 0.2, rng.random() < 0.4
    adam = not norm and rng.random() < 0.4
    rows, batch = rng.choice([16, 40] if norm else [2, 5, 17, 40]), rng.choice([8, 16] if norm else [1, 2, 7, 16, 33])
    c = {"C": rng.choice([1, 2, 3, 5, 16, 17]), "H": rng.randint(1, 13) if image else 1,
         "W": rng.randint(1, 13) if image else 1, "classes": rng.choice([1, 3, 17] if regression else [2, 3, 10, 17]),
         "regression": int(regression), "rows": rows, "test": rng.choice([1, 3, 20]), "batch": batch, "epochs": 3,
         "order": int(rng.random() < 0.3), "seed": rng.randint(0, 2**40), "adam": int(adam),
         "lr": rng.choice([0.0078125, 0.03125] if adam else [0.03125, 0.125]),
         "momentum": 0 if adam else rng.choice([0, 0.5, 0.875]), "decay": rng.choice([0, 0, 0.03125]),
         "l1": 0 if adam or norm else rng.choice([0, 0, 0.0078125]), "l2": rng.choice([0, 0, 0.0078125]),
         "temperature": 1 if regression else rng.choice([1, 1, 1, 4]), "train": rows, "valid": 0}
    if rows > 3 and not norm and rng.random() < 0.4:
        c["train"] = rng.randint(1, rows - 2)
        c["valid"] = rng.randint(1, rows - c["train"])
    pen = Pen(rng, (c["C"], c["H"], c["W"]))
    for _ in range(rng.randint(1, 4) if image else 0):
        kind = rng.choice(["conv", "conv", "pool", "pool", "norm", "residual"])
        if kind == "conv":
            kernel = rng.choice([1, 2, 3, 4, 5, 7])
            pen.conv(rng.choice([1, 3, 5, 16, 17]), kernel, rng.choice([1, 1, 2, 3]), rng.randint(0, kernel - 1))
        elif kind == "pool":
            pen.pool()
        elif kind == "norm" and norm:
            pen.add("batch-norm")
        elif kind == "residual" and pen.layers:
            pen.residual(norm)
        pen.act()
    for units in [rng.choice([1, 2, 8, 16, 33]) for _ in range(rng.randint(0, 2))] + [c["classes"]]:
        pen.shape = (int(np.prod(pen.shape)), 1, 1)
        pen.add("linear", units=units, no_bias=int(rng.random() < 0.2))
        pen.shape = (units, 1, 1)
        if units != c["classes"]:
            pen.act()
            if norm and rng.random() < 0.4:
                pen.add("batch-norm")
    return c, pen.layers


def module(d):
    kind = d["kind"]
    if kind == "linear":
        return nn.Linear(d["ins"], d["units"], bias=not d["no_bias"])
    if kind == "conv":
        return nn.Conv2d(d["ins"], d["units"], d["kernel"], d["stride"], d["pad"], bias=not d["no_bias"])
    if kind == "batch-norm":
        return nn.BatchNorm2d(d["ins"])
    if kind in ("max-pool", "avg-pool"):
        return (nn.MaxPool2d if kind == "max-pool" else nn.AvgPool2d)(d["kernel"], d["stride"])
    return {"relu": nn.ReLU(), "sigmoid": nn.Sigmoid(), "leaky-relu": nn.LeakyReLU(d.get("slope", 0)),
            "add": nn.Identity()}[kind]


class Net(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers, self.parts = layers, nn.ModuleList(module(d) for d in layers)

    def forward(self, x):
        tags = {}
        for d, part in zip(self.layers, self.parts):
            if "from" in d:
                x = tags[d["from"]]
            if d["kind"] == "linear":
                x = part(x.flatten(1))[:, :, None, None]
            else:
                x = x + tags[d["with"]] if d["kind"] == "add" else part(x)
            if "tag" in d:
                tags[d["tag"]] = x
        return x.flatten(1)


def norm(tensors):
    return torch.sqrt(sum((t.detach().double() ** 2).sum() for t in tensors)).item()


def train(number, c, layers, dtype):
    """Rows (loss, norm of parameters, norm of gradients, validation loss after an epoch's last step or None)."""
    rows, pixels = c["rows"] + c["test"], c["C"] * c["H"] * c["W"]
    words = stream(number, rows * (pixels + (c["classes"] if c["regression"] else 1)))
    x, y = words[: rows * pixels], words[rows * pixels:]
    if c["regression"]:
        x, y = torch.from_numpy(real(x)).to(dtype), torch.from_numpy(real(y)).to(dtype).reshape(rows, -1)
    else:
        x = (torch.from_numpy((x % np.uint64(256)).astype(np.int64)).to(dtype) / 255 - 0.5) / 0.25
        y = torch.from_numpy((y % np.uint64(c["classes"])).astype(np.int64))
    x, train_rows, valid_rows = x.reshape(rows, c["C"], c["H"], c["W"]), torch.arange(c["rows"]), None
    valid_rows = torch.arange(c["rows"], rows)
    if c["valid"]:
        split = torch.randperm(c["rows"], generator=torch.Generator().manual_seed(c["seed"]))
        train_rows, valid_rows = split[: c["train"]], split[c["train"]: c["train"] + c["valid"]]
    torch.manual_seed(c["seed"])
    net = Net(layers).to(dtype)
    parameters = list(net.parameters())
    kind, extra = (torch.optim.Adam, {}) if c["adam"] else (torch.optim.SGD, {"momentum": c["momentum"]})
    optimizer = kind(parameters, lr=c["lr"], weight_decay=c["decay"], **extra)

    def loss_of(rows, temperature=1):
        z = net(x[rows])
        return F.mse_loss(z, y[rows]) if c["regression"] else F.cross_entropy(z / temperature, y[rows])

    out = [[None, norm(parameters), None, None]]
    for _ in range(c["epochs"]):
        order = torch.arange(c["train"])
        if not c["order"]:  # as a DataLoader draws
            torch.empty((), dtype=torch.int64).random_()
            seed = int(torch.empty((), dtype=torch.int64).random_())
            order = torch.randperm(c["train"], generator=torch.Generator().manual_seed(seed))
        net.train()
        for at in range(0, c["train"], c["batch"]):
            loss = loss_of(train_rows[order[at: at + c["batch"]]], c["temperature"])
            whole = loss + c["l1"] * sum(p.abs().sum() for p in parameters)
            whole = whole + c["l2"] * sum((p ** 2).sum() for p in parameters)
            optimizer.zero_grad()
            whole.backward()
            gradient = norm(p.grad for p in parameters)
            optimizer.step()
            out.append([loss.item(), norm(parameters), gradient, None])
        net.eval()
        with torch.no_grad():
            out[-1][3] = loss_of(valid_rows).item()
    return out


def text_of(c, layers):
    words = [" ".join(f"{k}={v}" for k, v in c.items())]
    words += [" ".join([d["kind"]] + [f"{k}={v}" for k, v in d.items() if k not in ("kind", "ins")]) for d in layers]
    return "; ".join(words)


def distance(a, b):
    return max((abs(p - q) / max(abs(q), 1e-3) for p, q in zip(a, b) if q is not None), default=0)


def main():
    print("model,text,step,loss,param_l2,grad_l2,valid_loss,tol")
    done, number = 0, 0
    while done < MODELS:
        number += 1
        c, layers = draw(number)
        exact, single = (train(number, c, layers, dtype) for dtype in (torch.float64, torch.float32))
        lines, worst = [], 0.0
        for step in range(min(STEPS + 1, len(exact))):
            worst = max(worst, distance(single[step], exact[step]))
            tol = max(1e-5, 10 * worst)
            if not tol <= 1e-3:
                break
            values = ["" if v is None else f"{v:.9g}" for v in exact[step]]
            lines.append(f"{number},{'' if step else text_of(c, layers)},{step},{','.join(values)},{tol:.2g}")
        if len(lines) < 4:
            print(f"left out: {text_of(c, layers)}", file=sys.stderr)
            continue
        print("\n".join(lines))
        done += 1


main()
