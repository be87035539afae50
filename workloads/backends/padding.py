"""When does the word `same` say what an operator's pads say?"""


def is_same(node):
    """Whether TensorFlow's `SAME` pads as this operator does.

    At a larger stride it pads [0, 0, 1, 1] where symmetric pads say [1, 1, 1, 1].
    """
    kernel, pads = node.attrs["kernel_shape"], list(node.attrs.get("pads", [0, 0, 0, 0]))
    before = [(k - 1) // 2 for k in kernel]
    same = before + [k - 1 - b for k, b in zip(kernel, before)]  # noqa: B905  (3.10 has it)
    return list(node.attrs.get("strides", [1, 1])) == list(node.attrs.get("dilations", [1, 1])) == [1, 1] and (
        pads == same
    )
