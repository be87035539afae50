"""What must the outputs of a network be, at a few positions, for the seeded weights and inputs?"""

import math

import numpy as np

from workloads import examples, narrow, verify
from workloads import weights as seeded
from workloads.backends.base import Node, converted
from workloads.backends.reference import Backend, Oracle
from workloads.gradient import differentiate
from workloads.training import CorrectedRate, accuracy, first_steps, learning_steps, make_trainer, updates

POSITIONS = 1024
"""Values compared per output: all of VGG-16's logits, and few enough for a job of some kilobytes."""

TOLERANCE = 1e-3
"""Largest error that may pass, as a share of the output's standard deviation.

float32 rounds at 6e-8; sixteen to twenty-eight layers of sums in another order, or Winograd's convolution, leave 1e-6
to 1e-5 of the spread at the logits. bfloat16 and TF32 leave 1e-2 and more, and so does every mutation of an operator
that tests/unit/workloads tries: 1e-3 stands between, a factor of ten or more from either side.
"""

NARROW = 4
"""What may pass in a narrower type, as a multiple of what rounding to it leaves in numpy (workloads/narrow.py).

There the error is a result, and the tolerance only tells what works from what is broken: bfloat16 was seen to leave
8e-3 to 1.1e-1 at the compared outputs of mnist_mlp, mobilenet_v1 and bert_base, float16 1e-3 to 1.3e-2, int8 7e-3 to
3.1e-1. A mutation that is smaller passes: which operators a backend computes is shown in float32.
"""

GRADIENT = 1e-2
"""The same for a gradient: where rounding puts a value on the other side of a ReLU's or a pool's edge, what it passes
back is not rounded but there or not."""

UPDATE = 5e-2
"""And for how far a weight has come after several steps, each of which starts from what was rounded in the last."""

ENLARGED = 5
"""What may pass, as a multiple of what float32 numpy is off: a convolution by Winograd's way rounds more than it."""

GRADIENT_POSITIONS = 32
"""Values compared per weight: a network has up to hundreds of them."""


EDGE = 3e-6
"""How far from a ReLU's edge rounding may put a value on its other side, as a share of the spread of the ReLU's input.
Of the millions in a network some are as near as that, and each is a hundredth of the gradient of its channel or more:
batch norms that sum in another order than numpy's were seen to move values by 1e-6 to 3e-6."""

ROUNDING = 1e-3
"""Least spread of a gradient, as a share of the network's largest: a bias that a batch norm takes out again has none
but rounding, and neither has that of an attention's keys, which adds the same to all scores of a query."""

MEANINGLESS = 0.5
"""Tolerance from which on a number could as well not have been compared."""

ACCURACY = 0.05
"""How far the accuracy that a framework reaches may be from the reference's: 256 examples have a deviation of 0.02."""

SINGLY = 512
"""Samples that the reference computes at once, where the framework has them one at a time."""


def expected(network, batch, seed, mode="infer", dtype="float64", *, computed_in="float32"):
    """Output -> {"positions", "values", "spread", "tolerance"} of the mode's step, computed by the reference.

    `network` is a dict as in networks/*.json. Positions index the flattened output, at most POSITIONS, distinct; spread
    is the standard deviation of the whole output (of the positions alone where only they are computed). Every output
    is given, so that a softmax is checked too; the one named `compared` comes first. `dtype` is the reference's own;
    what the framework is asked to compute in, `computed_in`, changes the tolerance alone.
    """
    definition = Oracle if dtype == "float64" else Backend
    made = {"gradient": expected_gradient, "train": expected_training}.get(mode, expected_outputs)(
        network, batch, seed, definition
    )
    if computed_in == "float32":
        return made
    return _narrowed(made, network, batch, seed, narrow.TYPES[computed_in])


def _narrowed(made, network, batch, seed, definition):
    """The outputs with the tolerance of a narrower type; of one behind the compared output that this leaves nothing to
    say of, as a softmax of few large probabilities is, nothing is said."""
    inputs = seeded.make_inputs(network, batch, seed)
    if _is_product(network):
        if not hasattr(definition, "rounded"):
            return made  # int8 is of weights, and a product of two inputs has none: unsupported
        pair = [definition.rounded(inputs[name]) for name in network["nodes"][0]["inputs"]]
        found = {name: np.array(_product_at_positions(*pair)["values"]) for name in made}
        found = {name: definition.rounded(values) for name, values in found.items()}
    else:
        tensors = run(network, inputs, seed, definition)
        found = {name: tensors[name].ravel()[made[name]["positions"]] for name in made}
    errors = verify.errors(found, made)
    least = NARROW * errors[network["compared"]]  # a large probability may be rounded to the right one by chance
    left = {}
    for name, each in made.items():
        tolerance = max(TOLERANCE, least, NARROW * errors[name])
        if name == network["compared"] or tolerance < MEANINGLESS:
            left[name] = dict(each, tolerance=min(tolerance, MEANINGLESS))
    return left


def _is_product(network):
    return [node["op"] for node in network["nodes"]] == ["MatMul"]


def expected_outputs(network, batch, seed, definition=Oracle):
    """Of a step that computes the network's outputs."""
    outputs = sorted(network["outputs"], key=lambda name: name != network["compared"])
    inputs = seeded.make_inputs(network, batch, seed)
    if _is_product(network):
        return {outputs[0]: _product_at_positions(*[inputs[name] for name in network["nodes"][0]["inputs"]])}
    tensors = run(network, inputs, seed, definition)
    return {name: _describe(tensors[name].ravel()) for name in outputs}


def expected_gradient(network, batch, seed, definition=Oracle):
    """Of a step that computes gradients: `loss`, and for each weight what the loss changes by, `conv1.W`."""
    loss, gradients = differentiate(network, batch, seed, definition)
    rounded = differentiate(network, batch, seed, Backend)[1]
    edges = [differentiate(network, batch, seed, Backend, edge)[1] for edge in (EDGE, -EDGE)]
    return dict(_losses([loss]), **_changes(GRADIENT, gradients, rounded, edges))


def expected_training(network, batch, seed, definition=Oracle):
    """Of the first steps of training: `loss`, each one's, and how far each weight has come after them; and where the
    network declares that it learns, the `accuracy` that it reaches."""
    trainer, rounded = make_trainer(network, seed, definition), make_trainer(network, seed, Backend)
    other = make_trainer(network, seed, definition, CorrectedRate) if trainer.optimizer.name == "adam" else None
    losses = []
    count = first_steps(network)
    for step in range(count):
        examples_of_step = examples.make_batch(network, batch, seed, step * batch)
        losses.append(trainer.step(*examples_of_step))
        rounded.step(*examples_of_step)
        if other:
            other.step(*examples_of_step)
    moved = [updates(network, seed, each.named()) for each in (trainer, rounded)]
    formed = updates(network, seed, dict(other.named() if other else {}, **trainer.unbiased))
    made = dict(_losses(losses), **_changes(UPDATE, *moved, others=[formed]))
    steps = learning_steps(network, batch)
    for step in range(count, steps):
        rounded.step(*examples.make_batch(network, batch, seed, step * batch))
    if steps:
        reached = accuracy(network, seed, rounded.named())
        made["accuracy"] = {"positions": [0], "values": [reached], "spread": 1.0, "tolerance": ACCURACY}
    return made


def _losses(values):
    values = [float(value) for value in values]
    return {
        "loss": {
            "positions": list(range(len(values))),
            "values": values,
            "spread": sum(map(abs, values)) / len(values),
            "tolerance": GRADIENT,
        }
    }


def _changes(least_tolerance, arrays, rounded, others):
    """Gradients, or updates, at GRADIENT_POSITIONS of each weight; `rounded` are the same in float32 throughout,
    `others` those of them that are right, too: with values at the edge of a ReLU on its other side, or by another form
    of the optimizer or the running variance.

    Behind many batch norms a rounding comes back enlarged, so a weight's tolerance is ENLARGED times what float32 numpy
    is off anywhere in it, or twice what one of the others is at these positions. Of one that this leaves nothing to say
    of, nothing is said.
    """
    found = {}
    for name in arrays:
        flat = arrays[name].ravel()
        seen = np.flatnonzero(flat)  # of a table most rows were not read, and a framework could not fail there
        if 2 * len(seen) > flat.size or not len(seen):
            seen = np.arange(flat.size)
        found[name] = _describe(flat, seen[positions(len(seen), GRADIENT_POSITIONS)])
    least = ROUNDING * max(each["spread"] for each in found.values())
    made = {}
    for name, each in found.items():
        spread = max(each["spread"], least)
        off = float(np.abs(arrays[name] - rounded[name]).max())
        there = [np.abs(arrays[name] - other[name]).ravel()[each["positions"]] for other in others if name in other]
        apart = max([float(array.max()) for array in there] + [0.0])
        tolerance = max(least_tolerance, ENLARGED * off / spread, 2 * apart / spread)
        if tolerance < MEANINGLESS:
            made[name] = dict(each, spread=spread, tolerance=tolerance)
    return made


def run(network, inputs, seed, definition=Oracle):
    """Output -> array, node after node with only one node's weights in memory at a time, SINGLY samples at once."""
    batch = len(next(iter(inputs.values())))
    if network.get("batched", True) and batch > SINGLY:
        parts = [
            run(network, {name: array[first : first + SINGLY] for name, array in inputs.items()}, seed, definition)
            for first in range(0, batch, SINGLY)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in network["outputs"]}
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


def _describe(flat, at=None):
    at = positions(flat.size) if at is None else at
    values = flat[at] if flat.size > len(at) else flat
    return {
        "positions": [int(index) for index in at],
        "values": [float(value) for value in values],
        "spread": float(flat.std()),
        "tolerance": TOLERANCE,
    }


def _product_at_positions(a, b):
    """a [M,K] times b [K,N] at the positions of the flattened [M,N]: a thousand dot products in float64."""
    at = positions(a.shape[0] * b.shape[1])
    rows, columns = np.divmod(np.array(at), b.shape[1])
    values = np.einsum("ik,ki->i", a[rows].astype(np.float64), b[:, columns].astype(np.float64))
    return _describe(values, at)
