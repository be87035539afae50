"""Which numbers are the weights and inputs of a network, equal in every numpy from 1.13 to 2.x?"""

import hashlib
import math

import numpy as np

from workloads.backends.base import Node, Unsupported

CHUNK = 1 << 16
"""Elements per pass: two such uint32 buffers stay in a 512 KiB cache, so that each of the passes runs at its speed."""

ALIGNMENT = 64
"""Bytes: a cache line, and the widest load there is."""

LEARNT = ("W", "R", "B", "C", "scale", "data")
"""Weights that count as parameters; a batch-norm's running `mean` and `var` are statistics, not learnt."""

SAME_SIZE = ("Clip", "Gelu", "Relu", "Sigmoid", "Tanh")
"""Operators of one tensor, number by number."""

_MASK = 0xFFFFFFFF


def fill(out, seed, name, *, center=0.0, halfwidth=1.0, chunk=CHUNK):
    """Fill the flat float32 array with `center + halfwidth * u`, u uniform in [-1, 1); returns it.

    Counter-based: element i depends on (seed, name, i) alone. The index is hashed by the mixer `lowbias32` (Wellons,
    hash-prospector: 16, 0x21f0aaad, 15, 0xd35a2d97, 15), from a start and with an odd stride that are taken from
    SHA-256 of seed and name. Integer arithmetic modulo 2**32, one rounding from int32 to float32, one float32 product
    and one float32 sum: the same bits in every numpy, for every `chunk`.
    """
    start, stride = _key(seed, name)
    size = min(out.size, chunk)
    base = np.arange(size, dtype=np.uint32)
    np.multiply(base, np.uint32(stride), out=base)
    x = np.empty(size, np.uint32)
    t = np.empty(size, np.uint32)
    scale = np.float32(halfwidth / 2.0**31)
    for first in range(0, out.size, chunk):
        part = out[first : first + chunk]
        n = part.size
        _mix(base[:n], np.uint32((start + first * stride) & _MASK), x[:n], t[:n])
        np.copyto(part, x[:n].view(np.int32), casting="unsafe")
        np.multiply(part, scale, out=part)
        if center:
            np.add(part, np.float32(center), out=part)
    return out


def _key(seed, name):
    digest = hashlib.sha256("{0}/{1}".format(seed, name).encode("utf-8")).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little") | 1


def _mix(base, offset, x, t):
    """x = lowbias32(base + offset), element by element, in place; t is scratch."""
    np.add(base, offset, out=x)
    for shift, factor in ((16, 0x21F0AAAD), (15, 0xD35A2D97)):
        np.right_shift(x, np.uint32(shift), out=t)
        np.bitwise_xor(x, t, out=x)
        np.multiply(x, np.uint32(factor), out=x)
    np.right_shift(x, np.uint32(15), out=t)
    np.bitwise_xor(x, t, out=x)


def interval(op, key, shape):
    """(center, half-width) of the uniform distribution that a weight is drawn from.

    Chosen so that the signal stays alive through the depth and every single weight tensor matters to the output:
    He's variance 2 / fan_in (arXiv 1502.01852) for the products, biases that are small but not 0, and batch-norm
    statistics that are not 0 and 1, with scale**2 / var about 1 so that a chain of them neither grows nor dies. The
    rows of a Gather are inputs of what follows: unit variance.
    """
    if op == "LayerNormalization":
        return {"scale": (1.0, 0.4), "B": (0.0, 0.5)}[key]
    if op == "Gather":
        return 0.0, math.sqrt(3.0)
    if op in (
        "LSTM",
        "GRU",
    ):  # W and R are [1, gates, fan-in]; gates that are open half the way, and a state that moves
        return 0.0, 0.5 if key == "B" else math.sqrt(6.0 / shape[2])
    if op == "BatchNormalization":
        return {"scale": (1.3, 0.4), "B": (0.0, 0.5), "mean": (0.0, 0.5), "var": (2.0, 1.0)}[key]
    if len(shape) > 1:  # W of Conv is [out, in/group, kh, kw], B of Gemm [out, in] (transB=1): the rest is the fan-in
        fan_in = _product(shape[1:])
        return 0.0, math.sqrt(6.0 / fan_in)  # a uniform on [-h, h) has the variance h**2 / 3
    return 0.0, 0.5


def aligned(size, dtype=np.float32):
    """Uninitialised [size] of `dtype` that begins at a cache line, as frameworks allocate.

    numpy's own large arrays begin 16 bytes behind one: every 64-byte load of a framework that takes them over without a
    copy would meet two lines.
    """
    length = np.dtype(dtype).itemsize
    whole = np.empty(size + ALIGNMENT // length, dtype)
    first = -whole.ctypes.data % ALIGNMENT // length
    return whole[first : first + size]


def as_aligned(array):
    """A C-contiguous copy that begins at a cache line."""
    made = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    first = -made.ctypes.data % ALIGNMENT
    made = made[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made


def make_node(node, seed):
    """ONNX input name -> float32 array for one Node, C-contiguous in ONNX's layout."""
    made = {}
    for key, shape in node.shapes.items():
        center, halfwidth = interval(node.op, key, shape)
        if key not in ("mean", "var"):
            center, halfwidth = center * node.gain, halfwidth * node.gain
        flat = aligned(_product(shape))
        made[key] = fill(flat, seed, "{0}.{1}".format(node.name, key), center=center, halfwidth=halfwidth).reshape(
            shape
        )
    return made


def make_weights(network, seed):
    """Node name -> {ONNX input name: float32 array} for every node of the network (a dict as in networks/*.json)."""
    nodes = [Node(data) for data in network["nodes"]]
    return {node.name: make_node(node, seed) for node in nodes if node.shapes}


def input_shapes(network, batch):
    """Input name -> shape with the batch in front, where the network has one."""
    shapes = {name: tuple(shape) for name, shape in network["inputs"].items()}
    if network.get("batched", True):
        return {name: (batch,) + shape[1:] for name, shape in shapes.items()}
    return shapes


def make_inputs(network, batch, seed):
    """Input name -> float32 array; zero mean and unit variance, as a standardised image has.

    Those of the network's `integers` are int64, each number of the range as likely as any other.
    """
    integers = network.get("integers", {})
    made = {}
    for name, shape in input_shapes(network, batch).items():
        if name in integers:
            flat = aligned(_product(shape), np.int64)
            flat[:] = draw(flat.size, seed, "input." + name, *integers[name])
        else:
            flat = fill(aligned(_product(shape)), seed, "input." + name, halfwidth=math.sqrt(3.0))
        made[name] = flat.reshape(shape)
    return made


def make_labels(classes, batch, seed):
    """int64 [batch], each one of `classes`."""
    return draw(batch, seed, "labels", 0, classes)


def draw(shape, seed, name, low, high):
    """int64 array of low <= i < high, each as likely as any other."""
    drawn = np.empty(shape, np.float32)
    fill(drawn.reshape(-1), seed, name)
    return low + np.minimum((drawn.astype(np.float64) + 1) / 2 * (high - low), high - low - 1).astype(np.int64)


def make_targets(network, inputs, batch, seed):
    """What a network's loss compares its output with: seeded classes, int64 [batch], or its only input, flattened."""
    if network.get("loss", "cross_entropy") == "mean_squared_error":
        (array,) = inputs.values()
        return array.reshape(batch, -1)
    return make_labels(classes(network), batch, seed)


def classes(network):
    """How many: the length of the row that the loss sees of one sample, of a Gemm and what keeps its size."""
    made = {data["name"]: Node(data) for data in network["nodes"]}
    node = made[network["compared"]]
    while node.op in SAME_SIZE and node.inputs[0] in made:
        node = made[node.inputs[0]]
    if node.op in ("LSTM", "GRU"):
        return node.attrs["hidden_size"]
    if node.op != "Gemm":
        raise Unsupported("{0} is no row of classes per sample".format(network["compared"]))
    return node.shapes["B"][0 if node.attrs.get("transB", 0) else 1]


def parameters(weights):
    """How many numbers of node name -> {input name: array} are learnt."""
    return sum(array.size for node in weights.values() for key, array in node.items() if key in LEARNT)


def _product(shape):
    total = 1
    for length in shape:
        total *= int(length)
    return total
