"""What do the first steps of training do, and what has a network learnt after them? Plain numpy: the oracle."""

import numpy as np

from workloads import examples
from workloads import weights as seeded
from workloads.backends.base import Node, Optimizer
from workloads.backends.reference import Backend, Oracle
from workloads.gradient import make_loss, sweep, training_nodes

FIRST = 4
"""Steps whose losses and updates are compared; beyond them rounding would grow into another course."""

FIRST_OF_DEEP = 2
"""The same of a network that declares nothing to learn: the second one shows what the optimizer remembers."""

TESTED = 256
"""Examples that nobody learnt from."""


class Trainer(object):
    """The nodes of a network in their training form, their weights and what the optimizer remembers of each."""

    def __init__(self, nodes, weights, loss, optimizer, definition=Oracle):
        self.definition, self.nodes, self.loss, self.optimizer = definition, nodes, loss, optimizer
        self.weights = {
            node.name: {key: array.astype(definition.dtype) for key, array in weights[node.name].items()}
            for node in nodes
            if node.name in weights
        }
        self.momenta = {}
        self.corrections = {}
        """{"norm1.var": how much more a running variance is where each batch's is the unbiased one, over n - 1}"""
        self.steps = 0

    def step(self, inputs, targets):
        """One update; the loss of before it."""
        value, gradients, statistics = sweep(
            self.nodes, self.weights, inputs, targets, self.loss, definition=self.definition
        )
        self.steps += 1
        for name, gradient in gradients.items():
            node, key = name.split(".")
            array = self.weights[node][key]
            self.weights[node][key] = array - getattr(self, "_" + self.optimizer.name)(name, gradient)
        for node in self.nodes:
            if node.op == "BatchNormalization":
                keep = node.attrs.get("momentum", 0.9)
                for key in ("mean", "var"):
                    array, found = self.weights[node.name][key], statistics["{0}.{1}".format(node.name, key)]
                    self.weights[node.name][key] = keep * array + (1 - keep) * found
                name = node.name + ".var"
                more = statistics[name] / max(1, statistics[node.name + ".count"] - 1)
                self.corrections[name] = keep * self.corrections.get(name, 0) + (1 - keep) * more
        return value

    def _sgd(self, name, gradient):
        self.momenta[name] = self.optimizer.momentum * self.momenta.get(name, 0) + gradient
        return self.optimizer.learning_rate * self.momenta[name]

    def _adam(self, name, gradient):
        chosen = self.optimizer
        first, second = self.momenta.get(name, (0, 0))
        first = chosen.beta1 * first + (1 - chosen.beta1) * gradient
        second = chosen.beta2 * second + (1 - chosen.beta2) * gradient * gradient
        self.momenta[name] = first, second
        corrected = first / (1 - chosen.beta1**self.steps)
        power = second / (1 - chosen.beta2**self.steps)
        return chosen.learning_rate * corrected / (np.sqrt(power) + chosen.epsilon)

    def named(self):
        """{"conv1.W": array} as they are now."""
        return {
            "{0}.{1}".format(node, key): array for node, made in self.weights.items() for key, array in made.items()
        }


def make_trainer(network, seed, definition=Oracle):
    """Of a dict as in networks/*.json, with its seeded weights and the optimizer that it declares."""
    weights, optimizer = seeded.make_weights(network, seed), Optimizer(network["training"])
    return Trainer(training_nodes(network), weights, make_loss(network), optimizer, definition)


def updates(network, seed, trained):
    """{"conv1.W": how far the weight has come from its seeded start}, of {"conv1.W": array}."""
    moved = {}
    for data in network["nodes"]:
        node = Node(data)
        for key, array in seeded.make_node(node, seed).items():
            name = "{0}.{1}".format(node.name, key)
            if name in trained:
                moved[name] = np.asarray(trained[name], np.float64) - array
    return moved


def first_steps(network):
    """How many steps of this network are compared."""
    return FIRST if network["training"].get("learns") else FIRST_OF_DEEP


def learning_steps(network, batch):
    """Steps of `batch` that show as many examples as the network declares to learn from; 0 where it declares none."""
    learns = network["training"].get("learns")
    return max(FIRST, -(-learns["examples"] // batch)) if learns else 0


def accuracy(network, seed, trained):
    """Share of TESTED examples that nobody learnt from whose class the trained weights name, in float32 numpy."""
    nodes = training_nodes(network)
    for node in nodes:
        node.attrs.pop("training_mode", None)
    weights = {}
    for name, array in trained.items():
        node, key = name.split(".")
        weights.setdefault(node, {})[key] = np.asarray(array, np.float32)
    operators = Backend(1, "default", "absent").operators(nodes, weights)
    right = 0
    for first in range(0, TESTED, 32):
        inputs, labels = examples.make_batch(network, 32, seed, examples.HELD_OUT + first)
        logits = Backend.walk(operators, inputs, [network["compared"]])[network["compared"]]
        right += int((logits.argmax(axis=1) == labels).sum())
    return right / float(TESTED)
