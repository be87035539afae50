"""Whose kernels are the operators of the graph that TensorFlow executed?"""

COMPUTING = ("Conv2D", "_FusedConv2D", "DepthwiseConv2dNative", "_FusedDepthwiseConv2dNative", "MatMul", "_FusedMatMul")
"""Operators of a graph that oneDNN's rewriting would have replaced."""


def onednn_state(operators):
    """(state, reason) of operator -> how many of them the graph has."""
    counts = {op: operators[op] for op in operators if op in COMPUTING or op.startswith("_Mkl")}
    if not counts:
        return "unknown", "the executed graph shows no operator that could be oneDNN's"
    shown = "operators of the executed graph: "
    shown += ", ".join("{0} {1}".format(count, op) for op, count in sorted(counts.items()))
    if any(op.startswith("_Mkl") for op in counts):
        return "on", shown
    return "off", shown + "; Eigen's contractions still call oneDNN's GEMM"
