#!/usr/bin/env python3
# tinygrad_peer.py: the labs' cases in tinygrad (TinyJit), timed by regbench's protocol.
import os

import cases
import peer

parser = peer.arguments("The labs' cases in tinygrad. -d cpu is its CPU backend, -d opencl:N its CL backend.")
DEVICES = {"cpu": "CPU", "opencl": "CL", "cuda": "CUDA"}


def device_word(selector):
    word, _, index = selector.partition(":")
    name = DEVICES.get(word)
    return name and (f"{name}:{index}" if index.strip("0") else name)


class Tinygrad:
    backend = "tinygrad"

    def __init__(self, options):
        if not device_word(options.device):
            raise peer.Absent(f'tinygrad has no device "{options.device}"; this script knows {" ".join(DEVICES)}')
        try:
            import tinygrad
            from importlib.metadata import version
        except ImportError as error:
            raise peer.Absent(f"tinygrad is not installed for this python3 (pip install tinygrad numpy): {error}"
                              ) from error
        try:
            (tinygrad.Tensor([1.0]) + 1).tolist()
        except Exception as error:  # whatever its backend raises where compiler, driver or device is missing
            raise peer.Absent(f"tinygrad cannot use {device_word(options.device)}: {peer.one_line(error)}") from error
        self.tinygrad, self.options = tinygrad, options
        self.provider = f"tinygrad {version('tinygrad')} {device_word(options.device)}"
        self.device_key = options.device
        self.device_name = peer.cpu_name() if options.device == "cpu" else tinygrad.Device.DEFAULT
        self.threads = peer.usable_cpus() if options.device == "cpu" else None
        self.submit_word = "TinyJit"

    def variants(self, case):
        return ("nchw",)

    def trainer(self, case, variant, data):
        return Trainer(self.tinygrad, case, data)


def build(nn, layers, shape, held):
    """A list of callables; modules with parameters go to `held` too, where nn.state finds them."""
    steps, flat = [], False
    at = cases.shapes(layers, shape)
    for layer, before in zip(layers, at):
        size = before[0] * before[1] * before[2]
        module = None
        if layer.kind == "linear":
            if not flat:
                steps.append(lambda x: x.flatten(1))
            module, flat = nn.Linear(size, layer.units), True
        elif layer.kind == "conv":
            module = nn.Conv2d(before[0], layer.units, layer.kernel, layer.stride, layer.pad, bias=layer.bias)
        elif layer.kind == "batch_norm":
            module = nn.BatchNorm(before[0])
        elif layer.kind == "residual":
            main, shortcut = build(nn, layer.main, before, held), build(nn, layer.shortcut, before, held)
            steps.append(lambda x, m=main, s=shortcut: x.sequential(m) + (x.sequential(s) if s else x))
        else:
            k, v = layer.kernel, layer.value
            steps.append({"sigmoid": lambda x: x.sigmoid(), "relu": lambda x: x.relu(),
                          "leaky_relu": lambda x, v=v: x.leaky_relu(v), "dropout": lambda x, v=v: x.dropout(v),
                          "max_pool": lambda x, k=k: x.max_pool2d((k, k)),
                          "avg_pool": lambda x, k=k: x.avg_pool2d((k, k))}[layer.kind])
        if module:
            held.append(module)
            steps.append(module)
    return steps


class Trainer:
    def __init__(self, tinygrad, case, data):
        import numpy as np

        Tensor, nn = tinygrad.Tensor, tinygrad.nn
        self.tinygrad, self.n, self.batch = tinygrad, case.n_train, case.rows
        self.rng = np.random.default_rng(0)
        held = []
        layers = build(nn, case.layers, case.data.shape, held)
        parameters = self.parameters = nn.state.get_parameters([[m.weight, m.bias] for m in held])
        self.n_params = sum(p.numel() for p in parameters)
        if case.optimizer == "adam":
            optimizer = nn.optim.Adam(parameters, lr=case.lr)
        else:
            optimizer = nn.optim.SGD(parameters, case.lr, case.momentum, case.weight_decay)
        x, y = Tensor(data[0]).realize(), Tensor(data[1].astype(np.int32) if case.data.classes else data[1]).realize()

        def step(index):
            optimizer.zero_grad()
            out, truth = x[index].sequential(layers), y[index]
            loss = out.sparse_categorical_crossentropy(truth) if case.data.classes else (out - truth).square().mean()
            if case.l1:
                loss = loss + case.l1 * sum((p.abs().sum() for p in parameters), Tensor(0.0))
            if case.l2:
                loss = loss + case.l2 * sum((p.square().sum() for p in parameters), Tensor(0.0))
            loss.backward()
            return loss.realize(*optimizer.schedule_step())

        # The batch and the rest of an epoch: TinyJit keeps one shape.
        self.steps = {rows: tinygrad.TinyJit(step) for rows in {self.batch, self.n % self.batch or self.batch}}

    def begin_epoch(self):
        self.order = self.rng.permutation(self.n).astype("int32")

    def submit(self, first, count):
        for start in range(first * self.batch, (first + count) * self.batch, self.batch):
            index = self.tinygrad.Tensor(self.order[start:start + self.batch]).realize()
            self.last = self.steps[len(index)](index)

    def wait(self):
        self.tinygrad.Device[self.tinygrad.Device.DEFAULT].synchronize()

    def loss(self):
        return self.last.item()


if __name__ == "__main__":
    options = parser.parse_args()
    if device_word(options.device):
        os.environ["DEV"] = device_word(options.device)
    os.environ["TRAINING"] = "1"
    peer.limit_cpus(options.threads)
    os.environ.setdefault("CPU_COUNT", str(options.threads))
    os.environ.setdefault("POCL_MAX_PTHREAD_COUNT", str(options.threads))
    peer.main(parser, Tinygrad)
