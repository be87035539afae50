"""PaddlePaddle, a network of its layers, saved and deployed as the guide to paddle.inference has it."""

import os

import numpy as np
import paddle
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16
from paddle import inference, nn


def vgg16():
    """Configuration D."""
    layers, channels = [], 3
    for width, count in VGG16:
        for _ in range(count):
            layers += [nn.Conv2D(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2D(2, 2))
    layers += [nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU()]
    return [*layers, nn.Linear(4096, 1000), nn.Softmax()]


def mobilenet_v1():
    """Width 1."""

    def norm(channels):
        return [nn.BatchNorm2D(channels, epsilon=1e-3), nn.ReLU()]

    layers, channels = [nn.Conv2D(3, 32, 3, 2, 1, bias_attr=False), *norm(32)], 32
    for width, stride in MOBILENET_V1:
        layers += [nn.Conv2D(channels, channels, 3, stride, 1, groups=channels, bias_attr=False), *norm(channels)]
        layers += [nn.Conv2D(channels, width, 1, bias_attr=False), *norm(width)]
        channels = width
    return [*layers, nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(1024, 1000), nn.Softmax()]


def cifar_cnn():
    """The second ReLU of a block after its pool."""
    layers, channels = [], 3
    for width in CIFAR_CNN:
        layers += [nn.Conv2D(channels, width, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2D(width, width, 3, padding=1), nn.MaxPool2D(2, 2), nn.ReLU()]
        channels = width
    return [*layers, nn.Flatten(), nn.Linear(6400, 512), nn.ReLU(), nn.Linear(512, 10), nn.Softmax()]


def build(name, batch, size, threads):
    """The step."""
    net = nn.Sequential(*{"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name]())
    net.eval()
    path, shape = os.path.join(os.getcwd(), "net"), [batch, 3, size, size]
    paddle.jit.save(net, path, input_spec=[paddle.static.InputSpec(shape, "float32", "image")])
    config = inference.Config(path + ".json", path + ".pdiparams")
    config.disable_gpu()
    config.enable_mkldnn()
    config.set_cpu_math_library_num_threads(threads)
    config.enable_new_ir(True)
    config.enable_new_executor(True)
    config.enable_memory_optim()
    predictor = inference.create_predictor(config)
    x = predictor.get_input_handle(predictor.get_input_names()[0])
    y = predictor.get_output_handle(predictor.get_output_names()[0])
    x.copy_from_cpu(np.random.rand(*shape).astype("float32"))

    def step():
        predictor.run()
        return y.copy_to_cpu()

    return step
