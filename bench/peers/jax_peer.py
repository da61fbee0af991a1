#!/usr/bin/env python3
# jax_peer.py: the labs' cases in JAX (jit), timed by regbench's protocol.
#
# Images are NHWC. Where a pool's windows tile the image it is a reshape and a maximum: the gradient of reduce_window
# took 4 times as long on the CPU where we tried. Variants: `step`, one jitted call per step; `scan`, calls of 16 steps by lax.scan where possible.
import os

import cases
import peer

parser = peer.arguments("The labs' cases in JAX.", "submit", ("step", "scan"))
SCAN = 16


class Jax:
    backend = "jax"

    def __init__(self, options):
        try:
            import jax
        except ImportError as error:
            raise peer.Absent(f"JAX is not installed for this python3 (pip install jax numpy): {error}") from error
        word, _, index = options.device.partition(":")
        if word not in ("cpu", "cuda"):
            raise peer.Absent(f'JAX has no device "{options.device}" here; it knows cpu and cuda:N')
        try:
            device = jax.devices(word)[int(index or 0)]
        except (RuntimeError, IndexError, ValueError) as error:
            raise peer.Absent(f'JAX finds no device "{options.device}": {peer.one_line(error)}') from error
        jax.config.update("jax_default_device", device)
        jax.config.update("jax_default_matmul_precision", "float32")  # TF32 off
        self.options = options
        self.provider = f"jax {jax.__version__}"
        self.device_key = options.device
        self.device_name = peer.cpu_name() if word == "cpu" else device.device_kind
        self.threads = peer.usable_cpus() if word == "cpu" else None
        self.submit_word = "direct"

    def variants(self, case):
        return ("step", "scan") if case.n_train // case.rows >= SCAN else ("step",)

    def trainer(self, case, variant, data):
        return Trainer(case, variant, data, self.options.seed)


# --- model: parameters and running statistics as lists in layer order, a function that applies them -----------------------
def init(layers, shape, rng, params, stats):
    import numpy as np

    at = cases.shapes(layers, shape)
    for layer, before in zip(layers, at):
        if layer.kind in ("linear", "conv"):
            if layer.kind == "linear":
                dims, fan = (before[0] * before[1] * before[2], layer.units), before[0] * before[1] * before[2]
            else:
                dims, fan = (layer.kernel, layer.kernel, before[0], layer.units), before[0] * layer.kernel**2
            bound = fan**-0.5
            params.append(rng.uniform(-bound, bound, dims).astype(np.float32))
            if layer.bias:
                params.append(rng.uniform(-bound, bound, layer.units).astype(np.float32))
        elif layer.kind == "batch_norm":
            params += [np.ones(before[0], np.float32), np.zeros(before[0], np.float32)]
            stats += [np.zeros(before[0], np.float32), np.ones(before[0], np.float32)]
        elif layer.kind == "residual":
            init(layer.main, before, rng, params, stats)
            init(layer.shortcut, before, rng, params, stats)


def pool(x, kernel, largest):
    import jax
    import jax.numpy as jnp

    n, h, w, c = x.shape
    if h % kernel == 0 and w % kernel == 0:
        x = x.reshape(n, h // kernel, kernel, w // kernel, kernel, c)
        return x.max((2, 4)) if largest else x.mean((2, 4))
    window = (1, kernel, kernel, 1)
    if largest:
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, window, window, "VALID") / kernel**2


def apply(layers, x, params, stats, new_stats, key):
    """params, stats: iterators; new_stats takes the running statistics after this step."""
    import jax
    import jax.numpy as jnp

    for i, layer in enumerate(layers):
        if layer.kind == "linear":
            x = x.reshape(len(x), -1) @ next(params) + next(params)
        elif layer.kind == "conv":
            x = jax.lax.conv_general_dilated(x, next(params), (layer.stride,) * 2, ((layer.pad,) * 2,) * 2,
                                             dimension_numbers=("NHWC", "HWIO", "NHWC"))
            if layer.bias:
                x = x + next(params)
        elif layer.kind == "batch_norm":
            axes = tuple(range(x.ndim - 1))
            mean, var, n = x.mean(axes), x.var(axes), x.size // x.shape[-1]
            x = (x - mean) * jax.lax.rsqrt(var + 1e-5) * next(params) + next(params)
            for now in (mean, var * n / max(n - 1, 1)):
                new_stats.append(0.9 * next(stats) + 0.1 * jax.lax.stop_gradient(now))
        elif layer.kind == "residual":
            keys = jax.random.split(jax.random.fold_in(key, i))
            main = apply(layer.main, x, params, stats, new_stats, keys[0])
            x = main + apply(layer.shortcut, x, params, stats, new_stats, keys[1])
        elif layer.kind == "dropout":
            keep = jax.random.bernoulli(jax.random.fold_in(key, i), 1 - layer.value, x.shape)
            x = jnp.where(keep, x / (1 - layer.value), 0)
        elif layer.kind in ("max_pool", "avg_pool"):
            x = pool(x, layer.kernel, layer.kind == "max_pool")
        else:
            x = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid,
                 "leaky_relu": lambda v, s=layer.value: jax.nn.leaky_relu(v, s)}[layer.kind](x)
    return x


# --- training -------------------------------------------------------------------------------------------------------------
class Trainer:
    def __init__(self, case, variant, data, seed):
        import jax
        import jax.numpy as jnp
        import numpy as np

        self.jax, self.n, self.batch, self.scan = jax, case.n_train, case.rows, variant == "scan"
        self.x = jnp.asarray(np.ascontiguousarray(data[0].transpose(0, 2, 3, 1)))
        self.y = jnp.asarray(data[1].astype(np.int32) if case.data.classes else data[1])
        params, stats = [], []
        init(case.layers, case.data.shape, np.random.default_rng(seed), params, stats)
        self.n_params = sum(p.size for p in params)
        params, stats = [jnp.asarray(p) for p in params], [jnp.asarray(s) for s in stats]
        adam = case.optimizer == "adam"
        slots = 2 if adam else 1 if case.momentum else 0
        moments = [[jnp.zeros_like(p) for p in params] for _ in range(slots)]
        self.key = jax.random.key(seed)
        self.state = (params, stats, moments, jnp.zeros((), jnp.int32))

        def loss(params, stats, x, y, key):
            new_stats = []
            out = apply(case.layers, x, iter(params), iter(stats), new_stats, key)
            if case.data.classes:
                value = -jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], 1).mean()
            else:
                value = ((out - y)**2).mean()
            if case.l1:
                value += case.l1 * sum(jnp.abs(p).sum() for p in params)
            if case.l2:
                value += case.l2 * sum((p**2).sum() for p in params)
            return value, new_stats

        def update(params, grads, moments, t):
            if adam:
                m = [0.9 * m + 0.1 * g for m, g in zip(moments[0], grads)]
                v = [0.999 * v + 0.001 * g * g for v, g in zip(moments[1], grads)]
                a, b = 1 - 0.9**t, 1 - 0.999**t
                return [p - case.lr * (m / a) / (jnp.sqrt(v / b) + 1e-8) for p, m, v in zip(params, m, v)], [m, v]
            if case.weight_decay:
                grads = [g + case.weight_decay * p for g, p in zip(grads, params)]
            if case.momentum:
                grads = [case.momentum * v + g for v, g in zip(moments[0], grads)]
                moments = [grads]
            return [p - case.lr * g for p, g in zip(params, grads)], moments

        def step(state, x, y, index, key):
            params, stats, moments, t = state
            key = jax.random.fold_in(key, t)
            gradient = jax.value_and_grad(loss, has_aux=True)
            (value, stats), grads = gradient(params, stats, x[index], y[index], key)
            params, moments = update(params, grads, moments, (t + 1).astype(jnp.float32))
            return (params, stats, moments, t + 1), value

        def one(state, x, y, order, start, key, rows):
            return step(state, x, y, jax.lax.dynamic_slice(order, (start,), (rows,)), key)

        def many(state, x, y, order, start, key):
            def body(state, i):
                return one(state, x, y, order, start + i * self.batch, key, self.batch)

            state, values = jax.lax.scan(body, state, jnp.arange(SCAN))
            return state, values[-1]

        self.one = jax.jit(one, static_argnums=6, donate_argnums=0)
        self.many = jax.jit(many, donate_argnums=0)
        self.shuffle = jax.jit(lambda key: jax.random.permutation(key, self.n))
        self.epoch = 0
        if self.scan:  # compiled here, off the clock
            self.begin_epoch()
            self.submit(0, SCAN)

    def begin_epoch(self):
        self.order = self.shuffle(self.jax.random.fold_in(self.key, self.epoch))
        self.epoch += 1

    def submit(self, first, count):
        while count > 0:
            start = first * self.batch
            if self.scan and count >= SCAN and start + SCAN * self.batch <= self.n:
                self.state, self.last = self.many(self.state, self.x, self.y, self.order, start, self.key)
                first, count = first + SCAN, count - SCAN
                continue
            rows = min(self.batch, self.n - start)
            self.state, self.last = self.one(self.state, self.x, self.y, self.order, start, self.key, rows)
            first, count = first + 1, count - 1

    def wait(self):
        self.jax.block_until_ready((self.state, self.last))

    def loss(self):
        return float(self.last)


if __name__ == "__main__":
    options = parser.parse_args()
    if options.device == "cpu":
        peer.limit_cpus(options.threads)  # XLA has no option for it: it takes the CPUs it sees
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    peer.main(parser, Jax)
