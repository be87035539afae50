"""What is computed: a network as data, and the way in which it is run."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from orchestrator.nouns.base import Noun
from orchestrator.nouns.names import FileStem, Part


class Mode(StrEnum):
    """What one step of a workload does."""

    INFER = "infer"
    SINGLE = "single"
    """As many predictions as the batch says, one at a time, each from its array on the host to its result there."""
    GRADIENT = "gradient"
    """The loss and its gradient with respect to every weight, without an update."""
    TRAIN = "train"
    """The same and the update of every weight, batch norms with the statistics of their batch."""
    PEAK = "peak"
    """As `infer`, of matrix products alone; then the process copies memory: what this image can do at most."""
    SCRIPT = "script"
    """Whatever a script of the user's own does: see nouns/script.py."""


class Dtype(StrEnum):
    """What the products of a workload are computed in. Weights and inputs are drawn in float32 for all of them."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"
    """Weights of products as int8, activations quantised as they come; what has no weights stays in float32."""


class Node(Noun):
    """One operator: ONNX's name and attributes; its output tensor is called after it."""

    name: str
    op: str
    inputs: tuple[str, ...]
    weights: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    """ONNX's input name -> shape: {"W": (64, 3, 3, 3), "B": (64,)}."""
    attrs: dict[str, Any] = Field(default_factory=dict)
    gain: float = Field(default=1.0, gt=0)
    """Factor of what its seeded weights are drawn from. Below 1 at the end of a residual branch: one that keeps the
    power of its input doubles it at every sum, and after sixteen of them no bias could be told from rounding."""


class Learns(Noun):
    """What training has to reach, on seeded examples whose class can be seen in them."""

    examples: int = Field(ge=1)
    """As many are shown, in batches of the workload's size."""
    accuracy: float = Field(gt=0, le=1)
    """What the reference reaches at least, of 256 examples that it was not shown."""


class Training(Noun):
    """How the weights follow their gradients."""

    optimizer: str = Field(pattern="^(sgd|adam)$")
    learning_rate: float = Field(gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """Of `sgd`."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, gt=0)
    """Of `adam`, as the betas."""
    learns: Learns | None = None


class Network(Noun):
    """A short DAG of operators. Shapes are for one sample; where the first dimension is the batch, it is 1 here."""

    name: Part
    title: str
    source: str
    """Where the architecture was published."""
    inputs: dict[str, tuple[int, ...]]
    integers: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """Inputs that are int64, as the indexes of a Gather are -> the half-open range that they are drawn from."""
    outputs: tuple[str, ...]
    """Tensors that a step materialises on the host."""
    compared: str
    """The output that the equality gate compares: before the softmax, where there is one."""
    batched: bool = True
    parameters: int
    """Published count; the harness recounts it."""
    loss: str = Field(default="cross_entropy", pattern="^(cross_entropy|mean_squared_error)$")
    """Of `compared`: with seeded classes, or with the network's only input, flattened."""
    training: Training | None = None
    """For the mode `train`; None: nobody has published how it is trained here."""
    nodes: tuple[Node, ...]


class Workload(Noun):
    """A network, what a step does with it, and how much of it at once."""

    network: str
    """Its name; in the mode `script` that of the script."""
    mode: Mode = Mode.INFER
    batch: int = Field(default=1, ge=1)
    dtype: Dtype = Dtype.FLOAT32
    region: str = Field(default="compute", pattern="^(compute|end_to_end)$")

    @property
    def id(self) -> str:
        """`vgg16-infer-b1`, `vgg16-infer-b1-bfloat16`."""
        suffix = "" if self.dtype is Dtype.FLOAT32 else f"-{self.dtype}"
        return f"{self.network}-{self.mode}-b{self.batch}{suffix}"


class Method(Noun):
    """How a cell is measured; equal for every variant of a run."""

    warmup: int = Field(default=2, ge=0)
    """Steps after the first call and before the samples; kept apart, never discarded."""
    min_time_s: float = Field(default=5.0, ge=0)
    min_count: int = Field(default=10, ge=1)
    max_time_s: float = Field(default=120.0, gt=0)
    """No new sample begins after this, once `min_count` is reached or not less than 2 samples are in."""
    blocks: int = Field(default=10, ge=1)
    """How many; with `precision`, the most that any cell may take."""
    precision: float | None = Field(default=None, gt=0, lt=1)
    """Half-width that every comparison's 95 % interval has to reach, as a share of the ratio; None: `blocks` it is."""
    timeout_s: float = Field(default=600.0, gt=0)
    memory_bytes: int = Field(default=8 * 2**30, ge=64 * 2**20)
    seed: int = Field(default=20260101, ge=0, lt=2**31)


class Suite(Noun):
    """A named choice of workloads with the method that suits them."""

    name: FileStem
    title: str
    workloads: tuple[str, ...]
    method: Method
