"""What do the weights and attributes of an ONNX LSTM or GRU mean?

Of ONNX's operator the part that the networks here need: one direction, `layout` 1 (batch first), the default
activations, no peepholes. A node has one output, called after it, so that the attribute `output`, which ONNX has not,
says which: `Y`, all hidden states [B,T,H], or `Y_h`, the last one that counts [B,H]; ONNX's have an axis of directions
more. The inputs are X [B,T,I], and then, each left out or "": sequence_lens [B] (integers; behind them the state stays
and Y is 0), initial_h [B,H] and initial_c [B,H].

Weights: W [1,G*H,I] and R [1,G*H,H] of G gates, `iofc` for LSTM and `zrh` for GRU. B is [1,2*G*H], the biases of W and
those of R, or [1,G*H]: those of W alone, as many frameworks have it; the others are then 0 and no parameters.
"""

import numpy as np

from workloads.backends.base import Unsupported

ORDER = {"LSTM": "iofc", "GRU": "zrh"}
"""ONNX's order of the gates: input, output, forget, cell; update (z), reset, hidden."""

ATTRIBUTES = {"hidden_size", "layout", "output", "direction", "linear_before_reset"}


class Recurrent(object):
    """One LSTM or GRU: its attributes, and its weights by direction forward.

    `w` [G*H,I], `r` [G*H,H], `wb` and `rb` [G*H] or None. `after` says of a GRU that the reset gate multiplies the
    product with R (`linear_before_reset` 1, cuDNN's form) and not the state before it (0, the first paper's).
    """

    def __init__(self, node, weights):
        attrs = node.attrs
        others = sorted(set(attrs) - ATTRIBUTES)
        if others or attrs.get("direction", "forward") != "forward" or attrs.get("layout", 0) != 1:
            what = ", ".join(others) or "direction other than forward, or layout 0"
            raise Unsupported("{0}: {1} with {2}".format(node.name, node.op, what))
        self.order = ORDER[node.op]
        self.hidden = attrs["hidden_size"]
        self.sequence = attrs.get("output", "Y") == "Y"  # or the last state
        self.after = bool(attrs.get("linear_before_reset", 0))
        self.given = [bool(name) for name in node.inputs[1:]]  # sequence_lens, initial_h, initial_c
        self.given += [False] * (3 - len(self.given))
        self.w, self.r = weights["W"][0], weights["R"][0]
        self.wb = self.rb = None
        if "B" in weights:
            biases = weights["B"][0].reshape(-1, len(self.w))
            self.wb, self.rb = biases[0], biases[1] if len(biases) > 1 else None

    def arranged(self, array, order):
        """[G*H,...] with its gates in another order: "ifco", as Keras and PyTorch have an LSTM's."""
        gates = array.reshape((len(self.order), self.hidden) + array.shape[1:])
        return gates[[self.order.index(gate) for gate in order]].reshape(array.shape)

    def restored(self, array, order):
        """The other way: [G*H,...] with its gates as in `order`, in ONNX's order."""
        gates = array.reshape((len(order), self.hidden) + array.shape[1:])
        return gates[[order.index(gate) for gate in self.order]].reshape(array.shape)

    def learnt(self, order, w, r, *biases):
        """{"W", "R", "B"} in ONNX's layout from gradients with gates as in `order`: [G*H,I], [G*H,H], of each bias."""
        found = {"W": self.restored(w, order)[None], "R": self.restored(r, order)[None]}
        if biases:
            found["B"] = np.concatenate([self.restored(bias, order) for bias in biases])[None]
        return found

    def biases(self, dtype=np.float32):
        """(that of W, that of R), zeros where there is none."""
        zeros = np.zeros(len(self.w), dtype)
        return [zeros if bias is None else bias for bias in (self.wb, self.rb)]


def steps_first(nodes, outputs):
    """Names of the tensors that may be [T,B,...]: rows of a Gather that recurrent layers read, and states that
    they or a sum along the steps read, and nobody else does."""

    def takes(reader, name):
        if reader.op in ("ReduceMean", "ReduceSum"):
            return list(reader.attrs["axes"]) == [1] and not reader.attrs.get("keepdims", 1)
        return reader.op in ("LSTM", "GRU") and reader.inputs.count(name) == 1 and reader.inputs[0] == name

    found = set()
    for node in nodes:
        readers = [other for other in nodes if node.name in other.inputs]
        if node.op == "Gather":
            made = any(reader.op in ("LSTM", "GRU") for reader in readers)
        else:
            made = node.op in ("LSTM", "GRU") and node.attrs.get("output", "Y") == "Y"
        if made and node.name not in outputs and all(takes(reader, node.name) for reader in readers):
            found.add(node.name)
    return found
