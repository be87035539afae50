"""How are recurrent operators written as a TensorFlow Lite model? As its LSTM of a sequence, or as a WHILE."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import with_one
from workloads.recurrent import Recurrent
from workloads.tflite_model import LEFT_OUT


class Sequence(object):
    """Operators of the Writer, each a function from tensors to a tensor."""

    sequence_lstm = True
    """Whether an LSTM is a UNIDIRECTIONAL_SEQUENCE_LSTM: not where a state is given, as its own are variables."""

    def LSTM(self, node, weights):
        spec = Recurrent(node, weights)

        def lstm(x, lengths=None, h=None, c=None):
            if self.sequence_lstm and h is None and c is None:
                return self._chosen(node.name, spec, self._cells(node.name, spec, x), lengths)
            blocks = [(spec.w, sum(spec.biases()))]
            return self._steps(node.name, spec, x, lengths, [h, c], blocks, self._lstm_step)

        return lstm

    def GRU(self, node, weights):
        """TensorFlow Lite has none: its converter makes a WHILE of it."""
        spec = Recurrent(node, weights)
        gates, (outer, inner) = 2 * spec.hidden, spec.biases()
        hidden = outer[gates:] if spec.after else outer[gates:] + inner[gates:]
        blocks = [(spec.w[:gates], outer[:gates] + inner[:gates]), (spec.w[gates:], hidden)]

        def gru(x, lengths=None, h=None):
            return self._steps(node.name, spec, x, lengths, [h], blocks, self._gru_step)

        return gru

    # -- one step --------------------------------------------------------------------------------------------------

    def _lstm_step(self, name, spec, inputs, states):
        """The new [h, c] [B,H], of what the input adds to the gates [B,4*H]."""
        h, c = states
        product = self._linear(name + "_state", h, self._constant(name + ".R", spec.r))
        i, o, f, g = self._split(name, self._binary(name + "_gates", "ADD", inputs[0], product), 4)
        i, o, f = [self._write(name + what, "LOGISTIC", [x], x.shape) for what, x in (("_i", i), ("_o", o), ("_f", f))]
        new = self._binary(name + "_new", "MUL", i, self._write(name + "_g", "TANH", [g], g.shape))
        c = self._binary(name + "_c", "ADD", self._binary(name + "_kept", "MUL", f, c), new)
        return [self._binary(name + "_h", "MUL", o, self._write(name + "_out", "TANH", [c], c.shape)), c]

    def _gru_step(self, name, spec, inputs, states):
        """The new [h] [B,H], of what the input adds to z and r [B,2*H], and to the hidden gate [B,H]."""
        (h,), gates = states, 2 * spec.hidden
        r, own = self._constant(name + ".R", spec.r[:gates]), self._constant(name + ".Rn", spec.r[gates:])
        added = self._binary(name + "_gates", "ADD", inputs[0], self._linear(name + "_state", h, r))
        z, r = self._split(name, self._write(name + "_zr", "LOGISTIC", [added], added.shape), 2)
        if spec.after:
            bias = self._constant(name + ".Bn", spec.biases()[1][gates:])
            product = self._binary(name + "_reset", "MUL", r, self._linear(name + "_product", h, own, bias))
        else:
            product = self._linear(name + "_product", self._binary(name + "_reset", "MUL", r, h), own)
        n = self._write(name + "_n", "TANH", [self._binary(name + "_hidden", "ADD", inputs[1], product)], h.shape)
        moved = self._binary(name + "_moved", "MUL", z, self._binary(name + "_back", "SUB", h, n))
        return [self._binary(name + "_h", "ADD", n, moved)]

    # -- all steps -------------------------------------------------------------------------------------------------

    def _cells(self, name, spec, x):
        """All hidden states [B,T,H], by the operator: it goes on from its last step unless its variables are reset."""
        gates = []
        for key, array in (("W", spec.w), ("R", spec.r), ("B", sum(spec.biases()))):
            parts = np.split(spec.arranged(array, "ifco"), 4)
            gates.append([self._constant("{0}.{1}{2}".format(name, key, i), part) for i, part in enumerate(parts)])
        w, r, b = gates
        states = [self._tensor(name + what, (x.shape[0], spec.hidden)) for what in ("_h", "_c")]
        for each in states:
            self.tensors[each.index].isVariable = True
        none = [LEFT_OUT]
        inputs = [x] + w + r + 3 * none + b + 2 * none + states + 4 * none  # no peepholes, no projection, no norms
        options = schema.UnidirectionalSequenceLSTMOptionsT()
        options.fusedActivationFunction = schema.ActivationFunctionType.TANH
        shape = x.shape[:2] + (spec.hidden,)
        return self._write(name + "_cells", "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, shape, options)

    def _steps(self, name, spec, x, lengths, given, blocks, step):  # noqa: PLR0917  (what both operators have)
        """What is asked for, by a WHILE over the steps, behind the products with the inputs of all of them."""
        batch, count = x.shape[:2]
        rows, inputs = self._turned(name + "_rows", x, [1, 0, 2]), []  # time first: a step is a row
        for i, (w, bias) in enumerate(blocks):
            made = [self._constant("{0}.{1}{2}".format(name, key, i), each) for key, each in (("W", w), ("B", bias))]
            inputs.append(self._linear("{0}_input{1}".format(name, i), rows, *made))
        zeros = np.zeros((batch, spec.hidden), np.float32)
        states = [self._constant(name + ".zeros", zeros) if each is None else each for each in given]
        if count == 1:  # within any length
            now = [self._reshaped("{0}_now{1}".format(name, i), each, each.shape[1:]) for i, each in enumerate(inputs)]
            last = step(name, spec, now, states)[0]
            return self._reshaped(name + "_all", last, (batch, 1, -1)) if spec.sequence else last
        kept = spec.sequence or lengths is not None
        if kept:
            states.append(self._constant(name + ".none", np.zeros((count, batch, spec.hidden), np.float32)))
        found = self._loop(name, count, states, inputs, kept, lambda *now: step(name, spec, *now))
        if kept:
            return self._chosen(name, spec, self._turned(name + "_all", found[-1], [1, 0, 2]), lengths)
        return found[0]

    def _loop(self, name, count, states, inputs, kept, step):  # noqa: PLR0917  (what a WHILE carries)
        """The states behind `count` steps; the last of them are all hidden states [T,B,H], where they are `kept`."""
        carried = [self._constant(name + ".first", np.array(0, np.int32))] + states + inputs

        def condition():
            now = self._alike(name + "_given", carried)
            end = self._constant(name + ".count", np.array(count, np.int32))
            return now, [self._write(name + "_more", "LESS", [now[0], end], (), schema.LessOptionsT(), np.bool_)]

        def body():
            now = self._alike(name + "_given", carried)
            t, old, rows = now[0], now[1 : 1 + len(states)], now[1 + len(states) :]
            picked = [self._row("{0}_row{1}".format(name, i), each, t) for i, each in enumerate(rows)]
            new = step(picked, old[:-1] if kept else old)
            if kept:
                new.append(self._placed_at(name, old[-1], new[0], t))
            after = self._binary(name + "_next", "ADD", t, self._constant(name + ".one", np.array(1, np.int32)))
            return now, [after] + new + rows

        options = schema.WhileOptionsT()
        options.condSubgraphIndex = self._graph(name + "_condition", condition)
        options.bodySubgraphIndex = self._graph(name + "_body", body)
        return self._add("WHILE", carried, self._alike(name + "_last", carried), options)[1 : 1 + len(states)]

    def _alike(self, name, tensors):
        """New tensors of the same shapes and types."""
        return [self._tensor("{0}{1}".format(name, i), each.shape, each.dtype) for i, each in enumerate(tensors)]

    def _row(self, name, x, t):
        """x[t]"""
        return self._write(name, "GATHER", [x, t], x.shape[1:], schema.GatherOptionsT())

    def _placed_at(self, name, states, state, t):
        """`states` [T,B,H] with `state` [B,H] as that of step t."""
        zero = self._constant(name + ".zero", np.array(0, np.int32))
        options = schema.PackOptionsT()
        options.valuesCount = 3
        start = self._write(name + "_start", "PACK", [t, zero, zero], (3,), options, np.int32)
        update = self._reshaped(name + "_update", state, (1,) + state.shape)
        options = schema.DynamicUpdateSliceOptionsT()
        return self._write(name + "_states", "DYNAMIC_UPDATE_SLICE", [states, update, start], states.shape, options)

    def _split(self, name, x, count):
        """Equal parts of x along its second axis."""
        options = schema.SplitOptionsT()
        options.numSplits = count
        axis = self._constant(name + ".axis", np.array(1, np.int32))
        parts = [self._tensor("{0}_part{1}".format(name, i), (x.shape[0], x.shape[1] // count)) for i in range(count)]
        return self._add("SPLIT", [axis, x], parts, options)

    def _chosen(self, name, spec, states, lengths):
        """Of all hidden states [B,T,H]: those within the lengths, or the last one of each sample [B,H]."""
        batch, count = states.shape[:2]
        if spec.sequence:
            if lengths is None:
                return states
            ends = self._reshaped(name + "_ends", lengths, (batch, 1, 1))
            steps = self._constant(name + ".steps", np.arange(count, dtype=np.int64)[None, :, None])
            own = self._write(name + "_own", "LESS", [steps, ends], (batch, count, 1), schema.LessOptionsT(), np.bool_)
            mask = self._write(name + "_mask", "CAST", [own], own.shape, schema.CastOptionsT())
            return self._binary(name, "MUL", states, mask)
        options = schema.GatherOptionsT()
        options.axis, options.batchDims = 1, 1
        if lengths is None:
            last = self._constant(name + ".last", np.full(batch, count - 1, np.int64))
        else:
            last = self._binary(name + "_last", "SUB", lengths, self._constant(name + ".one", np.array(1, np.int64)))
        return self._write(name, "GATHER", [states, last], (batch, spec.hidden), options)

    # -- what is done to a sequence --------------------------------------------------------------------------------

    def ReduceSum(self, node, weights):
        return self._reduced(node, "SUM")

    def ReduceMean(self, node, weights):
        return self._reduced(node, "MEAN")

    def _reduced(self, node, kind):
        axes, keep = node.attrs["axes"], bool(node.attrs.get("keepdims", 1))
        held = self._constant(node.name + ".axes", np.array(axes, np.int32))
        options = schema.ReducerOptionsT()
        options.keepDims = keep

        def reduced(x):
            gone = {axis % len(x.shape) for axis in axes}
            shape = [1 if axis in gone else length for axis, length in enumerate(x.shape) if keep or axis not in gone]
            return self._write(node.name, kind, [x, held], shape, options)

        return reduced

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: self._reshaped(node.name, x, with_one(x.shape, axis))

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: self._write(node.name, "CAST", [x], x.shape, schema.CastOptionsT())

    def Div(self, node, weights):
        return lambda a, b: self._binary(node.name, "DIV", a, b)
