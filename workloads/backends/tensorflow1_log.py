"""What does TensorFlow 1 log at its first session?"""

LEVELS = ("SSE2", "SSE3", "SSE4.1", "SSE4.2", "AVX", "AVX2", "AVX512F")
"""Instruction sets by which TensorFlow is compiled, each with those before it."""


def compiled_isa(log):
    """The widest of LEVELS that TensorFlow was compiled to use, from what it logs at its first session, or None.

    `... this TensorFlow binary was not compiled to use: AVX2 AVX512F FMA`, or a line for each set until 1.5:
    `The TensorFlow library wasn't compiled to use AVX2 instructions, but these are available on your machine ...`.
    """
    lines = [line for line in log.splitlines() if "compiled to use" in line]
    words = {word for line in lines for word in line.split("compiled to use")[1].replace(":", " ").split()}
    missing = [LEVELS.index(word) for word in words if word in LEVELS]
    return LEVELS[min(missing) - 1] if missing and min(missing) else None
