"""The networks of `--model progressive` (Karras et al. 2018, arXiv 1710.10196), for inference.

Module and parameter names are those of an exported file, so that it loads strictly.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .exported import read_export

SLOPE = 0.2
GAIN = math.sqrt(2.0)


class EqualizedConv2d(nn.Module):
    """Stride 1, "same" padding; weights are used as weight * gain / sqrt(fan_in)."""

    def __init__(self, inputs, outputs, kernel, gain=GAIN):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(inputs * kernel * kernel)

    def forward(self, x):
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.weight.shape[2] // 2)


class EqualizedLinear(nn.Module):
    """A bias shorter than the output is shared among the outputs of a channel."""

    def __init__(self, inputs, outputs, gain=GAIN, biases=None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(biases or outputs))
        self.scale = gain / math.sqrt(inputs)

    def forward(self, x):
        bias = self.bias.repeat_interleave(self.weight.shape[0] // self.bias.shape[0])
        return F.linear(x, self.weight * self.scale, bias)


def pixel_norm(x):
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


def leaky_relu(x):
    return F.leaky_relu(x, SLOPE)


def upsample(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def minibatch_stddev(x, group):
    """[N,C,H,W] -> [N,1,H,W]: rows m, m + N/g, m + 2N/g ... are one group of g."""
    n = x.shape[0]
    group = max(g for g in range(1, min(group, n) + 1) if n % g == 0)
    grouped = x.view(group, n // group, *x.shape[1:])
    deviation = torch.sqrt(grouped.var(0, unbiased=False) + 1e-8)
    return deviation.mean((1, 2, 3)).repeat(group).view(n, 1, 1, 1).expand(-1, 1, *x.shape[2:])


class Generator(nn.Module):
    """z: [N, latent], any scale -> [N, 3, resolution, resolution], linear, about -1 ... 1.

    channels: at 4, 8, 16, ... pixels. alpha: weight of the last resolution's own picture.
    """

    def __init__(self, latent, channels, resolution, alpha=1.0, pixel_bias=False):
        super().__init__()
        self.latent, self.resolution, self.alpha = latent, resolution, alpha
        self.to_rgb = nn.ModuleDict()
        c = channels[0]
        block = nn.Module()
        block.dense = EqualizedLinear(latent, c * 16, GAIN / 4, c * 16 if pixel_bias else c)
        block.conv = EqualizedConv2d(c, c, 3)
        self.add_module("4", block)
        self.to_rgb["4"] = EqualizedConv2d(c, 3, 1, 1.0)
        for i, r in enumerate(_resolutions(resolution)):
            below, c = channels[i], channels[i + 1]
            block = nn.Module()
            block.conv0 = EqualizedConv2d(below, c, 3)
            block.conv1 = EqualizedConv2d(c, c, 3)
            self.add_module(str(r), block)
            self.to_rgb[str(r)] = EqualizedConv2d(c, 3, 1, 1.0)

    def forward(self, z):
        block = self.get_submodule("4")
        x = block.dense(pixel_norm(z)).view(z.shape[0], -1, 4, 4)
        x = pixel_norm(leaky_relu(x))
        x = pixel_norm(leaky_relu(block.conv(x)))
        below = None
        for r in _resolutions(self.resolution):
            below, block = x, self.get_submodule(str(r))
            x = pixel_norm(leaky_relu(block.conv0(upsample(x))))
            x = pixel_norm(leaky_relu(block.conv1(x)))
        picture = self.to_rgb[str(self.resolution)](x)
        if self.alpha >= 1 or below is None:
            return picture
        old = upsample(self.to_rgb[str(self.resolution // 2)](below))
        return old + (picture - old) * self.alpha


class Discriminator(nn.Module):
    """images: [N, 3, resolution, resolution] -> [N] critic scores."""

    def __init__(self, channels, resolution, alpha=1.0, stddev_group=4):
        super().__init__()
        self.resolution, self.alpha, self.stddev_group = resolution, alpha, stddev_group
        self.from_rgb = nn.ModuleDict()
        c = channels[0]
        block = nn.Module()
        block.conv = EqualizedConv2d(c + 1, c, 3)
        block.dense = EqualizedLinear(c * 16, c)
        block.out = EqualizedLinear(c, 1, 1.0)
        self.add_module("4", block)
        self.from_rgb["4"] = EqualizedConv2d(3, c, 1)
        for i, r in enumerate(_resolutions(resolution)):
            below, c = channels[i], channels[i + 1]
            block = nn.Module()
            block.conv0 = EqualizedConv2d(c, c, 3)
            block.conv1 = EqualizedConv2d(c, below, 3)
            self.add_module(str(r), block)
            self.from_rgb[str(r)] = EqualizedConv2d(3, c, 1)

    def forward(self, images):
        x = leaky_relu(self.from_rgb[str(self.resolution)](images))
        for r in reversed(_resolutions(self.resolution)):
            block = self.get_submodule(str(r))
            x = leaky_relu(block.conv1(leaky_relu(block.conv0(x))))
            x = F.avg_pool2d(x, 2)
            if r == self.resolution and self.alpha < 1:
                old = leaky_relu(self.from_rgb[str(r // 2)](F.avg_pool2d(images, 2)))
                x = old + (x - old) * self.alpha
        block = self.get_submodule("4")
        x = torch.cat([x, minibatch_stddev(x, self.stddev_group)], 1)
        x = leaky_relu(block.conv(x))
        x = leaky_relu(block.dense(x.flatten(1)))
        return block.out(x).squeeze(1)


def load_generator(file):
    """The generator of a file of `pgan-checkpoint export` or `import`, in evaluation mode.

    Raises ValueError when the file is not such a file, RuntimeError when tensors do not fit.
    """
    a, tensors = read_export(file, "progressive", ("G", "G_ema"))
    network = Generator(
        a["latent"], a["channels"], a["resolution"], a["alpha"], a.get("pixel_bias", False)
    )
    network.load_state_dict(tensors)
    return network.eval()


def load_discriminator(file):
    """The discriminator of a file of `pgan-checkpoint export --network D`, in evaluation mode."""
    a, tensors = read_export(file, "progressive", ("D",))
    network = Discriminator(a["channels"], a["resolution"], a["alpha"], a.get("stddev_group", 4))
    network.load_state_dict(tensors)
    return network.eval()


def _resolutions(last):
    """8, 16, ... last."""
    return [4 << i for i in range(1, int(last).bit_length() - 2)]
