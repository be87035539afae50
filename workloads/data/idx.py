"""What is in an idx file, the format of MNIST? http://yann.lecun.com/exdb/mnist/"""

import struct

import numpy as np

from workloads.data.reading import DataError

UBYTE = 0x08


def parse(data, dimensions, most):
    """uint8 array of so many dimensions, a view of `data`; at most `most` items along the first.

    The header is two zero bytes, the type, the number of dimensions, and each length in big-endian order.
    """
    head = 4 + 4 * dimensions
    if len(data) < head:
        raise DataError("{0:,} bytes: shorter than its header".format(len(data)))
    zero, kind, found = struct.unpack(">HBB", data[:4])
    if (zero, kind, found) != (0, UBYTE, dimensions):
        expected = "0x{0:08x}".format(UBYTE << 8 | dimensions)
        raise DataError("magic number 0x{0}, expected {1}".format(data[:4].hex(), expected))
    shape = struct.unpack(">{0}I".format(dimensions), data[4:head])
    if shape[0] > most:
        raise DataError("the header claims {0:,} items, {1:,} were published".format(shape[0], most))
    if not shape[0]:
        raise DataError("the header claims no items")
    size = 1
    for length in shape:
        size *= length
    if len(data) - head != size:
        raise DataError("{0:,} bytes behind the header, which claims {1:,}".format(len(data) - head, size))
    return np.frombuffer(data, np.uint8, size, head).reshape(shape)
