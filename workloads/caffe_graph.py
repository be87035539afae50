"""How is a network written as Caffe's NetParameter text, and which blob holds which tensor?"""

from typing import NamedTuple

from workloads.backends.base import Unsupported


class Blob(NamedTuple):
    """A tensor of the graph: the blob that holds it, and its shape."""

    name: str
    shape: tuple


class Graph(object):
    """Layers in the order in which they run; an input has a layer of its own where some layer reads it."""

    def __init__(self, inputs):
        self.inputs = dict(inputs)
        self.layers = []
        self.read = set()

    def layer(self, name, kind, bottoms, top, *, beside=(), loss_weight=None, **parameters):
        """Append one layer that reads Blobs and writes the Blob `top`, in place where that is one of them, and those
        `beside` it.

        A parameter is a message (`pooling_param`) with its fields: text and numbers as they are, a list repeated, a
        dict a message of its own.
        """
        self.read.update(bottom.name for bottom in bottoms)
        lines = ['name: "{0}"'.format(name), 'type: "{0}"'.format(kind)]
        lines += ['bottom: "{0}"'.format(bottom.name) for bottom in bottoms] + [
            'top: "{0}"'.format(each.name) for each in [top] + list(beside)
        ]
        lines += [] if loss_weight is None else ["loss_weight: {0!r}".format(loss_weight)]
        lines += ["{0} {{ {1} }}".format(key, message(fields)) for key, fields in sorted(parameters.items())]
        self.layers.append("layer {{\n{0}\n}}\n".format("\n".join("  " + line for line in lines)))
        return top

    def text(self):
        """The whole NetParameter."""
        return 'name: "network"\n' + "".join(
            [self._input(name) for name in self.inputs if name in self.read] + self.layers
        )

    def _input(self, name):
        shape = "input_param {{ {0} }}".format(message({"shape": {"dim": list(self.inputs[name])}}))
        return 'layer {{\n  name: "{0}"\n  type: "Input"\n  top: "{0}"\n  {1}\n}}\n'.format(name, shape)


def solver(optimizer, net):
    """A SolverParameter for the net in the file `net`: a constant rate, no decay of weights, nothing shown or saved.

    Caffe's SGD has the rate inside what it remembers, v = momentum * v + rate * g, which a constant one makes the same.
    """
    fields = {"net": '"{0}"'.format(net), "base_lr": repr(optimizer.learning_rate), "lr_policy": '"fixed"'}
    fields.update(weight_decay=0, display=0, snapshot=0, snapshot_after_train=False, solver_mode="CPU")
    if optimizer.name == "sgd":
        fields.update(type='"SGD"', momentum=optimizer.momentum)
    else:
        fields.update(type='"Adam"', momentum=optimizer.beta1, momentum2=optimizer.beta2, delta=optimizer.epsilon)
    return message(fields)


def message(fields):
    """`kernel_h: 3 dilation: 1 dilation: 1 bias_term: true` of a dict; None is left out."""
    found = []
    for key, value in fields.items():
        if isinstance(value, dict):
            found.append("{0} {{ {1} }}".format(key, message(value)))
            continue
        several = value if isinstance(value, (list, tuple)) else [value]
        found += ["{0}: {1}".format(key, scalar(each)) for each in several if each is not None]
    return " ".join(found)


def scalar(value):
    """A number or an enumerator as protobuf's text has it."""
    return str(value).lower() if isinstance(value, bool) else value


def window(node, dilated):
    """(fields of kernel, stride and pad, kernel, strides, pads) of a Conv or a pool: Caffe pads both sides alike."""
    kernel = tuple(node.attrs["kernel_shape"])
    strides = tuple(node.attrs.get("strides", (1, 1)))
    top, left, bottom, right = node.attrs.get("pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        raise Unsupported("{0}: pads that differ from side to side".format(node.name))
    if not dilated and list(node.attrs.get("dilations", (1, 1))) != [1, 1]:
        raise Unsupported("{0}: a pool with dilations".format(node.name))
    fields = {"kernel_h": kernel[0], "kernel_w": kernel[1], "stride_h": strides[0], "stride_w": strides[1]}
    fields.update(pad_h=top, pad_w=left)
    return fields, kernel, strides, (top, left)


def conv_size(x, kernel, strides, pads, dilations):
    """(height, width) of a convolution's output."""
    return tuple(
        (x.shape[2 + i] + 2 * pads[i] - dilations[i] * (kernel[i] - 1) - 1) // strides[i] + 1 for i in range(2)
    )


def pool_size(x, kernel, strides, pads, ceil):
    """(height, width) of a pool's output; rounded up, a last window that would begin in the padding is left out."""
    size = []
    for i in range(2):
        spare = x.shape[2 + i] + 2 * pads[i] - kernel[i]
        length = (-(-spare // strides[i]) if ceil else spare // strides[i]) + 1
        if ceil and pads[i] and (length - 1) * strides[i] >= x.shape[2 + i] + pads[i]:
            length -= 1
        size.append(length)
    return tuple(size)
