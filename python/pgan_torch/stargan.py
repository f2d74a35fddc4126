"""The networks of `--model stargan` (Choi et al. 2018, arXiv 1711.09020, section 7), for inference.

Module and parameter names are those of an exported file, which are yunjey/stargan's. An export with
`pgan-checkpoint export RUN --layout stargan` also holds what its instance norms keep and never use,
running_mean 0, running_var 1, num_batches_tracked 0, so that there, strictly,

    G.load_state_dict(safetensors.torch.load_file("g.safetensors"))

G stays in training mode there: evaluation mode would take those constants for the statistics.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .exported import read_export

SLOPE = 0.01


class InstanceNorm(nn.Module):
    """Each channel of each picture by its own mean and (biased) variance, then affine."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return F.instance_norm(x, weight=self.weight, bias=self.bias)


class ResidualBlock(nn.Module):
    """No activation after the sum."""

    def __init__(self, channels):
        super().__init__()
        self.main = nn.Sequential(
            *_normed(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            InstanceNorm(channels),
        )

    def forward(self, x):
        return x + self.main(x)


class Translator(nn.Module):
    """images: [N, 3, R, R] in -1 ... 1, labels: [N, c] -> [N, 3, R, R] in -1 ... 1.

    label_sets: of the training data, each {"set": name, "attributes": [names], ...}. The columns of
    labels are all sets' attributes in order, `attributes`; with several sets a mask follows, one
    column a set, 1 for the set whose labels are given (the others' are 0). R: any multiple of 4,
    sensibly `resolution`, the one trained at.
    """

    def __init__(self, label_sets, width=64, blocks=6, resolution=128):
        super().__init__()
        self.label_sets, self.resolution = label_sets, resolution
        self.attributes = [name for one in label_sets for name in one["attributes"]]
        self.labels = _label_width(label_sets)
        layers = _normed(nn.Conv2d(3 + self.labels, width, 7, padding=3, bias=False), width)
        for inputs in (width, 2 * width):
            down = nn.Conv2d(inputs, 2 * inputs, 4, stride=2, padding=1, bias=False)
            layers += _normed(down, 2 * inputs)
        layers += [ResidualBlock(4 * width) for _ in range(blocks)]
        for inputs in (4 * width, 2 * width):
            up = nn.ConvTranspose2d(inputs, inputs // 2, 4, stride=2, padding=1, bias=False)
            layers += _normed(up, inputs // 2)
        layers += [nn.Conv2d(width, 3, 7, padding=3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, images, labels):
        if labels.shape != (images.shape[0], self.labels):
            raise ValueError(
                f"labels of shape {list(labels.shape)} for {images.shape[0]} images, expected "
                f"[{images.shape[0]}, {self.labels}]"
            )
        maps = labels.to(images)[:, :, None, None].expand(-1, -1, *images.shape[2:])
        return self.main(torch.cat([images, maps], 1))


class PatchDiscriminator(nn.Module):
    """images: [N, 3, resolution, resolution] -> (patches [N, 1, r, r], label logits [N, labels]).

    r: resolution / 2^layers. Patches are critic scores, higher is more real.
    """

    def __init__(self, labels, resolution=128, width=64, layers=6):
        super().__init__()
        self.labels, self.resolution = labels, resolution
        modules, inputs = [], 3
        for i in range(layers):
            modules.append(nn.Conv2d(inputs, width << i, 4, stride=2, padding=1))
            modules.append(nn.LeakyReLU(SLOPE))
            inputs = width << i
        self.main = nn.Sequential(*modules)
        self.conv1 = nn.Conv2d(inputs, 1, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(inputs, labels, resolution >> layers, bias=False)

    def forward(self, images):
        x = self.main(images)
        return self.conv1(x), self.conv2(x).flatten(1)


def load_translator(file):
    """The generator of a file of `pgan-checkpoint export` or `import`, in evaluation mode.

    Raises ValueError when the file is not such a file, RuntimeError when tensors do not fit.
    """
    a, tensors = read_export(file, "stargan", ("G_ema", "G"))
    network = Translator(
        a["labels"], a["generator_width"], a["residual_blocks"], a["resolution"]
    )
    network.load_state_dict(tensors)
    return network.eval()


def load_stargan_discriminator(file):
    """The discriminator of a file of `pgan-checkpoint export --network D`, in evaluation mode."""
    a, tensors = read_export(file, "stargan", ("D",))
    labels = sum(len(one["attributes"]) for one in a["labels"])  # the mask is not asked of it
    network = PatchDiscriminator(
        labels, a["resolution"], a["discriminator_width"], a["discriminator_layers"]
    )
    network.load_state_dict(tensors)
    return network.eval()


def _label_width(label_sets):
    attributes = sum(len(one["attributes"]) for one in label_sets)
    return attributes + (len(label_sets) if len(label_sets) > 1 else 0)


def _normed(convolution, channels):
    return [convolution, InstanceNorm(channels), nn.ReLU()]
