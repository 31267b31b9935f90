"""The layers of the architectures as their papers list them, counted by hand: no Keras.

Each function gives (layers, weights, multiplications) of a classifier of windows [height, width] of one channel, or of
those of images, three.
Weights are kernels; each is multiplied once for every position of its output.
"""

from typing import List, Tuple

Counts = Tuple[int, int, int]


class Counter:
    def __init__(self) -> None:
        self.kernels: List[Tuple[int, int]] = []  # weights, positions

    def convolution(self, inputs, outputs, kernel, positions):
        self.kernels.append((inputs * outputs * kernel[0] * kernel[1], positions[0] * positions[1]))
        return outputs

    def dense(self, *units):
        for inputs, outputs in zip(units, units[1:]):
            self.convolution(inputs, outputs, (1, 1), (1, 1))

    def counts(self) -> Counts:
        weights, positions = zip(*self.kernels)
        return len(weights), sum(weights), sum(w * p for w, p in self.kernels)


def valid(map_size, kernel, stride):
    return tuple((side - kernel) // stride + 1 for side in map_size)


def halved(map_size):
    return tuple(-(-side // 2) for side in map_size)


def fc(height, width, classes) -> Counts:
    count = Counter()
    count.dense(height * width, 1000, 1000, 1000, classes)
    return count.counts()


def alexnet(height, width, classes) -> Counts:
    count, size = Counter(), ((height - 11) // 2 + 1, width - 10)
    count.convolution(1, 96, (11, 11), size)
    size = valid(size, 3, 2)
    count.convolution(96, 256, (5, 5), size)
    size = valid(size, 3, 2)
    for inputs, outputs in ((256, 384), (384, 384), (384, 256)):
        count.convolution(inputs, outputs, (3, 3), size)
    size = valid(valid(size, 3, 2), 2, 2)
    count.dense(256 * size[0] * size[1], 4096, 4096, classes)
    return count.counts()


def vgg19(height, width, classes) -> Counts:
    count, size, inputs = Counter(), (height, width), 1
    for convolutions, channels in ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)):
        for _ in range(convolutions):
            inputs = count.convolution(inputs, channels, (3, 3), size)
        size = valid(size, 2, 2)
    count.dense(512 * size[0] * size[1], 4096, 4096, classes)
    return count.counts()


def resnet50(height, width, classes) -> Counts:
    count, size, inputs = Counter(), (height, width), 64
    count.convolution(1, 64, (7, 7), size)
    size = halved(size)
    for channels, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        size = halved(size) if channels > 64 else size  # the first convolution of a stage has the stride
        for block in range(blocks):
            if block == 0:
                count.convolution(inputs, 4 * channels, (1, 1), size)
            count.convolution(inputs, channels, (1, 1), size)
            count.convolution(channels, channels, (3, 3), size)
            inputs = count.convolution(channels, 4 * channels, (1, 1), size)
    count.dense(2048, classes)
    return count.counts()


def esresnet(height, width, classes, has_attention=False) -> Counts:
    count, size, inputs = Counter(), halved((height, width)), 64
    count.convolution(3, 64, (7, 7), size)
    size = halved(size)
    kernels = iter(((3, 1), (1, 5), (3, 1), (1, 5), (3, 5)))
    for channels, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        stage_inputs = inputs
        for block in range(blocks):
            before, size = size, halved(size) if channels > 64 and block == 0 else size  # the 3 x 3 has the stride
            if block == 0:
                count.convolution(inputs, 4 * channels, (1, 1), size)
            count.convolution(inputs, channels, (1, 1), before)
            count.convolution(channels, channels, (3, 3), size)
            inputs = count.convolution(channels, 4 * channels, (1, 1), size)
        if has_attention:
            count.convolution(1, stage_inputs, next(kernels), size)
            count.convolution(stage_inputs, inputs, (1, 1), size)
    if has_attention:
        count.convolution(1, inputs, next(kernels), (1, 1))
        count.convolution(inputs, inputs, (1, 1), (1, 1))
    count.dense(2048, classes)
    return count.counts()


def esresnet_attention(height, width, classes) -> Counts:
    return esresnet(height, width, classes, has_attention=True)


def densenet121(height, width, classes) -> Counts:
    count, size, inputs = Counter(), halved((height, width)), 64
    count.convolution(3, 64, (7, 7), size)
    size = halved(size)
    for number_of_layers in (6, 12, 24, 16):
        if inputs > 64:  # between two blocks
            inputs = count.convolution(inputs, inputs // 2, (1, 1), size)
            size = tuple(side // 2 for side in size)
        for _ in range(number_of_layers):
            count.convolution(inputs, 128, (1, 1), size)
            inputs += count.convolution(128, 32, (3, 3), size)
    count.dense(inputs, classes)
    return count.counts()


def mobilenet(height, width, classes) -> Counts:
    count, size, inputs = Counter(), halved((height, width)), 32
    count.convolution(1, 32, (3, 3), size)
    for channels in (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024):
        size = halved(size) if channels == 2 * inputs and channels > 64 else size
        count.convolution(1, inputs, (3, 3), size)  # one kernel for each channel
        inputs = count.convolution(inputs, channels, (1, 1), size)
    count.dense(1024, classes)
    return count.counts()


def inception_v3(height, width, classes) -> Counts:
    count, size = Counter(), (height, width)

    def branch(inputs, *convolutions):
        for outputs, kernel in convolutions:
            inputs = count.convolution(inputs, outputs, (kernel, kernel) if isinstance(kernel, int) else kernel, size)
        return inputs

    branch(1, (80, 1))
    size = valid(size, 3, 1)
    inputs = branch(80, (192, 3))
    size = valid(size, 3, 2)
    for pooled in (32, 64, 64):
        branches = [[(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)], [(pooled, 1)]]
        inputs = sum([branch(inputs, *convolutions) for convolutions in branches])
    branch(inputs, (64, 1), (96, 3))
    size = valid(size, 3, 2)
    inputs += branch(inputs, (384, 3)) + branch(96, (96, 3))
    for n in (128, 160, 160, 192):
        branch(inputs, (192, 1))
        branch(inputs, (n, 1), (n, (1, 7)), (192, (7, 1)))
        branch(inputs, (n, 1), (n, (7, 1)), (n, (1, 7)), (n, (7, 1)), (192, (1, 7)))
        branch(inputs, (192, 1))
        inputs = 4 * 192
    branch(inputs, (192, 1))
    branch(inputs, (192, 1), (192, (1, 7)), (192, (7, 1)))
    size = valid(size, 3, 2)
    inputs += branch(192, (320, 3)) + branch(192, (192, 3))
    for _ in range(2):
        branch(inputs, (320, 1))
        branch(inputs, (384, 1))
        branch(inputs, (448, 1), (384, 3))
        for _ in range(2):
            branch(384, (384, (1, 3)))
            branch(384, (384, (3, 1)))
        branch(inputs, (192, 1))
        inputs = 320 + 4 * 384 + 192
    count.dense(inputs, classes)
    return count.counts()
