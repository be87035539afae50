"""Which variables steer threads and kernels?"""

import os

PREFIXES = (
    "OMP_ OPENBLAS_ GOTO_ MKL_ MKLDNN_ BLIS_ KMP_ GOMP_ DNNL_ ONEDNN_ ATLAS ATEN_CPU_ NUMEXPR_ VECLIB_ JAX_ XLA_ ORT_ "
    "OV_ TF_ENABLE_ TF_DISABLE_ TF_NUM_ TF_XLA_ TF_ONEDNN_ TF_CPP_ TORCH_ MXNET_ THEANO_FLAGS PYTENSOR_FLAGS NPY_ "
    "LD_PRELOAD LD_LIBRARY_PATH CUDA_VISIBLE_DEVICES NVIDIA_TF32_OVERRIDE CUBLAS_ CUDNN_ "
    "GLIBC_TUNABLES MALLOC_"
).split()


def steering(environment=None):
    """Name -> value of the variables on the allow-list; the rest of the environment may hold secrets."""
    environment = os.environ if environment is None else environment
    return {name: environment[name] for name in sorted(environment) if name.startswith(tuple(PREFIXES))}
