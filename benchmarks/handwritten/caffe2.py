"""Caffe2, with brew and a ModelHelper, as its tutorials are written."""

import numpy as np
from caffe2.python import brew, model_helper, workspace
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16


class Net(object):
    """A ModelHelper that numbers its blobs."""

    def __init__(self):
        self.model = model_helper.ModelHelper(name="net", init_params=True, arg_scope={"order": "NCHW"})
        self.count = 0

    def add(self, kind, *args, **kwargs):
        self.count += 1
        return getattr(brew, kind)(self.model, args[0], "blob{0}".format(self.count), *args[1:], **kwargs)

    def convolution(self, x, channels, width, **kwargs):
        kwargs.setdefault("kernel", 3)
        return self.add("conv", x, channels, width, pad=kwargs["kernel"] // 2, weight_init=MSRA, **kwargs)

    def relu(self, x):
        return brew.relu(self.model, x, x)

    def pool(self, x):
        return self.add("max_pool", x, kernel=2, stride=2)

    def dense(self, x, inputs, width):
        return self.add("fc", x, inputs, width, weight_init=MSRA)

    def norm(self, x, channels):
        return self.relu(brew.spatial_bn(self.model, x, x, channels, epsilon=1e-3, is_test=True))


MSRA = ("MSRAFill", {})


def vgg16(net, x):
    """Configuration D."""
    channels = 3
    for width, count in VGG16:
        for _ in range(count):
            x = net.relu(net.convolution(x, channels, width))
            channels = width
        x = net.pool(x)
    x = net.relu(net.dense(x, 25088, 4096))
    return net.dense(net.relu(net.dense(x, 4096, 4096)), 4096, 1000)


def mobilenet_v1(net, x):
    """Width 1."""
    x, channels = net.norm(net.convolution(x, 3, 32, stride=2, no_bias=1), 32), 32
    for width, stride in MOBILENET_V1:
        x = net.norm(net.convolution(x, channels, channels, stride=stride, group=channels, no_bias=1), channels)
        x = net.norm(net.convolution(x, channels, width, kernel=1, no_bias=1), width)
        channels = width
    return net.dense(net.add("average_pool", x, global_pooling=True), 1024, 1000)


def cifar_cnn(net, x):
    """The second ReLU of a block after its pool."""
    channels = 3
    for width in CIFAR_CNN:
        x = net.relu(net.convolution(x, channels, width))
        x = net.relu(net.pool(net.convolution(x, width, width)))
        channels = width
    return net.dense(net.relu(net.dense(x, 6400, 512)), 512, 10)


def build(name, batch, size, threads):
    """The step."""
    counts = ["--caffe2_{0}_num_threads={1}".format(each, threads) for each in ("omp", "mkl")]
    workspace.GlobalInit(["caffe2", "--caffe2_log_level=2"] + counts)
    net = Net()
    brew.softmax(
        net.model, {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name](net, "data"), "prob"
    )
    workspace.FeedBlob("data", np.random.rand(batch, 3, size, size).astype("float32"))
    workspace.RunNetOnce(net.model.param_init_net)
    workspace.CreateNet(net.model.net)

    def step():
        workspace.RunNet(net.model.net)
        return workspace.FetchBlob("prob")

    return step
