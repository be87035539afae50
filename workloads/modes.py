"""What is a step, of each mode, and what has to be true of it?

A mode is made of a job and a backend. `build` makes the backend ready, `load` gives it the inputs; `step` is what is
timed and gives what `seen` turns into the outputs that are compared. `learn` comes between them and the clock,
`again` after it: a step that got fast by computing nothing any more is wrong, too.
"""

import numpy as np

from workloads import examples, gradient, training, verify, weights
from workloads.backends.base import Optimizer, Unsupported


class Infer(object):
    """The network's outputs, on the host. Region `compute` computes and fetches, `end_to_end` loads the inputs too."""

    late = ()
    """What is compared that `learn` makes."""

    def __init__(self, job, backend):
        self.job, self.backend, self.network = job, backend, job["network"]
        self.inputs = weights.make_inputs(self.network, job["batch"], job["seed"])
        self.step = {"compute": self.compute, "end_to_end": self.end_to_end}[job["region"]]

    def build(self, nodes, made):
        shapes = weights.input_shapes(self.network, self.job["batch"])
        self.backend.build(nodes, made, shapes, list(self.network["outputs"]))

    def load(self):
        self.backend.load(self.inputs)

    def compute(self):
        self.backend.step()
        return self.backend.fetch()

    def end_to_end(self):
        self.load()
        return self.compute()

    def first(self, outputs):
        """What has to be compared after the first step; may make more of them."""
        return outputs

    def learn(self):
        """What has to be compared of the `late` ones."""
        return {}

    def again(self):
        """What has to be compared after the last sample; nothing where the mode has checked it itself."""
        return self.first(self.step())


class Peak(Infer):
    """As Infer, of matrix products alone."""

    def __init__(self, job, backend):
        others = sorted({node["op"] for node in job["network"]["nodes"]} - {"MatMul", "Gemm"})
        if others:
            text = "mode 'peak' is for matrix products alone; {0} has {1} too"
            raise Unsupported(text.format(job["network"]["name"], ", ".join(others)))
        super(Peak, self).__init__(job, backend)


class Single(Infer):
    """As many predictions as the batch has samples, one at a time, each from its array on the host to its result there:
    what a loop of a user's over a data set costs."""

    def __init__(self, job, backend):
        super(Single, self).__init__(job, backend)
        self.step = self.one_by_one
        self.samples = [
            {name: weights.as_aligned(array[row : row + 1]) for name, array in self.inputs.items()}
            for row in range(job["batch"])
        ]
        self.results = None

    def build(self, nodes, made):
        self.backend.build(nodes, made, weights.input_shapes(self.network, 1), list(self.network["outputs"]))

    def load(self):
        self.backend.load(self.samples[0])

    def one_by_one(self):
        backend, results = self.backend, self.results
        for row, sample in enumerate(self.samples):
            backend.load(sample)
            backend.step()
            found = backend.fetch()
            if results is None:  # the very first prediction, whose time is part of the first step
                results = self.results = self._room(found)
            for name in results:
                results[name][row] = found[name][0]
        return results

    def _room(self, found):
        """For the outputs of all samples, in the shapes of one's."""
        return {name: np.empty((len(self.samples),) + array.shape[1:], np.float32) for name, array in found.items()}


class Gradient(Infer):
    """The loss and its gradient with respect to every weight."""

    def __init__(self, job, backend):
        super(Gradient, self).__init__(job, backend)
        if not backend.differentiates:
            raise Unsupported("mode 'gradient': {0} computes no gradients here".format(backend.name))
        self.targets = weights.make_targets(self.network, self.inputs, job["batch"], job["seed"])

    def build(self, nodes, made):
        shapes = weights.input_shapes(self.network, self.job["batch"])
        nodes = differentiable(self.network, "gradient")
        self.backend.build_gradient(nodes, made, shapes, gradient.make_loss(self.network))

    def load(self):
        self.backend.load(self.inputs)
        self.backend.load_targets(self.targets)

    def first(self, outputs):
        return dict(outputs, **self.backend.gradients())


class Train(Infer):
    """One update of every weight, from the inputs of one batch."""

    late = ("accuracy",)

    def __init__(self, job, backend):
        super(Train, self).__init__(job, backend)
        if not backend.trains:
            raise Unsupported("mode 'train': {0} does not train here".format(backend.name))
        if not self.network.get("training"):
            raise Unsupported("mode 'train': {0} declares no optimizer".format(self.network["name"]))
        self.steps = 0
        self.inputs, self.targets = self._batch(0)

    def build(self, nodes, made):
        shapes = weights.input_shapes(self.network, self.job["batch"])
        optimizer = Optimizer(self.network["training"])
        nodes = differentiable(self.network, "train")
        self.backend.build_training(nodes, made, shapes, gradient.make_loss(self.network), optimizer)

    def _batch(self, number):
        batch = self.job["batch"]
        return examples.make_batch(self.network, batch, self.job["seed"], number * batch)

    def load(self):
        self.backend.load(self.inputs)
        self.backend.load_targets(self.targets)

    def _next(self):
        self.steps += 1
        self.inputs, self.targets = self._batch(self.steps)
        return self.end_to_end()["loss"]

    def first(self, outputs):
        """The losses of the first steps, and how far each weight has come after them."""
        count = training.first_steps(self.network)
        losses = [outputs["loss"]] + [self._next() for _ in range(count - 1)]
        moved = training.updates(self.network, self.job["seed"], self.backend.trained())
        return dict(moved, loss=np.concatenate(losses))

    def learn(self):
        """Goes on over other examples, as many as the network declares, and tests the weights."""
        count = training.learning_steps(self.network, self.job["batch"])
        while self.steps + 1 < count:
            self._next()
        reached = training.accuracy(self.network, self.job["seed"], self.backend.trained())
        return {"accuracy": np.array([reached])}

    def again(self):
        """Raises Wrong unless a step still moves the weights; there is nothing to compare after so many."""
        before = {name: np.array(array) for name, array in self.backend.trained().items()}
        if not np.isfinite(self.step()["loss"]).all():
            raise verify.Wrong("the loss is no number after the last step")
        now = self.backend.trained()
        for name in sorted(now):
            if not np.isfinite(now[name]).all():
                raise verify.Wrong("{0} is no number after the last step".format(name))
        if all(np.array_equal(now[name], before[name]) for name in now if name.split(".")[1] in weights.LEARNT):
            raise verify.Wrong("a step moves no weight any more")
        return {}


MODES = {"infer": Infer, "peak": Peak, "single": Single, "gradient": Gradient, "train": Train}


def differentiable(network, mode):
    """The nodes that the loss needs, in their training form; raises Unsupported where one has no rule."""
    nodes = gradient.training_nodes(network)
    missing = [node for node in nodes if node.op not in gradient.RULES]
    if missing:
        raise Unsupported("mode '{0}': no rule for {1} ({2})".format(mode, missing[0].op, missing[0].name))
    return nodes


def make(job, backend):
    """The mode that the job asks for; raises Unsupported for what no backend of this harness can do."""
    return MODES[job["mode"]](job, backend)
