"""The networks as ONNX files, a node after the other with onnx.helper: for those that read one and write none."""

import numpy as np
import onnx
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16
from onnx import helper, numpy_helper


class Graph:
    """Nodes and initialisers; every method returns the name of its output."""

    def __init__(self):
        self.nodes, self.values = [], []

    def value(self, array):
        self.values.append(numpy_helper.from_array(array.astype("float32"), "value{0}".format(len(self.values))))
        return self.values[-1].name

    def weight(self, *shape):
        return self.value(np.random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape))

    def node(self, kind, *inputs, **attributes):
        output = "prob" if kind == "Softmax" else "{0}{1}".format(kind, len(self.nodes))
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def conv(self, x, channels, width, kernel=3, stride=1, group=1):
        return self.node(
            "Conv",
            x,
            self.weight(width, channels // group, kernel, kernel),
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[kernel // 2] * 4,
            group=group,
        )

    def biased(self, x, channels, width):
        x = self.conv(x, channels, width)
        self.nodes[-1].input.append(self.value(np.zeros(width)))
        return x

    def relu(self, x):
        return self.node("Relu", x)

    def norm(self, x, channels):
        values = [self.value(np.full(channels, each)) for each in (1.0, 0.0, 0.0, 1.0)]
        return self.relu(self.node("BatchNormalization", x, *values, epsilon=1e-3))

    def pool(self, x):
        return self.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    def flatten(self, x):
        return self.node("Flatten", x)

    def dense(self, x, inputs, width):
        return self.node("Gemm", x, self.weight(width, inputs), self.value(np.zeros(width)), transB=1)


def vgg16(graph, x):
    """Configuration D."""
    channels = 3
    for width, count in VGG16:
        for _ in range(count):
            x = graph.relu(graph.biased(x, channels, width))
            channels = width
        x = graph.pool(x)
    x = graph.relu(graph.dense(graph.flatten(x), 25088, 4096))
    return graph.dense(graph.relu(graph.dense(x, 4096, 4096)), 4096, 1000)


def mobilenet_v1(graph, x):
    """Width 1."""
    x, channels = graph.norm(graph.conv(x, 3, 32, stride=2), 32), 32
    for width, stride in MOBILENET_V1:
        x = graph.norm(graph.conv(x, channels, channels, stride=stride, group=channels), channels)
        x = graph.norm(graph.conv(x, channels, width, kernel=1), width)
        channels = width
    return graph.dense(graph.flatten(graph.node("GlobalAveragePool", x)), 1024, 1000)


def cifar_cnn(graph, x):
    """The second ReLU of a block after its pool."""
    channels = 3
    for width in CIFAR_CNN:
        x = graph.relu(graph.biased(x, channels, width))
        x = graph.relu(graph.pool(graph.biased(x, width, width)))
        channels = width
    return graph.dense(graph.relu(graph.dense(graph.flatten(x), 6400, 512)), 512, 10)


def write(name, shape, path="net.onnx"):
    """The file's path; its input is `image` of that shape, its output `prob`."""
    graph = Graph()
    logits = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name](graph, "image")
    classes = 10 if name == "cifar_cnn" else 1000
    graph.node("Softmax", logits, axis=1)
    inputs = [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("prob", onnx.TensorProto.FLOAT, [shape[0], classes])]
    made = helper.make_graph(graph.nodes, name, inputs, outputs, graph.values)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
