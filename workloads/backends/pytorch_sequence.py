"""How does PyTorch run a recurrent operator? ATen's own LSTM and GRU, over packed sequences where lengths are given.

These are what torch.nn.LSTM and torch.nn.GRU call: oneDNN's or cuDNN's kernels, or ATen's loop. A GRU that resets the
state before its product is in none of them: it is a loop in Python, one large product for the inputs of all steps.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)

from workloads.backends.base import Unsupported
from workloads.recurrent import Recurrent

ORDER = {"LSTM": "ifco", "GRU": "rzh"}
"""PyTorch's order of the gates."""


class Sequence(object):
    """LSTM, GRU, and what is done to a sequence before and behind them."""

    def LSTM(self, node, weights):
        spec, params = self._recurrent(node, weights)

        def lstm(x, lengths=None, h=None, c=None):
            state = [zeros(x, spec.hidden) if each is None else each.unsqueeze(0) for each in (h, c)]
            return run(torch.lstm, spec, params, (x, lengths, *state))

        return lstm

    def GRU(self, node, weights):
        spec, params = self._recurrent(node, weights)
        if not spec.after:
            return lambda x, lengths=None, h=None: reset_before(spec, params, x, lengths, h)

        def gru(x, lengths=None, h=None):
            state = zeros(x, spec.hidden) if h is None else h.unsqueeze(0)
            return run(torch.gru, spec, params, (x, lengths, state))

        return gru

    def _recurrent(self, node, weights):
        """The Recurrent, and its weights with PyTorch's order of gates: w_ih, w_hh, b_ih, b_hh, or the first two."""
        spec, order = Recurrent(node, weights), ORDER[node.op]
        if self.execution == "compile":
            check_compilable(node, spec)
        arrays = [spec.w, spec.r] + (spec.biases() if spec.wb is not None else [])
        names = ["{0}.{1}".format(node.name, key) for key in ("W", "R", "B0", "B1")]
        learnt = [True, True, True, spec.rb is not None]
        params = [
            self._weight(name, spec.arranged(array, order), learnt=own)
            for name, array, own in zip(names, arrays, learnt)  # noqa: B905  (3.10 has it)
        ]
        if self.device == "cuda":
            params = flattened(node.op, spec, params)
        self.recurrent = dict(getattr(self, "recurrent", {}), **{node.name: spec})
        return spec, params

    def in_onnx_layout(self, found):
        """Gradients by name, those of recurrent operators put together as ONNX has their weights."""
        for name, spec in getattr(self, "recurrent", {}).items():
            keys = ["{0}.{1}".format(name, key) for key in ("W", "R", "B0", "B1")]
            parts = [found.pop(key) for key in keys if key in found]
            whole = spec.learnt(ORDER["LSTM" if len(spec.order) == 4 else "GRU"], *parts)
            found.update(("{0}.{1}".format(name, key), array) for key, array in whole.items())
        return found

    def ReduceSum(self, node, weights):
        axes, keep = list(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: torch.sum(x, axes, keep)

    def ReduceMean(self, node, weights):
        axes, keep = list(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))
        return lambda x: torch.mean(x, axes, keep)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: torch.unsqueeze(x, axis)

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: x.to(torch.float32)


def check_compilable(node, spec):
    """Raise Unsupported for what torch.fx or Dynamo cannot trace."""
    if node.op == "GRU" and not spec.after:
        raise Unsupported(
            "{0}: mode 'compile': a loop in Python over steps that torch.fx does not know".format(node.name)
        )
    if spec.given[0] and spec.sequence:  # "failed to run FX node with fake tensors: _pad_packed_sequence"
        raise Unsupported("{0}: mode 'compile': Dynamo unpacks no sequence whose lengths are data".format(node.name))


def zeros(x, hidden):
    """[1,B,H]"""
    return torch.zeros(1, x.size(0), hidden, dtype=x.dtype, device=x.device)


def run(function, spec, params, tensors):
    """torch.lstm or torch.gru of (x [B,T,I], lengths or None, the states [1,B,H]), as the module calls it."""
    x, lengths, state = tensors[0], tensors[1], tensors[2:]
    # has_biases, num_layers, dropout, train, bidirectional
    options = (len(params) > 2, 1, 0.0, torch.is_grad_enabled(), False)
    if lengths is None:
        batch_first = True
        found = function(x, state if len(state) > 1 else state[0], params, *options, batch_first)
        return found[0] if spec.sequence else found[1][0]
    lengths, order = torch.sort(lengths.cpu(), descending=True)  # a packed sequence has the longest sample first
    there, back = order.to(x.device), torch.sort(order)[1].to(x.device)
    data, sizes = pack(x[there], lengths)
    state = tuple(each[:, there] for each in state)
    found = function(data, sizes, state if len(state) > 1 else state[0], params, *options)
    return unpack(found[0], sizes, x.size(1))[back] if spec.sequence else found[1][0][back]


def pack(x, lengths):
    """What torch.nn.utils.rnn.pack_padded_sequence holds: the data, step after step, and how many take each step."""
    packed = torch._pack_padded_sequence(x, lengths, batch_first=True)  # noqa: SLF001
    return packed[0], packed[1]  # not taken apart: torch.fx could not trace it


def unpack(data, sizes, steps):
    """[B,T,H], 0 behind the lengths."""
    return torch._pad_packed_sequence(data, sizes, batch_first=True, padding_value=0.0, total_length=steps)[0]  # noqa: SLF001


def reset_before(spec, params, x, lengths, h):
    """A GRU whose reset gate multiplies the state before the product with R; gates are r, z, h."""
    hidden, (w, r) = spec.hidden, params[:2]
    bias = params[2] + params[3] if len(params) > 2 else None
    gates = F.linear(x, w, bias)  # of all steps at once
    state = zeros(x, hidden)[0] if h is None else h
    outputs = []
    for t in range(x.size(1)):
        here = gates[:, t]
        both = torch.sigmoid(here[:, : 2 * hidden] + F.linear(state, r[: 2 * hidden]))
        reset, z = both[:, :hidden], both[:, hidden:]
        new = torch.tanh(here[:, 2 * hidden :] + F.linear(reset * state, r[2 * hidden :]))
        new = new + z * (state - new)
        if lengths is None:
            state = new
            outputs.append(state)
        else:
            own = (lengths > t).unsqueeze(1)
            state = torch.where(own, new, state)
            outputs.append(torch.where(own, new, torch.zeros_like(new)))
    return torch.stack(outputs, 1) if spec.sequence else state


def flattened(op, spec, params):
    """The same weights in one piece of memory, as cuDNN wants them; else it copies them at every call."""
    module = getattr(torch.nn, op)(params[0].shape[1], spec.hidden, bias=len(params) > 2, batch_first=True)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    for name, tensor in zip(names, params):  # noqa: B905  (3.10 has it)
        setattr(module, name, torch.nn.Parameter(tensor.detach(), requires_grad=tensor.requires_grad))
    module.to(params[0].device).flatten_parameters()
    for name, tensor in zip(names, params):  # noqa: B905  (3.10 has it)
        tensor.data = getattr(module, name).data
    return params
