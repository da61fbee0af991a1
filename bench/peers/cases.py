# cases.py: the labs' cases as data for the peers: the same models, batches and optimizers as bench/lab_*.c.
#
# A model is a tuple of layers that every peer builds in its own library; n_params and mflop_per_sample are computed here
# as regbench computes them. tests/test_peers compares this table with `regbench list`, so that both cannot drift apart.
import dataclasses
import difflib


@dataclasses.dataclass(frozen=True)
class Layer:
    kind: str  # linear conv max_pool avg_pool sigmoid relu leaky_relu batch_norm dropout residual
    units: int = 0  # features or channels out
    kernel: int = 0
    stride: int = 1
    pad: int = 0
    bias: bool = True
    value: float = 0.0  # slope of leaky_relu, probability of dropout
    main: tuple = ()  # residual: main(x) + shortcut(x), an empty shortcut is x itself
    shortcut: tuple = ()


def linear(units):
    return Layer("linear", units)


def conv(units, kernel, pad=0, stride=1, bias=True):
    return Layer("conv", units, kernel, stride, pad, bias)


def max_pool(kernel):
    return Layer("max_pool", kernel=kernel, stride=kernel)


def avg_pool(kernel):
    return Layer("avg_pool", kernel=kernel, stride=kernel)


def leaky_relu(slope):
    return Layer("leaky_relu", value=slope)


def dropout(p):
    return Layer("dropout", value=p)


SIGMOID, RELU, BATCH_NORM = Layer("sigmoid"), Layer("relu"), Layer("batch_norm")


# --- models -----------------------------------------------------------------------------------------------------------
def mlp(units, activation, before=(), middle=()):
    """Linear layers with an activation between them; `middle`: list i follows the i-th activation, `before`: likewise,
    but stands in front of it."""
    layers = []
    for i, n in enumerate(units):
        layers.append(linear(n))
        if i < len(units) - 1:
            layers += before[i] if before else ()
            layers.append(activation)
            layers += middle[i] if middle else ()
    return tuple(layers)


def cnn(norm=()):
    return (conv(16, 3, pad=1), *norm, RELU, max_pool(2), conv(32, 3, pad=1), *norm, RELU, max_pool(2), linear(10))


def resnet(skip):
    layers = [conv(64, 3, pad=1, bias=False), BATCH_NORM, RELU]
    channels = 64
    for units, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first, 1):
            main = (conv(units, 3, 1, stride, bias=False), BATCH_NORM, RELU, conv(units, 3, 1, bias=False), BATCH_NORM)
            shortcut = (conv(units, 1, 0, stride, bias=False), BATCH_NORM) if stride > 1 or channels != units else ()
            layers += [Layer("residual", main=main, shortcut=shortcut), RELU] if skip else [*main, RELU]
            channels = units
    return (*layers, avg_pool(4), linear(10))


LENET = (conv(6, 5, pad=2), SIGMOID, avg_pool(2), conv(16, 5), SIGMOID, avg_pool(2),
         linear(120), SIGMOID, linear(84), SIGMOID, linear(10))
TINY = (16, 32, 24, 10)
LEAKY = leaky_relu(0.01)

MODELS = {
    "LeNet": LENET,
    "MLP": mlp((120, 84, 10), SIGMOID),
    "DeepMLP": mlp((120, 120, 120, 84, 10), SIGMOID),
    "CNN": cnn(),
    "CNN-BN": cnn((BATCH_NORM,)),
    "TinyMLP": mlp(TINY, RELU),
    "TinyMLP-BN": mlp(TINY, RELU, middle=((BATCH_NORM,),) * 3),
    "TinyMLP-BN-Drop": mlp(TINY, RELU, middle=((BATCH_NORM,), (dropout(0.2), BATCH_NORM), (BATCH_NORM,))),
    "AnimalNet": mlp((128, 32, 3), RELU),
    "BigAnimalNet": mlp((124, 64, 3), LEAKY),
    "AnimalNetDropout": mlp((248, 210, 3), LEAKY, before=((dropout(0.5),), (dropout(0.3),))),
    "ToyNet": mlp((300, 500, 1), LEAKY),
    "ResNet": resnet(skip=False),
    "ResNet-skip": resnet(skip=True),
}


# --- data sets: what a model sees of them -------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Dataset:
    shape: tuple  # channels, height, width
    classes: int  # 0: regression
    n_train: int


DATASETS = {
    "fashion": Dataset((1, 28, 28), 10, 60000),
    "mnist": Dataset((1, 28, 28), 10, 60000),
    "cifar": Dataset((3, 32, 32), 10, 50000),
    "animals": Dataset((3, 32, 32), 3, 15000),
    "toy": Dataset((1, 1, 1), 0, 10),
}


# --- cases ------------------------------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    model: str
    dataset: str
    batch: int
    lr: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    l1: float = 0.0  # loss += l1 * sum |w| + l2 * sum w^2, over all parameters
    l2: float = 0.0
    optimizer: str = "sgd"
    train_size: int = 0  # 0: all of the data set

    @property
    def layers(self):
        return MODELS[self.model]

    @property
    def data(self):
        return DATASETS[self.dataset]

    @property
    def n_train(self):
        return self.train_size or self.data.n_train

    @property
    def rows(self):
        """Samples of a whole step: the batch, or all there are, as a DataLoader has it."""
        return min(self.batch, self.n_train)


TABLE = (
    Case("size/lenet", "LeNet", "fashion", 512, 1.0),
    Case("size/mlp", "MLP", "fashion", 512, 1.0),
    Case("size/deep-mlp", "DeepMLP", "fashion", 512, 1.0),
    Case("cnn/mnist", "CNN", "mnist", 1024, 0.1, train_size=50000),
    Case("cnn/mnist-lr0.001", "CNN", "mnist", 1024, 0.001, train_size=50000),
    Case("cnn/mnist-momentum", "CNN", "mnist", 1024, 0.001, 0.9, train_size=50000),
    Case("cnn/cifar", "CNN", "cifar", 1024, 0.1, train_size=40000),
    Case("cnn/cifar-momentum", "CNN", "cifar", 1024, 0.1, 0.9, train_size=40000),
    Case("trajectory/mlp-b256", "TinyMLP", "mnist", 256, 0.1),
    Case("trajectory/mlp-b512", "TinyMLP", "mnist", 512, 0.1),
    Case("trajectory/weight-decay", "TinyMLP", "mnist", 256, 0.1, weight_decay=5e-2),
    Case("trajectory/l1", "TinyMLP", "mnist", 256, 0.1, l1=1e-4),
    Case("trajectory/batchnorm", "TinyMLP-BN", "mnist", 256, 0.1),
    Case("trajectory/batchnorm-dropout", "TinyMLP-BN-Drop", "mnist", 256, 0.1),
    Case("animals/unregularized", "AnimalNet", "animals", 128, 5e-3, 0.99, train_size=30),
    Case("animals/l1", "AnimalNet", "animals", 128, 5e-3, 0.99, l1=1e-3, train_size=30),
    Case("animals/l2", "AnimalNet", "animals", 128, 5e-3, 0.99, l2=1e-3, train_size=100),
    Case("animals/l1l2", "AnimalNet", "animals", 128, 5e-3, 0.99, l1=1e-3, l2=1e-3, train_size=100),
    Case("animals/dropout", "AnimalNetDropout", "animals", 128, 5e-3, 0.9, train_size=100),
    Case("animals/no-dropout", "BigAnimalNet", "animals", 128, 5e-3, 0.9, train_size=100),
    Case("animals/no-augment", "AnimalNet", "animals", 128, 1e-3, 0.99, train_size=250),
    Case("animals/lr-0.0005", "AnimalNet", "animals", 128, 5e-4, 0.99, train_size=250),
    Case("animals/lr-0.001", "AnimalNet", "animals", 128, 1e-3, 0.99, train_size=250),
    Case("animals/lr-0.005", "AnimalNet", "animals", 128, 5e-3, 0.99, train_size=250),
    Case("animals/lr-full-0.001", "AnimalNet", "animals", 128, 1e-3, 0.99, train_size=12000),
    Case("toy/regression", "ToyNet", "toy", 10, 1e-4, optimizer="adam"),
    Case("tricks/lr0.001", "CNN", "cifar", 1024, 0.001),
    Case("tricks/lr0.9", "CNN", "cifar", 1024, 0.9),
    Case("tricks/lr0.001-momentum", "CNN", "cifar", 1024, 0.001, 0.9),
    Case("tricks/cnn", "CNN", "cifar", 256, 0.01, 0.9),
    Case("tricks/cnn-batchnorm", "CNN-BN", "cifar", 256, 0.01, 0.9),
    Case("tricks/cnn-batchnorm-lr0.05", "CNN-BN", "cifar", 256, 0.05, 0.9),
    Case("tricks/resnet-plain", "ResNet", "cifar", 256, 0.01, optimizer="adam"),
    Case("tricks/resnet-skip", "ResNet-skip", "cifar", 256, 0.01, optimizer="adam"),
)


class UnknownCase(Exception):
    pass


def find(name):
    for case in TABLE:
        if case.name == name:
            return case
    near = difflib.get_close_matches(name, [case.name for case in TABLE], 1, 0.4)
    hint = f'did you mean "{near[0]}"?' if near else "--list shows all"
    raise UnknownCase(f'unknown case "{name}"; {hint}')


# --- shapes and counts --------------------------------------------------------------------------------------------------
def out_shape(layer, shape):
    """Shape (C, H, W) of what a layer makes of one sample."""
    channels, height, width = shape
    if layer.kind == "linear":
        return (layer.units, 1, 1)
    if layer.kind in ("conv", "max_pool", "avg_pool"):
        height, width = ((n + 2 * layer.pad - layer.kernel) // layer.stride + 1 for n in (height, width))
        return (layer.units or channels, height, width)
    if layer.kind == "residual":
        main, shortcut = shapes(layer.main, shape)[-1], shapes(layer.shortcut, shape)[-1]
        assert main == shortcut, f"the branches of a residual block differ: {main}, {shortcut}"
        return main
    return shape


def shapes(layers, shape):
    """Shapes in front of each layer and behind the last one."""
    result = [shape]
    for layer in layers:
        result.append(out_shape(layer, result[-1]))
    return result


def has(layers, *kinds):
    return any(layer.kind in kinds or has(layer.main + layer.shortcut, *kinds) for layer in layers)


def _size(shape):
    return shape[0] * shape[1] * shape[2]


def _count(layers, shape):
    """Parameters, FLOPs of the forward pass per sample (multiply-add = 2, linear and convolution only)."""
    params, flops = 0, 0
    at = shapes(layers, shape)
    for layer, before, after in zip(layers, at, at[1:]):
        if layer.kind == "linear":
            weights = _size(before) * layer.units
            params += weights + layer.bias * layer.units
            flops += 2 * weights
        elif layer.kind == "conv":
            weights = before[0] * layer.kernel**2 * layer.units
            params += weights + layer.bias * layer.units
            flops += 2 * weights * after[1] * after[2]
        elif layer.kind == "batch_norm":
            params += 2 * before[0]
        elif layer.kind == "residual":
            for branch in (layer.main, layer.shortcut):
                more = _count(branch, before)
                params, flops = params + more[0], flops + more[1]
    return params, flops


def n_params(case):
    return _count(case.layers, case.data.shape)[0]


def mflop_per_sample(case):
    """Model FLOPs of a training step: forward, both gradients, but not the gradient of the input."""
    first = _count(case.layers[:1], case.data.shape)[1]
    return (3 * _count(case.layers, case.data.shape)[1] - first) * 1e-6


# --- data -------------------------------------------------------------------------------------------------------------
def synthetic(case, seed):
    """x (n_train, C, H, W) float32 in 0 .. 1, y (n_train) int64 or float32: made up, but learnable as images are: a
    pattern per class and noise, so that a diverging or broken peer shows."""
    import numpy as np

    rng = np.random.default_rng(seed)
    n, shape = case.n_train, case.data.shape
    if not case.data.classes:
        x = rng.random((n, *shape), np.float32)
        return x, 2 * x.reshape(n, 1) + 2 * rng.standard_normal((n, 1), np.float32)
    y = rng.integers(0, case.data.classes, n)
    patterns = rng.integers(0, 128, (case.data.classes, *shape), np.uint8)
    x = np.empty((n, *shape), np.float32)
    for start in range(0, n, 8192):  # a block at a time: the noise of all would double the memory
        labels = y[start:start + 8192]
        pixels = patterns[labels] + rng.integers(0, 128, (len(labels), *shape), np.uint8)
        x[start:start + 8192] = pixels / np.float32(255)
    return x, y
