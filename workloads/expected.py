"""What must the outputs of a network be, at a few positions, for the seeded weights and inputs?"""

import math

import numpy as np

from workloads import weights as seeded
from workloads.backends.base import Node, converted
from workloads.backends.reference import Backend, Oracle
from workloads.gradient import differentiate

POSITIONS = 1024
"""Values compared per output: all of VGG-16's logits, and few enough for a job of some kilobytes."""

TOLERANCE = {"float32": 1e-3}
"""Largest error that may pass, as a share of the output's standard deviation.

float32 rounds at 6e-8; sixteen to twenty-eight layers of sums in another order, or Winograd's convolution, leave 1e-6
to 1e-5 of the spread at the logits. bfloat16 and TF32 leave 1e-2 and more, and so does every mutation of an operator
that tests/unit/workloads tries: 1e-3 stands between, a factor of ten or more from either side.
"""


GRADIENT = 1e-2
"""The same for a gradient: where rounding puts a value on the other side of a ReLU's or a pool's edge, what it passes
back is not rounded but there or not."""

CANCELLED = 1e-2
"""Least spread of a gradient, as a share of the largest of its operator's. The bias of an attention's keys adds
the same to all scores of a query, and its gradient is 0: what rounding leaves of the sum is no error."""

GRADIENT_POSITIONS = 32
"""Values compared per weight: a network has up to hundreds of them."""


def expected(network, batch, seed, dtype="float64"):
    """Output -> {"positions", "values", "spread", "tolerance"} of the network, computed by the reference in `dtype`.

    `network` is a dict as in networks/*.json. Positions index the flattened output, at most POSITIONS, distinct; spread
    is the standard deviation of the whole output (of the positions alone where only they are computed). Every output
    is given, so that a softmax is checked too; the one named `compared` comes first.
    """
    outputs = sorted(network["outputs"], key=lambda name: name != network["compared"])
    inputs = seeded.make_inputs(network, batch, seed)
    if [node["op"] for node in network["nodes"]] == ["MatMul"]:
        return {outputs[0]: _product_at_positions(*[inputs[name] for name in network["nodes"][0]["inputs"]])}
    tensors = run(network, inputs, seed, Oracle if dtype == "float64" else Backend)
    return {name: _describe(tensors[name].ravel()) for name in outputs}


def expected_gradient(network, batch, seed, definition=Oracle):
    """The same of a step that computes gradients: `loss`, and for each weight what the loss changes by, `conv1.W`."""
    loss, gradients = differentiate(network, batch, seed, definition)
    made = {"loss": {"positions": [0], "values": [float(loss)], "spread": abs(float(loss)), "tolerance": GRADIENT}}
    for name in gradients:
        flat = gradients[name].ravel()
        seen = np.flatnonzero(flat)  # of a table most rows were not read, and a framework could not fail there
        if 2 * len(seen) > flat.size:
            seen = np.arange(flat.size)
        at = seen[positions(len(seen), GRADIENT_POSITIONS)]
        made[name] = dict(_describe(flat, at), tolerance=GRADIENT)
    for name, entry in made.items():
        node = name.rsplit(".", 1)[0] + "."
        entry["spread"] = max(
            [entry["spread"]] + [CANCELLED * made[n]["spread"] for n in gradients if n.startswith(node)]
        )
    return made


def run(network, inputs, seed, definition=Oracle):
    """Output -> array, node after node with only one node's weights in memory at a time."""
    nodes = [Node(data) for data in network["nodes"]]
    operators = [(node, _deferred(definition(1, "default", "absent"), node, seed)) for node in nodes]
    arrays = converted(inputs, definition.dtype)
    return definition.walk(operators, arrays, network["outputs"])


def _deferred(backend, node, seed):
    def apply(*tensors):
        made = backend.operators([node], {node.name: seeded.make_node(node, seed)})
        return made[0][1](*tensors)

    return apply


def positions(size, most=POSITIONS):
    """Up to `most` distinct indexes below `size`, spread over all of it.

    A stride near the golden section and coprime with the size visits rows and columns of any shape evenly; a stride
    of size/n would meet the same few columns of a matrix again and again.
    """
    stride = max(1, int(size * 0.6180339887))
    while math.gcd(stride, size) != 1:
        stride += 1
    return sorted(index * stride % size for index in range(min(size, most)))


def _describe(flat, at=None, dtype="float32"):
    at = positions(flat.size) if at is None else at
    values = flat[at] if flat.size > len(at) else flat
    return {
        "positions": [int(index) for index in at],
        "values": [float(value) for value in values],
        "spread": float(flat.std()),
        "tolerance": TOLERANCE[dtype],
    }


def _product_at_positions(a, b):
    """a [M,K] times b [K,N] at the positions of the flattened [M,N]: a thousand dot products in float64."""
    at = positions(a.shape[0] * b.shape[1])
    rows, columns = np.divmod(np.array(at), b.shape[1])
    values = np.einsum("ik,ki->i", a[rows].astype(np.float64), b[:, columns].astype(np.float64))
    return _describe(values, at)
