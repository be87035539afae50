"""What is the gradient of the loss with respect to every weight? Plain numpy, written to be read: the oracle.

A rule takes a Node, its weights, its inputs, its output and the gradient with respect to that, and gives the gradients
with respect to each input and each weight. BatchNormalization takes the statistics of its batch, as training has it.
"""
# ruff: noqa: ARG001, ARG005  (all rules take the same)

import numpy as np

from workloads import gradient_transformer
from workloads import weights as seeded
from workloads.backends.base import Loss, Node, Unsupported, converted
from workloads.backends.reference import Oracle, windows
from workloads.gradient_sequence import RULES as OF_SEQUENCES


def differentiate(network, batch, seed, definition=Oracle, edge=0.0):
    """(loss, {"conv1.W": gradient}) of the network, a dict as in networks/*.json, in `definition`'s precision."""
    nodes = training_nodes(network)
    inputs = seeded.make_inputs(network, batch, seed)
    targets = seeded.make_targets(network, inputs, batch, seed)
    weights = seeded.make_weights(network, seed)
    value, found, _ = sweep(nodes, weights, inputs, targets, make_loss(network), definition=definition, edge=edge)
    return value, found


def training_nodes(network):
    """The nodes that the loss depends on, in their order, with BatchNormalization in its training form."""
    nodes = needed([Node(data) for data in network["nodes"]], network["compared"])
    for node in nodes:
        if node.op == "BatchNormalization":
            node.attrs["training_mode"] = 1
    return nodes


def make_loss(network):
    """The Loss that the network declares, of the output that is compared."""
    return Loss(network.get("loss", "cross_entropy"), network["compared"])


def sweep(nodes, weights, inputs, targets, loss, *, definition=Oracle, edge=0.0):
    """Forward and back: (loss, {"conv1.W": gradient}, {"norm1.mean": of this batch, "norm1.var": ..., "norm1.count": of
    how many numbers}). On the way back the edges of a ReLU are `edge` standard deviations of its input higher."""
    backend = definition(1, "default", "absent")
    tensors = converted(inputs, definition.dtype)
    statistics = {}
    for node in nodes:
        function = backend.operators([node], {node.name: weights.get(node.name, {})})[0][1]
        tensors[node.name] = function(*node.given(tensors))
        if node.op == "BatchNormalization":
            x = tensors[node.inputs[0]]
            statistics[node.name + ".mean"], statistics[node.name + ".var"] = x.mean((0, 2, 3)), x.var((0, 2, 3))
            statistics[node.name + ".count"] = x.size // x.shape[1]
    value, gradient = LOSSES[loss.name](tensors[loss.output], targets)
    return value, _backward(nodes, weights, tensors, {loss.output: gradient}, edge), statistics


def needed(nodes, output):
    """The nodes that the output depends on, in their order."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def cross_entropy(logits, labels):
    """(mean over the samples of -log softmax(logits)[label], its gradient with respect to the logits)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    gradient = np.exp(logs)
    gradient[rows, labels] -= 1
    return -logs[rows, labels].mean(), gradient / len(labels)


def mean_squared_error(output, targets):
    """(mean of (output - targets)**2, its gradient with respect to the output)."""
    difference = output - targets
    return (difference * difference).mean(), 2 * difference / difference.size


EDGED = ("Clip", "Relu")
"""Operators whose gradient is there on the one side of a value of their input and not on the other."""

LOSSES = {"cross_entropy": cross_entropy, "mean_squared_error": mean_squared_error}


def _backward(nodes, weights, tensors, gradients, edge):
    found = {}
    for node in reversed(nodes):
        rule = RULES.get(node.op)
        if rule is None:
            raise Unsupported("mode 'gradient': operator {0} ({1}) has no rule yet".format(node.op, node.name))
        own = {key: array.astype(tensors[node.name].dtype) for key, array in weights.get(node.name, {}).items()}
        inputs = node.given(tensors)
        if edge and node.op in EDGED:
            inputs = [inputs[0] - inputs[0].dtype.type(edge * float(inputs[0].std()))]
        back, learnt = rule(node, own, inputs, tensors.pop(node.name), gradients.pop(node.name))
        found.update(("{0}.{1}".format(node.name, key), array) for key, array in learnt.items())
        for name, array in zip(node.inputs, back):  # noqa: B905  (3.10 has it)
            if array is None or not name:
                continue
            gradients[name] = gradients[name] + array if name in gradients else array
    return found


# -- rules: (node, weights, inputs, output, gradient) -> ([gradient of each input], {key: gradient of each weight}) ----


def conv(node, weights, inputs, output, dy):
    (x,), w = inputs, weights["W"]
    group = node.attrs.get("group", 1)
    n, out, oh, ow = dy.shape
    split = np.ascontiguousarray(dy).reshape(n, group, out // group, oh * ow)
    taps = np.ascontiguousarray(w.transpose(2, 3, 0, 1))  # matmul leaves the BLAS where the inner stride is not 1
    dw, dx = np.zeros_like(w), Image(x, node)
    for i, j, seen in windows(x, node, 0):
        columns = np.ascontiguousarray(seen).reshape(n, group, -1, oh * ow)
        dw[:, :, i, j] = np.matmul(split, columns.transpose(0, 1, 3, 2)).sum(axis=0).reshape(out, -1)
        matrix = taps[i, j].reshape(group, out // group, -1)
        dx.add(i, j, np.matmul(matrix.transpose(0, 2, 1), split).reshape(seen.shape))
    learnt = {"W": dw}
    if "B" in weights:
        learnt["B"] = dy.sum(axis=(0, 2, 3))
    return [dx.inside()], learnt


def batch_normalization(node, weights, inputs, output, dy):
    """Of the training form: the statistics depend on every number of the channel."""
    (x,) = inputs
    mean, deviation = (
        x.mean((0, 2, 3), keepdims=True),
        np.sqrt(x.var((0, 2, 3), keepdims=True) + node.attrs.get("epsilon", 1e-5)),
    )
    standard = (x - mean) / deviation
    learnt = {"scale": (dy * standard).sum((0, 2, 3)), "B": dy.sum((0, 2, 3))}
    centred = dy - dy.mean((0, 2, 3), keepdims=True) - standard * (dy * standard).mean((0, 2, 3), keepdims=True)
    return [weights["scale"][:, None, None] / deviation * centred], learnt


class Image(object):
    """A gradient of a padded image, to which what each tap of a kernel saw is added."""

    def __init__(self, x, node):
        self.top, self.left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
        self.strides = node.attrs.get("strides", [1, 1])
        self.shape = x.shape
        n, c, h, w = x.shape
        self.whole = np.zeros((n, c, h + self.top + bottom, w + self.left + right), x.dtype)

    def add(self, i, j, values):
        """Add [N,C,OH,OW] where the tap (i, j) read."""
        (sh, sw), (oh, ow) = self.strides, values.shape[2:]
        self.whole[:, :, i : i + sh * (oh - 1) + 1 : sh, j : j + sw * (ow - 1) + 1 : sw] += values

    def inside(self):
        """Without the pads."""
        h, w = self.shape[2:]
        return self.whole[:, :, self.top : self.top + h, self.left : self.left + w]


def max_pool(node, weights, inputs, output, dy):
    """To the first of equals, row by row. After a ReLU equals are zeros, which pass nothing on."""
    (x,) = inputs
    dx, left = Image(x, node), np.ones(dy.shape, bool)
    for i, j, seen in windows(x, node, -np.inf):
        hit = left & (seen == output)
        dx.add(i, j, np.where(hit, dy, 0))
        left &= ~hit
    return [dx.inside()], {}


def average_pool(node, weights, inputs, output, dy):
    (x,), (kh, kw) = inputs, node.attrs["kernel_shape"]
    dx = Image(x, node)
    for i in range(kh):
        for j in range(kw):
            dx.add(i, j, dy / (kh * kw))
    return [dx.inside()], {}


def global_average_pool(node, weights, inputs, output, dy):
    (x,) = inputs
    return [np.broadcast_to(dy / (x.shape[2] * x.shape[3]), x.shape)], {}


def gemm(node, weights, inputs, output, dy):
    (x,), b = inputs, weights["B"]
    turned = node.attrs.get("transB", 0)
    learnt = {"B": dy.T.dot(x) if turned else x.T.dot(dy)}
    if "C" in weights:
        learnt["C"] = dy.sum(axis=0)
    return [dy.dot(b if turned else b.T)], learnt


def gather(node, weights, inputs, output, dy):
    """To each row of the table the sum over the places that took it; the indexes have no gradient."""
    (rows,), data = inputs, np.zeros_like(weights["data"])
    np.add.at(data, rows, dy)
    return [], {"data": data}


def lrn(node, weights, inputs, output, dy):
    """y = x s**-beta with s = bias + alpha / size * (the squares of the window of channels)."""
    (x,), size = inputs, node.attrs["size"]
    alpha, beta = node.attrs.get("alpha", 1e-4), node.attrs.get("beta", 0.75)
    before, channels = (size - 1) // 2, x.shape[1]
    after = size - 1 - before

    def summed(a, before, after):
        wide = np.pad(a, ((0, 0), (before, after), (0, 0), (0, 0)), mode="constant")
        return sum(wide[:, k : k + channels] for k in range(size))

    s = node.attrs.get("bias", 1.0) + alpha / size * summed(x * x, before, after)
    return [dy * s**-beta - 2 * alpha * beta / size * x * summed(dy * output / s, after, before)], {}


def add(node, weights, inputs, output, dy):
    return [reduced(dy, x.shape) for x in inputs], {}


def mul(node, weights, inputs, output, dy):
    a, b = inputs
    return [reduced(dy * b, a.shape), reduced(dy * a, b.shape)], {}


def reduced(gradient, shape):
    """The sum over what was broadcast."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape)))) if gradient.ndim > len(shape) else gradient
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return gradient.sum(axis=stretched, keepdims=True) if stretched else gradient


def matmul(node, weights, inputs, output, dy):
    a, b = inputs
    to_a, to_b = np.matmul(dy, np.swapaxes(b, -1, -2)), np.matmul(np.swapaxes(a, -1, -2), dy)
    return [reduced(to_a, a.shape), reduced(to_b, b.shape)], {}


def concat(node, weights, inputs, output, dy):
    axis = node.attrs["axis"]
    return np.split(dy, np.cumsum([x.shape[axis] for x in inputs])[:-1], axis=axis), {}


def div(node, weights, inputs, output, dy):
    a, b = inputs
    return [reduced(dy / b, a.shape), reduced(-dy * output / b, b.shape)], {}


def clip(node, weights, inputs, output, dy):
    (x,) = inputs
    return [dy * ((x > node.attrs["min"]) & (x < node.attrs["max"]))], {}


RULES = {
    "Add": add,
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Clip": clip,
    "Concat": concat,
    "Conv": conv,
    "Div": div,
    "Flatten": lambda node, weights, inputs, output, dy: ([dy.reshape(inputs[0].shape)], {}),
    "Gather": gather,
    "Gemm": gemm,
    "GlobalAveragePool": global_average_pool,
    "LRN": lrn,
    "MatMul": matmul,
    "MaxPool": max_pool,
    "Mul": mul,
    "Relu": lambda node, weights, inputs, output, dy: ([dy * (inputs[0] > 0)], {}),
    "Sigmoid": lambda node, weights, inputs, output, dy: ([dy * output * (1 - output)], {}),
    **gradient_transformer.RULES,
    **OF_SEQUENCES,
}
