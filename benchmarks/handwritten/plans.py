"""How wide is each layer of the networks? Rows that every script walks."""

VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""(channels, convolutions) of each block of configuration D; a pool ends it."""

MOBILENET_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)) + ((512, 1),) * 5 + ((1024, 2), (1024, 1))
"""(channels, stride) of each depthwise and pointwise pair, behind a first convolution of 32 channels."""

CIFAR_CNN = (50, 100)
"""Channels of each block: two convolutions, the second one's ReLU behind the pool."""
