"""What must a framework's file offer, and how is a network walked through it?"""


class Unsupported(Exception):
    """The framework has no such operator, attribute, mode or setting; the reason is the message."""


class Node(object):
    """One operator of the network: ONNX's name and attributes, output called after `name`."""

    def __init__(self, data):
        self.name = data["name"]
        self.op = data["op"]
        self.inputs = list(data["inputs"])
        self.attrs = dict(data.get("attrs") or {})
        self.gain = data.get("gain", 1.0)  # of the seeded weights, where a branch would outgrow what it is added to
        self.shapes = {key: tuple(shape) for key, shape in (data.get("weights") or {}).items()}

    def given(self, tensors):
        """Its inputs out of name -> tensor; None for one that is left out, which ONNX calls ""."""
        return [tensors[name] if name else None for name in self.inputs]


class Loss(object):
    """What is made small. `cross_entropy`: the mean over the batch of -log softmax(`output`)[target], with classes as
    targets. `mean_squared_error`: the mean over all numbers of (`output` - target)**2."""

    def __init__(self, name, output):
        self.name = name
        self.output = output


class Optimizer(object):
    """How a weight w follows its gradient g. `sgd`: v = momentum * v + g, w -= learning_rate * v. `adam`:
    arXiv 1412.6980, algorithm 1; where `epsilon` stands (algorithm or the text below it) is the framework's choice."""

    def __init__(self, data):
        self.name = data["optimizer"]
        self.learning_rate = data["learning_rate"]
        self.momentum = data.get("momentum", 0.0)
        self.beta1, self.beta2 = data.get("beta1", 0.9), data.get("beta2", 0.999)
        self.epsilon = data.get("epsilon", 1e-8)


def owners(weights):
    """id of a weight's array -> "conv1.W": who asks for a weight inside an operator does not say for which."""
    return {id(array): "{0}.{1}".format(name, key) for name in weights for key, array in weights[name].items()}


def integer_inputs(nodes):
    """Names of the tensors that a Gather takes its rows by, or an LSTM its lengths: int64, as nothing else here is."""
    lengths = {node.inputs[1] for node in nodes if node.op in ("LSTM", "GRU") and len(node.inputs) > 1}
    return {node.inputs[0] for node in nodes if node.op == "Gather"} | lengths - {""}


OF_IMAGES = frozenset({"AveragePool", "BatchNormalization", "Conv", "GlobalAveragePool", "LRN", "MaxPool"})
"""Operators that know channels, height and width."""

OF_AXES = frozenset({"Attention", "Reshape", "Slice", "Transpose"})
"""Operators that name axes by their place, or make new ones."""


OF_LAST_AXES = frozenset({"LayerNormalization", "MatMul", "ReduceMean", "ReduceSum", "Unsqueeze"})
"""Operators that count axes, too: of an image with its channels last they would take others."""


def has_images(nodes):
    """Whether tensors of four axes are images, NCHW, for a backend that keeps its channels last; in a network without
    convolutions, pools and norms of channels they are as they are. Raises Unsupported where there are both kinds."""
    images = any(node.op in OF_IMAGES for node in nodes)
    axes = [node.name for node in nodes if node.op in OF_AXES | OF_LAST_AXES]
    if images and axes:
        raise Unsupported("{0}: which axes are channels is not followed behind an image here".format(axes[0]))
    return images


def converted(arrays, dtype):
    """Name -> array of `dtype`, but for integers, which stay what they are."""
    return {name: array if array.dtype.kind == "i" else array.astype(dtype) for name, array in arrays.items()}


class Backend(object):
    """A framework. The harness owns the clock, the weights and the checks; a backend only computes.

    Call order: `configure()`, `build(nodes, weights, inputs, outputs)`, then any number of
    `load(arrays)` followed by `step()` and `fetch()`. The timed region is `step()` and `fetch()` for the region
    `compute`, and `load()`, `step()` and `fetch()` for `end_to_end`.

    A subclass has one method per ONNX operator, named after it, that takes a Node and that node's weights
    (ONNX's input name -> C-contiguous float32 array in ONNX's own layout: Conv `W` is OIHW, Gemm `B` is the weight,
    `C` the bias, Gather `data` the table) and returns a function from the operator's input tensors to its output
    tensor. A missing method, or `Unsupported` raised inside one, makes the answer `unsupported`.
    """

    name = ""
    module = None  # what is imported, where it is not called as the framework is
    modes = ("default",)
    devices = ("cpu",)
    """What it can be told to compute on: `cpu`, `cuda`."""
    batch_statistics = False
    """Whether it has BatchNormalization with `training_mode`: no network here wants it, published scripts ran it."""

    differentiates = False
    """Whether it has `build_gradient`, `load_targets` and `gradients`."""

    trains = False
    """Whether it has `build_training`, `load_targets` and `trained`."""

    dtypes = ("float32",)
    """What it can be told to compute products in. `bfloat16`, `float16`: weights, inputs and what is between operators
    are converted to it. `int8`: weights of products, and with them activations, by dynamic quantisation."""
    lacking = {}
    """dtype -> why it is not among them, where more can be said than that."""
    computes_in = "float32"
    """The one that was asked for."""

    is_program = False
    """Whether it only asks a program outside Python, which computes and times: workloads/program.py."""

    listens_at_start = False
    """Whether MKL or oneDNN inside it hides its switch, so that only a new process can make it print its calls."""
    said = ""
    """What such a process printed of one step: set before `static_libraries` is asked."""

    def __init__(self, threads, execution, onednn, device="cpu"):
        if device not in self.devices:
            raise Unsupported("device {0!r}: {1} has {2}".format(device, self.name, ", ".join(self.devices)))
        if execution not in self.modes:
            raise Unsupported("mode {0!r}: {1} has {2}".format(execution, self.name, ", ".join(self.modes)))
        self.threads = threads
        self.execution = execution
        self.onednn = onednn  # "on", "off" or "absent": what the label claims; proved afterwards
        self.device = device  # what was asked for; placement() says where it was

    # -- computing -----------------------------------------------------------------------------------------------

    def compute_in(self, dtype):
        """Before `configure`: what products are to be computed in; weights and inputs come as float32 all the same, and
        `fetch` gives float32. `precision` reads back what was done."""
        if dtype not in self.dtypes:
            known = "{0} has {1} here".format(self.name, ", ".join(self.dtypes))
            raise Unsupported("dtype {0!r}: {1}".format(dtype, self.lacking.get(dtype, known)))
        self.computes_in = dtype

    def configure(self):
        """Set threads, gradients, precision. Environment variables were set before the process began."""

    def build(self, nodes, weights, inputs, outputs):
        """Make the network ready: nodes in topological order, `weights` name -> {input name: array},
        `inputs` name -> shape with the batch, `outputs` the names that `fetch` returns."""
        raise NotImplementedError

    def load(self, arrays):
        """Put the inputs (name -> float32 array, images as NCHW, or int64 array for what a Gather reads) where `step`
        takes them from."""
        raise NotImplementedError

    def step(self):
        """One step of the workload; may be asynchronous."""
        raise NotImplementedError

    def fetch(self):
        """Wait for the step; name -> float32 numpy array on the host, in ONNX's layout."""
        raise NotImplementedError

    def build_gradient(self, nodes, weights, inputs, loss):
        """In place of `build`, where a step is the Loss and its gradient with respect to every learnt weight, as
        training has it before an update: BatchNormalization takes the statistics of its batch. `fetch` then waits for
        all of it and gives {"loss": [1]}; the gradients stay where the framework has them."""
        raise NotImplementedError

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        """In place of `build`, where a step is what `build_gradient` has and the Optimizer's update of every learnt
        weight, by the framework's own optimizer where it has one. BatchNormalization also moves its running mean and
        variance: ONNX's `momentum` m (0.9) keeps m of the old; whether the variance is that of a sample, n / (n - 1) of
        the batch's own, is the framework's choice. `fetch` waits for the update and gives {"loss": [1]},
        of before it."""
        raise NotImplementedError

    def load_targets(self, targets):
        """Beside `load`: what the loss compares with, int64 [N] of classes or float32 [N, K] to be met."""
        raise NotImplementedError

    def gradients(self):
        """{"conv1.W": float32 array in ONNX's layout} of the last step; outside the timed region."""
        raise NotImplementedError

    def trained(self):
        """{"conv1.W": float32 array in ONNX's layout} as they are after the last step, running statistics too; outside
        the timed region."""
        raise NotImplementedError

    def adopt(self, network, weights):
        """In place of `build`, where a library above this framework (Keras) runs the network and asks only how:
        `network(weights, tensors)` computes what it runs, as a function of what its owner sets as `tensors`."""

    # -- what it says of itself ----------------------------------------------------------------------------------

    def version(self):
        """The framework's version string."""
        raise NotImplementedError

    def build_string(self):
        """What the framework says of how it was built: BLAS, oneDNN, compiler, ISA."""
        return ""

    def pools(self):
        """Pool name -> threads, as the framework reports them after `configure`."""
        return {}

    def isa_used(self):
        """The instruction set the framework says it uses, or None."""
        return None

    def execution_state(self):
        """(mode, how): the execution mode, read back from the framework, and what showed it; mode None and the reason
        where it shows nothing. None where there is one mode, or nobody has asked."""
        return

    def precision(self):
        """The arithmetic that was used, read back where the framework can say."""
        return "float32"

    def arithmetic(self):
        """What else steers its arithmetic, read back: {"gradients": "off", "tf32": "off", ...}; a text each."""
        return {}

    def placement(self):
        """Where the last step left its results, read back: `cpu`, `cuda:0`."""
        if self.device != "cpu":
            raise NotImplementedError
        return "cpu"

    def static_libraries(self):
        """Libraries inside its own files: [{"kind", "name", "version", "how"}, ...], the proof in `how`."""
        return []

    def onednn_state(self):
        """(state, version or None, reason): `on`, `off`, `absent` or `unknown`, read back from the framework."""
        return ("absent", None, "the framework does not use it")

    def onednn_switch(self):
        """(function(level) that switches oneDNN's log on and off, how), where the framework has such a function of its
        own; None where evidence/onednn.py is to look for one."""

    # -- walking the network -------------------------------------------------------------------------------------

    def operators(self, nodes, weights):
        """[(Node, function)] for every node; raises Unsupported for the first one that the framework lacks."""
        made = []
        for node in nodes:
            maker = getattr(self, node.op, None)
            if maker is None:
                raise Unsupported("operator {0} ({1}): {2} has no such method".format(node.op, node.name, self.name))
            if node.attrs.get("training_mode", 0) and not self.batch_statistics:
                raise Unsupported("{0}: training_mode: {1} has the inference form only".format(node.name, self.name))
            made.append((node, maker(node, weights.get(node.name, {}))))
        return made

    @staticmethod
    def walk(operators, tensors, outputs):
        """Apply the operators to name -> tensor and drop what nobody needs any more; returns those of `outputs`."""
        tensors = dict(tensors)
        last = {}
        for index, (node, _) in enumerate(operators):
            for name in node.inputs:
                last[name] = index
        for index, (node, function) in enumerate(operators):
            tensors[node.name] = function(*node.given(tensors))
            for name in node.inputs:
                if last[name] == index and name not in outputs:
                    tensors.pop(name, None)
        return {name: tensors[name] for name in outputs}
