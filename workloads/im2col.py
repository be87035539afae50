"""What does each tap of a kernel see, and where do results go without being allocated again?"""

import numpy as np

from workloads.backends.base import Unsupported


class Buffers(object):
    """Arrays by (owner, shape), made once: the timed region allocates nothing but what it returns."""

    def __init__(self):
        self.made = {}

    def get(self, owner, shape):
        """A float32 array, zero when it is made; the same one for the same owner and shape."""
        key = (owner, shape)
        if key not in self.made:
            self.made[key] = np.zeros(shape, np.float32)
        return self.made[key]


VIEWS = ("Flatten", "Reshape", "Slice", "Transpose", "Unsqueeze")
"""Operators whose output may be their input's memory."""


def overwritable(nodes, outputs):
    """Names of the tensors that one operator made and only one reads: the reader may write over them."""
    readers = [name for node in nodes for name in node.inputs]
    names = set()
    for node in nodes:
        view = node.op in VIEWS and node.inputs[0] not in names  # of a tensor that somebody else still reads
        if readers.count(node.name) == 1 and node.name not in outputs and not view:
            names.add(node.name)
    return names


class Geometry(object):
    """Kernel, strides and pads of a Conv or a pool, and what each tap of the kernel sees."""

    def __init__(self, node):
        self.kernel = tuple(node.attrs["kernel_shape"])
        self.strides = tuple(node.attrs.get("strides", [1, 1]))
        self.pads = tuple(node.attrs.get("pads", [0, 0, 0, 0]))
        if tuple(node.attrs.get("dilations", [1, 1])) != (1, 1) or node.attrs.get("ceil_mode", 0):
            raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
        self.pointwise = self.kernel == self.strides == (1, 1) and not any(self.pads)

    def size(self, x):
        """(height, width) of the output for x [N,C,H,W]."""
        top, left, bottom, right = self.pads
        h = (x.shape[2] + top + bottom - self.kernel[0]) // self.strides[0] + 1
        w = (x.shape[3] + left + right - self.kernel[1]) // self.strides[1] + 1
        return h, w

    def windows(self, padded, top, rows, width):
        """For each tap, row by row: the view of padded [...,H,W] that it sees for output rows top to top+rows."""
        (kh, kw), (sh, sw) = self.kernel, self.strides
        for i in range(kh):
            first = top * sh + i
            for j in range(kw):
                yield padded[..., first : first + sh * (rows - 1) + 1 : sh, j : j + sw * (width - 1) + 1 : sw]
