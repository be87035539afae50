"""Which variables steer threads and kernels?"""

import os

PREFIXES = (
    "OMP_ OPENBLAS_ GOTO_ MKL_ MKLDNN_ BLIS_ KMP_ GOMP_ DNNL_ ONEDNN_ ATLAS TF_ XLA_ ATEN_ NUMEXPR_ VECLIB_ JAX_ ORT_ OV_ "
    "MXNET_ THEANO_FLAGS LD_PRELOAD LD_LIBRARY_PATH NPY_ CUDA_VISIBLE_DEVICES GLIBC_TUNABLES MALLOC_"
).split()


def steering(environment=None):
    """Name -> value of the variables on the allow-list; the rest of the environment may hold secrets."""
    environment = os.environ if environment is None else environment
    return {name: environment[name] for name in sorted(environment) if name.startswith(tuple(PREFIXES))}
