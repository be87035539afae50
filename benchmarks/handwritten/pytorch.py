"""PyTorch, eager, as its own models are written."""

import numpy as np
import torch
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16
from torch import nn


def vgg16():
    """Configuration D."""
    layers, channels = [], 3
    for width, count in VGG16:
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    layers += [nn.Flatten(), nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 4096)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True), nn.Linear(4096, 1000), nn.Softmax(1))


def mobilenet_v1():
    """Width 1."""

    def norm(channels):
        return [nn.BatchNorm2d(channels, eps=1e-3), nn.ReLU(inplace=True)]

    layers, channels = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), *norm(32)], 32
    for width, stride in MOBILENET_V1:
        layers += [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), *norm(channels)]
        layers += [nn.Conv2d(channels, width, 1, bias=False), *norm(width)]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000), nn.Softmax(1))


def cifar_cnn():
    """The second ReLU of a block after its pool."""
    layers, channels = [], 3
    for width in CIFAR_CNN:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.MaxPool2d(2, 2), nn.ReLU(inplace=True)]
        channels = width
    layers += [nn.Flatten(), nn.Linear(6400, 512), nn.ReLU(inplace=True), nn.Linear(512, 10), nn.Softmax(1)]
    return nn.Sequential(*layers)


def build(name, batch, size, threads):
    """The step."""
    torch.set_num_threads(threads)
    net = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name]().eval()
    x = torch.from_numpy(np.random.rand(batch, 3, size, size).astype("float32"))

    def step():
        with torch.inference_mode():
            return net(x).numpy()

    return step
