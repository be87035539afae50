"""Which networks repeat themselves too often to be typed? `python -m tests.network_files` writes them; a test compares.

Every other network is its JSON file alone. What is written here is what a reader can check against the paper's table.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import recurrent_files, transformer_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FOLDER = Path(__file__).resolve().parents[1] / "workloads" / "networks"
Dict = dict[str, Any]

BRANCH = 0.4
"""Gain of the last norm of a residual branch: sixteen sums grow the signal by three, not by 2**8."""

BOUNDED = (3.0, 1.3)
"""Gains of the norms before ReLU6, the first and the others: some values in a hundred are above 6, so that a plain ReLU
in its place is seen. Standardised ones never are."""

LOUD = 5.0
"""Gain before a local response normalisation, taken back behind it: it divides by 1 + 1e-4 of the power, which is seen
where images of 0 to 255 come in, and not where they are standardised."""

SQUEEZE = 4.0
"""Gain of the two products of squeeze-and-excitation, so that its factors differ from one half."""


SLOW: Dict = {"optimizer": "sgd", "learning_rate": 0.001, "momentum": 0.9}
"""For seeded weights whose first losses jump at 0.01. A step takes as long at any rate."""

SLOWEST: Dict = {**SLOW, "learning_rate": 1e-05}
"""For AlexNet, whose loss explodes at 0.001 and rises at 0.0001."""

FAST: Dict = {**SLOW, "learning_rate": 0.1}
"""For sigmoids, which pass little back."""


def learns(learning_rate: float) -> Dict:
    """SGD with momentum that learns 20 batches of 64."""
    return {**SLOW, "learning_rate": learning_rate, "learns": {"examples": 1280, "accuracy": 0.9}}


class Writer:
    """A chain of operators that may part and meet; every method adds one and returns its output's name."""

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        self.nodes: list[Dict] = []
        self.channels = {"image": channels}
        self.epsilon = epsilon

    def add(self, name: str, op: str, inputs: Sequence[str], *, channels: int | None = None, **rest: Dict) -> str:
        self.nodes.append({"name": name, "op": op, "inputs": list(inputs), **{key: rest[key] for key in rest}})
        self.channels[name] = channels or self.channels[inputs[0]]
        return name

    def conv(
        self,
        name: str,
        x: str,
        out: int,
        kernel: int,
        *,
        bias: bool,
        stride: int = 1,
        pad: int = 0,
        group: int = 1,
        gain: float = 1.0,
    ) -> str:
        weights = {"W": [out, self.channels[x] // group, kernel, kernel], **({"B": [out]} if bias else {})}
        attrs = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4, "group": group}
        made = self.add(name, "Conv", [x], channels=out, weights=weights, attrs=attrs)
        return self.seeded(made, gain)

    def seeded(self, made: str, gain: float) -> str:
        """The last node, with the gain of its weights where it has one."""
        if gain != 1:
            self.nodes[-1]["gain"] = gain
        return made

    def norm(self, name: str, x: str, gain: float = 1.0) -> str:
        weights = {key: [self.channels[x]] for key in ("scale", "B", "mean", "var")}
        made = self.add(name, "BatchNormalization", [x], weights=weights, attrs={"epsilon": self.epsilon})
        return self.seeded(made, gain)

    def relu(self, name: str, x: str) -> str:
        return self.add(name, "Relu", [x])

    def conv_norm(self, name: str, x: str, out: int, kernel: int, *, gain: float = 1.0, **geometry: int) -> str:
        """Without a bias: the norm has one."""
        return self.norm(f"{name}_bn", self.conv(name, x, out, kernel, bias=False, **geometry), gain)

    def pool(self, name: str, x: str, kernel: int, stride: int, pad: int = 0) -> str:
        attrs = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
        return self.add(name, "MaxPool", [x], attrs=attrs)

    def clip(self, name: str, x: str) -> str:
        """ReLU6."""
        return self.add(name, "Clip", [x], attrs={"min": 0, "max": 6})

    def swish(self, name: str, x: str) -> str:
        """x times its sigmoid, as ONNX writes SiLU."""
        return self.add(f"{name}_swish", "Mul", [x, self.add(f"{name}_sigmoid", "Sigmoid", [x])])

    def squeeze(self, name: str, x: str, width: int) -> str:
        """Squeeze-and-excitation: a factor per channel, from the means of the channels."""
        y = self.add(f"{name}_mean", "GlobalAveragePool", [x])
        y = self.swish(f"{name}1", self.conv(f"{name}1", y, width, 1, bias=True, gain=SQUEEZE))
        y = self.conv(f"{name}2", y, self.channels[x], 1, bias=True, gain=SQUEEZE)
        return self.add(f"{name}_scaled", "Mul", [x, self.add(f"{name}2_sigmoid", "Sigmoid", [y])])

    def lrn(self, name: str, x: str) -> str:
        return self.add(name, "LRN", [x], attrs={"size": 5, "alpha": 1e-4, "beta": 0.75, "bias": 1.0})

    def flatten(self, x: str, size: int) -> str:
        """`size`: numbers per sample."""
        return self.add("flatten", "Flatten", [x], channels=size, attrs={"axis": 1})

    def gemm(self, name: str, x: str, out: int, gain: float = 1.0) -> str:
        weights = {"B": [out, self.channels[x]], "C": [out]}
        made = self.add(name, "Gemm", [x], channels=out, weights=weights, attrs={"transB": 1})
        return self.seeded(made, gain)

    def prob(self, x: str) -> str:
        return self.add("prob", "Softmax", [x], attrs={"axis": 1})

    def network(
        self,
        title: str,
        source: str,
        shape: Sequence[int],
        parameters: int,
        *,
        training: Dict | None = None,
        outputs: Sequence[str] = ("logits", "prob"),
        loss: str | None = None,
    ) -> Dict:
        """The first of `outputs` is the one that is compared."""
        inputs = {"image": [1, *shape]}
        ends = {"inputs": inputs, "outputs": list(outputs), "compared": outputs[0], "batched": True}
        rest = {key: value for key, value in (("loss", loss), ("training", training)) if value}
        return {"title": title, "source": source, **ends, "parameters": parameters, **rest, "nodes": self.nodes}


def alexnet(*, lrn: bool) -> Dict:
    """`lrn`: as published, with local response normalisation and two groups."""
    net = Writer(3)
    group = 2 if lrn else 1
    x = net.relu("relu1", net.conv("conv1", "image", 96, 11, stride=4, bias=True, gain=LOUD if lrn else 1.0))
    x = net.pool("pool1", net.lrn("norm1", x) if lrn else x, 3, 2)
    x = net.relu("relu2", net.conv("conv2", x, 256, 5, pad=2, group=group, bias=True))
    x = net.pool("pool2", net.lrn("norm2", x) if lrn else x, 3, 2)
    x = net.relu("relu3", net.conv("conv3", x, 384, 3, pad=1, bias=True, gain=1 / LOUD if lrn else 1.0))
    x = net.relu("relu4", net.conv("conv4", x, 384, 3, pad=1, group=group, bias=True))
    x = net.relu("relu5", net.conv("conv5", x, 256, 3, pad=1, group=group, bias=True))
    x = net.flatten(net.pool("pool5", x, 3, 2), 256 * 6 * 6)
    for number in (6, 7):
        x = net.relu(f"relu{number}", net.gemm(f"fc{number}", x, 4096))
    net.prob(net.gemm("logits", x, 1000))
    if lrn:
        source = (
            "Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, NIPS "
            "2012: two groups in conv2, conv4 and conv5, and local response normalisation (5 channels, alpha 1e-4, "
            "beta 0.75) before the pools. alpha is divided by the size and the bias is 1, as in Caffe and ONNX; the "
            "paper's, 2, does not. Images of 227, as in Caffe's bvlc_reference and bvlc_alexnet. Dropout is the "
            "identity at inference."
        )
        return net.network("AlexNet, two groups and LRN, 1000 classes", source, (3, 227, 227), 60_965_224)
    source = (
        "Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012, "
        "with the two towers joined (no groups) and without local response normalisation, as most later scripts have "
        "it. Images of 227: the paper's 224 does not fit its own sizes. Dropout is the identity at inference."
    )
    return net.network(
        "AlexNet, one tower, without LRN, 1000 classes", source, (3, 227, 227), 62_378_344, training=SLOWEST
    )


def lenet() -> Dict:
    net = Writer(1)
    x = net.relu("relu1", net.conv("conv1", "image", 20, 5, bias=True))
    x = net.pool("pool1", x, 2, 2)
    x = net.relu("relu2", net.conv("conv2", x, 50, 5, bias=True))
    x = net.flatten(net.pool("pool2", x, 2, 2), 50 * 4 * 4)
    x = net.relu("relu3", net.gemm("fc3", x, 500))
    net.prob(net.gemm("logits", x, 10))
    source = (
        "The LeNet of Caffe's MNIST example (examples/mnist/lenet.prototxt, 20 and 50 filters of 5 x 5, 500 units), as "
        "Bahrampour et al., arXiv 1511.06435, compare it, with ReLU after both convolutions and the dense layer; "
        "nothing after the logits but one softmax. LeCun et al. 1998 have other sizes."
    )
    return net.network(
        "LeNet, 20 and 50 filters, ReLU, 10 classes", source, (1, 28, 28), 431_080, training=learns(0.002)
    )


def mnist_softmax() -> Dict:
    net = Writer(1)
    x = net.flatten("image", 784)
    net.prob(net.gemm("logits", x, 10))
    source = "TensorFlow 1.0's tutorial `MNIST for ML beginners`: one dense layer, 784 to 10, and a softmax."
    return net.network("MNIST, softmax regression", source, (1, 28, 28), 7_850, training=learns(0.005))


def mnist_mlp() -> Dict:
    net = Writer(1)
    x = net.flatten("image", 784)
    for number in (1, 2):
        x = net.relu(f"relu{number}", net.gemm(f"fc{number}", x, 1000))
    net.prob(net.gemm("logits", x, 10))
    source = (
        "Chainer's MNIST example, 784-1000-1000-10 with ReLU after both hidden layers, as peisuke/"
        "DeepLearningSpeedComparison, 2018, compares it; its TensorFlow script has no ReLU."
    )
    return net.network("MNIST, two hidden layers of 1000", source, (1, 28, 28), 1_796_010, training=learns(0.005))


def mnist_cnn() -> Dict:
    net = Writer(1)
    x = net.relu("relu1", net.conv("conv1", "image", 32, 5, pad=2, bias=True))
    x = net.pool("pool1", x, 2, 2)
    x = net.relu("relu2", net.conv("conv2", x, 64, 5, pad=2, bias=True))
    x = net.flatten(net.pool("pool2", x, 2, 2), 64 * 7 * 7)
    x = net.relu("relu3", net.gemm("fc1", x, 1024))
    net.prob(net.gemm("logits", x, 10))
    source = (
        "TensorFlow 1.0's tutorial `Deep MNIST for experts`: 32 and 64 filters of 5 x 5, SAME, each with ReLU and a "
        "pool of 2, 1024 units with ReLU. Its dense layer sees channels last; the weights are seeded, so the order "
        "of the flattened image is no part of the network. Dropout is the identity at inference."
    )
    return net.network("MNIST, two convolutions and 1024 units", source, (1, 28, 28), 3_274_634, training=learns(0.001))


def cifar_cnn(*, pool_first: bool) -> Dict:
    net = Writer(3)
    x = "image"
    for block, out in ((1, 50), (2, 100)):
        x = net.relu(f"relu{block}_1", net.conv(f"conv{block}_1", x, out, 3, pad=1, bias=True))
        x = net.conv(f"conv{block}_2", x, out, 3, pad=1, bias=True)
        if pool_first:
            x = net.relu(f"relu{block}_2", net.pool(f"pool{block}", x, 2, 2))
        else:
            x = net.pool(f"pool{block}", net.relu(f"relu{block}_2", x), 2, 2)
    x = net.flatten(x, 100 * 8 * 8)
    x = net.relu("relu3", net.gemm("fc1", x, 512))
    net.prob(net.gemm("logits", x, 10))
    order = "the second ReLU of a block after its pool" if pool_first else "every ReLU before its pool"
    source = (
        "ilkarman/DeepLearningFrameworks, 2018, the VGG-style network for CIFAR-10: 50, 50, pool, 100, 100, pool, 512 "
        f"units, 10 classes, with {order}. Its notebooks have either order by framework; the values are the same, the "
        "work is not. Dropout (0.25, 0.25, 0.5) is the identity at inference."
    )
    title = f"CIFAR-10, VGG-style, ReLU {'after' if pool_first else 'before'} the pool"
    return net.network(title, source, (3, 32, 32), 3_441_592, training=learns(0.001))


def resnet(blocks: Sequence[int], *, bottleneck: bool, title: str, parameters: int, classifier: bool = True) -> Dict:
    net = Writer(3)
    x = net.relu("relu1", net.conv_norm("conv1", "image", 64, 7, stride=2, pad=3))
    x = net.pool("pool1", x, 3, 2, 1)
    for stage, count in enumerate(blocks):
        for block in range(count):
            name, stride = f"stage{stage + 1}_{block + 1}", 2 if stage and not block else 1
            width = 64 * 2**stage
            if bottleneck:
                y = net.relu(f"{name}_relu1", net.conv_norm(f"{name}_conv1", x, width, 1))
                y = net.relu(f"{name}_relu2", net.conv_norm(f"{name}_conv2", y, width, 3, stride=stride, pad=1))
                y = net.conv_norm(f"{name}_conv3", y, 4 * width, 1, gain=BRANCH)
            else:
                y = net.relu(f"{name}_relu1", net.conv_norm(f"{name}_conv1", x, width, 3, stride=stride, pad=1))
                y = net.conv_norm(f"{name}_conv2", y, width, 3, pad=1, gain=BRANCH)
            if net.channels[x] != net.channels[y] or stride != 1:
                x = net.conv_norm(f"{name}_skip", x, net.channels[y], 1, stride=stride)
            x = net.relu(f"{name}_relu", net.add(f"{name}_add", "Add", [y, x]))
    x = net.flatten(net.add("pool5", "GlobalAveragePool", [x]), net.channels[x])
    if classifier:
        net.prob(net.gemm("logits", x, 1000))
    source = (
        "He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv 1512.03385), table 1, with "
        "projections where sizes change (option B). `parameters` are torchvision's."
    )
    if bottleneck:
        source += (
            " The stride of a bottleneck stands in its 3 x 3 convolution, as in torchvision and NVIDIA's `v1.5`; the "
            "paper's, in the first 1 x 1, takes 3.8 in place of 4.1 thousand million products."
        )
    if not classifier:
        source += " Without its classifier: what transfer learning takes from it."
        return net.network(title, source, (3, 224, 224), parameters, outputs=["flatten"])
    return net.network(title, source, (3, 224, 224), parameters, training=SLOW)


def mobilenet_v2() -> Dict:
    net = Writer(3)
    x = net.clip("stem_relu", net.conv_norm("stem", "image", 32, 3, stride=2, pad=1, gain=BOUNDED[0]))
    plan = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    number = 0
    for widening, out, count, first in plan:
        for block in range(count):
            number += 1
            name, stride, before = f"block{number}", 1 if block else first, net.channels[x]
            y = x
            if widening > 1:
                y = net.clip(f"{name}_relu1", net.conv_norm(f"{name}_expand", y, before * widening, 1, gain=BOUNDED[1]))
            group = net.channels[y]
            y = net.conv_norm(f"{name}_depthwise", y, group, 3, stride=stride, pad=1, group=group, gain=BOUNDED[1])
            y = net.clip(f"{name}_relu2", y)
            meets = stride == 1 and before == out
            y = net.conv_norm(f"{name}_project", y, out, 1, gain=BRANCH if meets else 1.0)
            x = net.add(f"{name}_add", "Add", [x, y]) if meets else y
    x = net.clip("head_relu", net.conv_norm("head", x, 1280, 1, gain=BOUNDED[1]))
    x = net.flatten(net.add("pool", "GlobalAveragePool", [x]), 1280)
    net.prob(net.gemm("logits", x, 1000, gain=0.25))
    source = (
        "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018 (arXiv 1801.04381), table "
        "2, with ReLU6. Pads are even, as in torchvision, whose number `parameters` is; TensorFlow's SAME is not, at "
        "stride 2. Dropout is the identity at inference."
    )
    return net.network("MobileNet v2, 1.0-224, 1000 classes", source, (3, 224, 224), 3_504_872, training=SLOW)


def efficientnet_b0() -> Dict:
    net = Writer(3)
    x = net.swish("stem", net.conv_norm("stem", "image", 32, 3, stride=2, pad=1))
    plan = (
        *((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3)),
        *((6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)),
    )
    number = 0
    for widening, kernel, first, out, count in plan:
        for block in range(count):
            number += 1
            name, stride, before = f"block{number}", 1 if block else first, net.channels[x]
            y = x
            if widening > 1:
                y = net.swish(f"{name}_expand", net.conv_norm(f"{name}_expand", y, before * widening, 1))
            group = net.channels[y]
            geometry = {"stride": stride, "pad": kernel // 2, "group": group}
            y = net.swish(f"{name}_depthwise", net.conv_norm(f"{name}_depthwise", y, group, kernel, **geometry))
            y = net.squeeze(f"{name}_squeeze", y, before // 4)
            meets = stride == 1 and before == out
            y = net.conv_norm(f"{name}_project", y, out, 1, gain=BRANCH if meets else 1.0)
            x = net.add(f"{name}_add", "Add", [y, x]) if meets else y
    x = net.swish("head", net.conv_norm("head", x, 1280, 1))
    x = net.flatten(net.add("pool", "GlobalAveragePool", [x]), 1280)
    net.prob(net.gemm("logits", x, 1000))
    source = (
        "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019 (arXiv "
        "1905.11946), table 1, with squeeze-and-excitation (a quarter of the block's input channels) and swish. Pads "
        "are even, as in torchvision, whose number `parameters` is. Dropout and stochastic depth are the identity at "
        "inference."
    )
    return net.network("EfficientNet-B0, 1000 classes", source, (3, 224, 224), 5_288_548, training=SLOW)


def densenet121() -> Dict:
    net = Writer(3)
    x = net.relu("relu0", net.conv_norm("conv0", "image", 64, 7, stride=2, pad=3))
    x = net.pool("pool0", x, 3, 2, 1)
    blocks = (6, 12, 24, 16)
    for block, count in enumerate(blocks, 1):
        for layer in range(1, count + 1):
            name = f"block{block}_{layer}"
            y = net.relu(f"{name}_relu1", net.norm(f"{name}_norm1", x))
            y = net.relu(f"{name}_relu2", net.conv_norm(f"{name}_conv1", y, 4 * 32, 1))
            y = net.conv(f"{name}_conv2", y, 32, 3, pad=1, bias=False)
            channels = net.channels[x] + 32
            x = net.add(f"{name}_concat", "Concat", [x, y], channels=channels, attrs={"axis": 1})
        if block < len(blocks):
            name = f"transition{block}"
            y = net.relu(f"{name}_relu", net.norm(f"{name}_norm", x))
            y = net.conv(f"{name}_conv", y, net.channels[x] // 2, 1, bias=False)
            attrs = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0]}
            x = net.add(f"{name}_pool", "AveragePool", [y], attrs=attrs)
    x = net.relu("relu5", net.norm("norm5", x))
    x = net.flatten(net.add("pool5", "GlobalAveragePool", [x]), 1024)
    net.prob(net.gemm("logits", x, 1000))
    source = (
        "Huang et al., Densely Connected Convolutional Networks, CVPR 2017 (arXiv 1608.06993), table 1, DenseNet-121 "
        "(k = 32), of 224 x 224. A layer's output is joined to what was there before, pair by pair, as in Keras's "
        "version. `parameters` are torchvision's."
    )
    return net.network("DenseNet-121, 1000 classes", source, (3, 224, 224), 7_978_856, training=SLOW)


AUTOENCODERS: dict[str, tuple[int, ...]] = {"400_200_100": (400, 200, 100), "800_1000_2000": (800, 1000, 2000)}
AUTOENCODER = (
    "Bahrampour et al., Comparative Study of Deep Learning Software Frameworks, arXiv 1511.06435, section 3: a stacked "
    "autoencoder on MNIST, pretrained layer by layer and then fine-tuned as a classifier. Sigmoid everywhere, encoder "
    "and decoder with weights of their own, and the mean squared error are this file's reading of it."
)


def autoencoder_layer(widths: Sequence[int], layer: int) -> Dict:
    """The pretraining of one layer: what the layers below give, encoded and decoded."""
    net = Writer(1)
    seen = (784, *widths)[layer - 1]
    x = net.flatten("image", seen)
    x = net.add("code", "Sigmoid", [net.gemm("encoder", x, widths[layer - 1])])
    net.gemm("decoder", x, seen)
    title = f"Autoencoder {'-'.join(map(str, (784, *widths)))}, pretraining of layer {layer}"
    source = f"{AUTOENCODER} Its input stands for what the layers below it give."
    count = 2 * seen * widths[layer - 1] + seen + widths[layer - 1]
    shape = (1, 28, 28) if layer == 1 else (seen, 1, 1)
    return net.network(title, source, shape, count, outputs=["decoder"], loss="mean_squared_error", training=FAST)


def autoencoder(widths: Sequence[int]) -> Dict:
    """The stacked encoder with its classifier."""
    net = Writer(1)
    x, count, before = net.flatten("image", 784), 0, 784
    for number, width in enumerate(widths, 1):
        x = net.add(f"code{number}", "Sigmoid", [net.gemm(f"encoder{number}", x, width)])
        count, before = count + width * (before + 1), width
    net.prob(net.gemm("logits", x, 10))
    title = f"Autoencoder {'-'.join(map(str, (784, *widths)))}, stacked, 10 classes"
    return net.network(title, AUTOENCODER, (1, 28, 28), count + 10 * (before + 1), training=FAST)


CONVOLUTIONS = {
    # name: (channels, size, filters, kernel, stride, group)
    "conv2d_7x7_3_224": (3, 224, 64, 7, 2, 1),
    "conv2d_1x1_256_56": (256, 56, 64, 1, 1, 1),
    "conv2d_3x3_64_56": (64, 56, 64, 3, 1, 1),
    "conv2d_3x3_256_14": (256, 14, 256, 3, 1, 1),
    "conv2d_3x3_512_7": (512, 7, 512, 3, 1, 1),
    "conv2d_1x1_512_7": (512, 7, 2048, 1, 1, 1),
    "conv2d_3x3_256_28_depthwise": (256, 28, 256, 3, 1, 256),
}
"""The shapes of ResNet-50's stages, as DeepBench has them, and MobileNet's depthwise one."""


def conv2d(shape: Sequence[int]) -> Dict:
    channels, size, filters, kernel, stride, group = shape
    net = Writer(channels)
    net.conv("conv", "image", filters, kernel, stride=stride, pad=kernel // 2, group=group, bias=False)
    title = f"Convolution {kernel} x {kernel}, {channels} to {filters} channels, {size} x {size}"
    title += f", stride {stride}" if stride > 1 else ", depthwise" if group > 1 else ""
    count = filters * channels // group * kernel**2
    source = "One operator; the shapes are those of a layer of ResNet-50 v1.5 or MobileNet v1."
    return net.network(title, source, (channels, size, size), count, outputs=["conv"])


PRODUCTS = ((512, 512, 512), (1760, 128, 1760), (5124, 700, 2048), (35, 700, 2048), (4096, 1, 4096))
"""m, n, k: a cube, shapes of DeepBench's list for training and inference, and a matrix by a vector."""


def product(m: int, n: int, k: int) -> Dict:
    """[m, k] by [k, n]."""
    return {
        "title": f"Matrix product, {m} x {k} by {k} x {n}",
        "source": "BLAS level 3, SGEMM; shapes as in Baidu's DeepBench, 2016, where it has them.",
        "inputs": {"a": [m, k], "b": [k, n]},
        "outputs": ["product"],
        "compared": "product",
        "batched": False,
        "parameters": 0,
        "nodes": [{"name": "product", "op": "MatMul", "inputs": ["a", "b"]}],
    }


NETWORKS: dict[str, Callable[[], Dict]] = {
    "alexnet": lambda: alexnet(lrn=False),
    "alexnet_lrn": lambda: alexnet(lrn=True),
    "cifar_cnn": lambda: cifar_cnn(pool_first=True),
    "cifar_cnn_relu_first": lambda: cifar_cnn(pool_first=False),
    "densenet121": densenet121,
    "efficientnet_b0": efficientnet_b0,
    "lenet": lenet,
    "mnist_cnn": mnist_cnn,
    "mnist_mlp": mnist_mlp,
    "mnist_softmax": mnist_softmax,
    "mobilenet_v2": mobilenet_v2,
    "resnet18": lambda: resnet((2, 2, 2, 2), bottleneck=False, title="ResNet-18, 1000 classes", parameters=11_689_512),
    "resnet50": lambda: resnet(
        (3, 4, 6, 3), bottleneck=True, title="ResNet-50 v1.5, 1000 classes", parameters=25_557_032
    ),
    "resnet50_features": lambda: resnet(
        (3, 4, 6, 3),
        bottleneck=True,
        title="ResNet-50 v1.5 to its 2048 features",
        parameters=25_557_032 - 2_049_000,
        classifier=False,
    ),
    **{f"autoencoder_{name}": partial(autoencoder, widths) for name, widths in AUTOENCODERS.items()},
    **{
        f"autoencoder_{name}_layer{layer}": partial(autoencoder_layer, widths, layer)
        for name, widths in AUTOENCODERS.items()
        for layer in (1, 2, 3)
    },
    **{name: partial(conv2d, shape) for name, shape in CONVOLUTIONS.items()},
    **{"gemm_{}x{}x{}".format(*shape): partial(product, *shape) for shape in PRODUCTS},
    **transformer_files.NETWORKS,
    **recurrent_files.NETWORKS,
}


def text(name: str) -> str:
    """The file's text: a key a line, and a node a line."""
    data = {"name": name, **NETWORKS[name]()}
    nodes = ",\n".join("    " + json.dumps(node) for node in data.pop("nodes"))
    head = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in data.items())
    return f'{{\n{head}  "nodes": [\n{nodes}\n  ]\n}}\n'


if __name__ == "__main__":
    for each in sys.argv[1:] or NETWORKS:
        (FOLDER / f"{each}.json").write_text(text(each), encoding="utf-8")
