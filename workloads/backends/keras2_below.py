"""What does the framework below Keras 2 want to be told, and what does it say of itself?"""

import os
import re
import sys

import numpy as np
from keras import backend as K  # noqa: N812  (its usual name)

from workloads.backends.base import Unsupported
from workloads.evidence import capture, identify, maps


class TensorFlow(object):
    """TensorFlow 1: a session of the row's threads, images as NHWC."""

    channels_last = True
    lengths_differ = True
    """Whether inputs may differ in their first axis."""
    product = staticmethod(K.dot)
    """[M,K] times [K,N], both of them inputs."""

    def __init__(self, threads):
        self.threads = threads
        self.counts = None

    def configure(self):
        import tensorflow as tf  # noqa: PLC0415  (only one of the three is installed)

        from workloads.backends import tensorflow1_evidence  # noqa: PLC0415

        self.evidence = tensorflow1_evidence
        tf.logging.set_verbosity(tf.logging.ERROR)
        self.config = tf.ConfigProto(
            intra_op_parallelism_threads=self.threads,
            inter_op_parallelism_threads=1,
            device_count={"GPU": 0},
        )
        self.log = capture.captured(lambda: K.set_session(tf.Session(config=self.config)), 2)
        sys.stderr.write(self.log)
        self.session, self.name = K.get_session, "TensorFlow {0}".format(tf.__version__)

    @staticmethod
    def learn(optimizer):
        """Of the older kind of variable a read is no copy, and Keras writes the update of a layer while the gradients
        of those below still read it: with one thread between operators LeNet learns something else."""
        import tensorflow as tf  # noqa: PLC0415

        if optimizer.name == "adam":
            raise Unsupported("adam: nothing orders Keras 2's count of steps and its reading: it begins at 2")
        tf.enable_resource_variables()

    @staticmethod
    def empty(shape, dtype=None):  # noqa: ARG004  (an initialiser's signature)
        """What a weight is until it is set: an operator of the graph, as a large constant would be kept in it."""
        import tensorflow as tf  # noqa: PLC0415

        return tf.zeros(shape)

    @staticmethod
    def erf(node):  # noqa: ARG004
        """The function, which Keras 2 has no name for."""
        import tensorflow as tf  # noqa: PLC0415

        return tf.erf

    def build_string(self):
        return "{0}: {1}".format(self.name, self.evidence.build_string(self.log))

    def pools(self):
        return {
            "intra_op": self.config.intra_op_parallelism_threads,
            "inter_op": self.config.inter_op_parallelism_threads,
        }

    def executed(self, model, fed):
        """Operator -> how often it stands in the graph that the executor was given."""
        if self.counts is None:
            feeds = dict(zip(model.inputs, fed))  # noqa: B905  (3.10 has it)
            self.counts = self.evidence.executed(self.session(), model.outputs, feeds)
        return self.counts

    def isa_used(self, model, fed):
        return self.evidence.isa_used(self.executed(model, fed), self.log)

    def static_libraries(self, model, fed):
        return self.evidence.static_libraries(self.executed(model, fed))

    def onednn_state(self, model, fed):
        return self.evidence.onednn_state(self.executed(model, fed))


class Shared(object):
    """A framework whose BLAS is a shared library, which is proved by its being mapped; images as NCHW."""

    channels_last = False
    lengths_differ = True
    product = staticmethod(K.dot)

    def __init__(self, threads):
        self.threads = threads

    @staticmethod
    def learn(optimizer):
        """Say what training wants to be told; raises Unsupported for an optimizer that goes wrong."""

    @staticmethod
    def empty(shape, dtype=None):  # noqa: ARG004  (an initialiser's signature)
        """What a weight is until it is set: an array, as every other start would be compiled and run (Theano)."""
        return np.zeros(shape, np.float32)

    def isa_used(self, model, fed):  # noqa: ARG002
        return None

    def static_libraries(self, model, fed):  # noqa: ARG002
        return []


class Theano(Shared):
    """Theano: C++ that g++ compiles when a function is first called, linked to what `blas.ldflags` names."""

    def configure(self):
        import theano  # noqa: PLC0415

        if not theano.config.cxx:
            raise RuntimeError("Theano found no C++ compiler and would compute in Python")
        self.theano = theano
        theano.config.allow_gc = False  # what lies between the layers is allocated once
        theano.config.openmp = False  # the BLAS has the threads

    @staticmethod
    def erf(node):  # noqa: ARG004
        from theano import tensor  # noqa: PLC0415

        return tensor.erf

    def build_string(self):
        config = self.theano.config
        names = ("device", "linker", "optimizer", "cxx", "allow_gc", "openmp", "floatX")
        settings = ", ".join("{0}={1}".format(name, getattr(config, name)) for name in names)
        return "Theano {0}, blas.ldflags={1}, {2}".format(self.theano.__version__, config.blas.ldflags, settings)

    def pools(self):
        return {"elementwise": self.threads if self.theano.config.openmp else 1}

    def isa_used(self, model, fed):  # noqa: ARG002
        """The processor that its C++ was compiled for; the BLAS chooses by itself."""
        from theano.gof.cmodule import GCC_compiler  # noqa: PLC0415

        return " ".join(flag for flag in GCC_compiler.march_flags or [] if flag.startswith("-march=")) or None

    def onednn_state(self, model, fed):  # noqa: ARG002
        return ("absent", None, "Theano's convolutions are im2col and one product of the BLAS")


class Cntk(Shared):
    """CNTK: kernels of libCntk.Math over MKL's small library."""

    lengths_differ = False  # "Different minibatch layouts detected": Keras gives all of them one batch axis

    def configure(self):
        import cntk  # noqa: PLC0415

        self.cntk = cntk
        cntk.device.try_set_default_device(cntk.device.cpu())
        cntk.cntk_py.set_max_num_cputhreads(self.threads)

    def product(self, a, b):
        """K.dot has [M,K,N] of two inputs, as each has its rows in the batch axis: one has to be taken out of it."""
        return self.cntk.times(a, self.cntk.unpack_batch(b))

    @staticmethod
    def erf(node):
        raise Unsupported("{0}: Gelu by erf: CNTK 2.7 has no such function".format(node.name))

    def build_string(self):
        device = re.sub(r"\s+", " ", str(self.cntk.device.use_default_device()))
        return "CNTK {0}, {1}, kernels of libCntk.Math".format(self.cntk.__version__, device)

    def pools(self):
        return {"cputhreads": int(self.cntk.cntk_py.get_max_num_cputhreads())}

    def onednn_state(self, model, fed):  # noqa: ARG002
        mapped = [path for path in maps.read_maps() if identify.ONEDNN.match(os.path.basename(path))]
        if mapped:
            return ("unknown", None, "mapped, and nothing shows whether it computes: {0}".format(", ".join(mapped)))
        return ("absent", None, "no oneDNN or MKL-DNN is mapped")


BELOW = {"tensorflow": TensorFlow, "theano": Theano, "cntk": Cntk}
"""KERAS_BACKEND -> its class."""
