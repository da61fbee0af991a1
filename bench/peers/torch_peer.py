#!/usr/bin/env python3
# torch_peer.py: the labs' cases in PyTorch, eager, compiled or as CUDA graphs, timed by regbench's protocol.
import cases
import peer

parser = peer.arguments("The labs' cases in PyTorch.", "layout", ("nchw", "channels_last"))
parser.add_argument("--mode", choices=("eager", "compile", "graph"), default="eager",
                    help="graph: a whole training step as one CUDA graph (default eager)")
parser.add_argument("--tf32", action="store_true", help="matrix products and convolutions in TF32: a row of its own")
parser.add_argument("--bf16", action="store_true", help="forward and loss under autocast to bfloat16: a row of its own")
parser.add_argument("--fused", action="store_true",
                    help="on the cpu the optimizer as one kernel, too: a row of its own; on CUDA it always is")
WARM_STEPS = 3  # on a stream of its own, before a graph is captured


class Torch:
    def __init__(self, options):
        try:
            import torch
        except ImportError as error:
            raise peer.Absent(f"PyTorch is not installed for this python3 (pip install torch numpy): {error}") from error
        self.torch, self.options = torch, options
        word = options.device.split(":")[0]
        if word not in ("cpu", "cuda"):
            raise peer.Absent(f'PyTorch has no device "{options.device}" here; it knows cpu and cuda:N')
        if options.tf32 and options.bf16:
            raise peer.Wrong("--tf32 and --bf16 are two precisions: give one of them")
        for flag, given in (("--mode graph", options.mode == "graph"), ("--tf32", options.tf32), ("--bf16", options.bf16)):
            if given and word != "cuda":
                raise peer.Wrong(f'{flag} is of CUDA alone: give -d cuda:0 instead of "{options.device}"')
        if word == "cuda" and not torch.cuda.is_available():
            raise peer.Absent("this PyTorch finds no CUDA device")
        self.device, self.on_cuda = torch.device(options.device), word == "cuda"
        if self.on_cuda:  # "cuda" is cuda:0; streams and graphs are made on the current device
            self.device = torch.device("cuda", self.device.index or 0)
            torch.cuda.set_device(self.device)
        torch.manual_seed(options.seed)
        torch.set_num_threads(options.threads)
        torch.set_float32_matmul_precision("high" if options.tf32 else "highest")
        torch.backends.cuda.matmul.allow_tf32 = options.tf32
        torch.backends.cudnn.allow_tf32 = options.tf32
        torch.backends.cudnn.benchmark = self.on_cuda  # its best: shapes are static, the search is off the clock
        self.precision = "tf32" if options.tf32 else "bf16" if options.bf16 else "fp32"
        self.fused = (self.on_cuda or options.fused) and self.can_fuse()
        if options.fused and not self.fused:
            raise peer.Absent(f"this PyTorch has no fused optimizers on {options.device}")
        self.backend = f"torch-{options.mode}" + "-fused" * (options.fused and not self.on_cuda)
        self.provider = f"torch {torch.__version__}" + (" fused" if self.fused else "")
        self.device_key = str(self.device)
        self.device_name = torch.cuda.get_device_name(self.device) if self.on_cuda else peer.cpu_name()
        self.threads = None if self.on_cuda else torch.get_num_threads()
        self.submit_word = "graph-step" if options.mode == "graph" else "eager" if self.on_cuda else "direct"

    def can_fuse(self):
        """Else the default: on CUDA a kernel per kind of operation (foreach), on the cpu a loop over the parameters."""
        weight = self.torch.ones(1, device=self.device, requires_grad=True)
        weight.grad = self.torch.ones_like(weight)
        try:
            for kind in (self.torch.optim.SGD, self.torch.optim.Adam):
                kind([weight], lr=0.1, fused=True).step()
        except (RuntimeError, TypeError):
            return False
        return True

    def variants(self, case):
        return ("nchw", "channels_last") if cases.has(case.layers, "conv") else ("nchw",)

    def trainer(self, case, variant, data):
        return (GraphTrainer if self.options.mode == "graph" else Trainer)(self, case, variant, data)


def build(torch, layers, shape):
    """A model as a user writes it: nn.Sequential, blocks with a skip as modules of their own."""
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self, main, shortcut):
            super().__init__()
            self.main, self.shortcut = main, shortcut

        def forward(self, x):
            return self.main(x) + self.shortcut(x)

    modules, flat = [], False
    at = cases.shapes(layers, shape)
    for layer, before in zip(layers, at):
        size = before[0] * before[1] * before[2]
        if layer.kind == "linear":
            modules += [] if flat else [nn.Flatten()]
            modules.append(nn.Linear(size, layer.units))
            flat = True
        elif layer.kind == "conv":
            modules.append(nn.Conv2d(before[0], layer.units, layer.kernel, layer.stride, layer.pad, bias=layer.bias))
        elif layer.kind == "batch_norm":
            modules.append(nn.BatchNorm1d(size) if flat else nn.BatchNorm2d(before[0]))
        elif layer.kind == "residual":
            modules.append(Residual(build(torch, layer.main, before), build(torch, layer.shortcut, before)))
        else:
            modules.append({"sigmoid": nn.Sigmoid, "relu": nn.ReLU, "max_pool": lambda: nn.MaxPool2d(layer.kernel),
                            "avg_pool": lambda: nn.AvgPool2d(layer.kernel), "dropout": lambda: nn.Dropout(layer.value),
                            "leaky_relu": lambda: nn.LeakyReLU(layer.value)}[layer.kind]())
    return nn.Sequential(*modules)


class Trainer:
    def __init__(self, owner, case, variant, data):
        torch = self.torch = owner.torch
        self.owner, self.batch, self.n = owner, case.rows, case.n_train
        memory = torch.channels_last if variant == "channels_last" else torch.contiguous_format
        self.x = torch.from_numpy(data[0]).to(owner.device).contiguous(memory_format=memory)
        self.y = torch.from_numpy(data[1]).to(owner.device)
        self.model = build(torch, case.layers, case.data.shape).to(owner.device, memory_format=memory)
        parameters = self.parameters = list(self.model.parameters())
        self.n_params = sum(p.numel() for p in parameters)
        ways = {"fused": True} if owner.fused else {}
        if case.optimizer == "adam":
            self.optimizer = torch.optim.Adam(parameters, lr=case.lr, capturable=owner.options.mode == "graph", **ways)
        else:
            self.optimizer = torch.optim.SGD(parameters, case.lr, case.momentum, weight_decay=case.weight_decay, **ways)
        model, F, l1, l2 = self.model, torch.nn.functional, case.l1, case.l2
        criterion = F.cross_entropy if case.data.classes else F.mse_loss

        def error(x, y):
            return criterion(model(x), y)

        def rounded_error(x, y):  # a weight is used once a step: nothing to keep, and a graph must not keep it
            with torch.autocast(owner.device.type, torch.bfloat16, cache_enabled=False):
                return criterion(model(x), y)

        of_batch = rounded_error if owner.options.bf16 else error

        def loss(x, y):
            value = of_batch(x, y)
            if l1:
                value = value + l1 * sum(p.abs().sum() for p in parameters)
            if l2:
                value = value + l2 * sum((p**2).sum() for p in parameters)
            return value

        # An epoch has steps of two sizes: each gets code of its own, as a static shape is the fastest.
        self.compute = torch.compile(loss, dynamic=False) if owner.options.mode == "compile" else loss

    def begin_epoch(self):
        self.order = self.torch.randperm(self.n, device=self.owner.device)

    def submit(self, first, count):
        for start in range(first * self.batch, (first + count) * self.batch, self.batch):
            self.step(self.order[start:start + self.batch])

    def step(self, index):
        self.optimizer.zero_grad(set_to_none=True)
        self.last = self.compute(self.x[index], self.y[index])
        self.last.backward()
        self.optimizer.step()

    def wait(self):
        if self.owner.on_cuda:
            self.torch.cuda.synchronize(self.owner.device)

    def loss(self):
        return self.last.item()


class GraphTrainer(Trainer):
    """A whole step, from the gather to the update, is captured once per size and replayed on the indices of the batch."""

    def __init__(self, *given):
        super().__init__(*given)
        self.graphs = {}  # by rows of the batch: its indices, the graph, the loss

    def step(self, index):
        if len(index) not in self.graphs:
            self.graphs[len(index)] = self.capture(index)
        static, graph, self.last = self.graphs[len(index)]
        static.copy_(index)
        graph.replay()

    def capture(self, index):
        cuda, static = self.torch.cuda, index.clone()
        aside = cuda.Stream(self.owner.device)
        aside.wait_stream(cuda.current_stream(self.owner.device))
        with cuda.stream(aside):
            for _ in range(WARM_STEPS):
                super().step(static)
        cuda.current_stream(self.owner.device).wait_stream(aside)
        self.optimizer.zero_grad(set_to_none=True)  # so that the gradients lie in the graph's own memory
        self.last = None  # a loss keeps autograd's nodes, which would pull the stream aside into the graph
        graph = cuda.CUDAGraph()
        with cuda.graph(graph):
            super().step(static)
        return static, graph, self.last.detach()


if __name__ == "__main__":
    peer.main(parser, Torch)
