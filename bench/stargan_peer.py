"""The peer of bench/stargan.sh: StarGAN as a PyTorch user writes and runs it.

Eager mode, torch's own layout, nn.InstanceNorm2d with running statistics, torch.optim.Adam; both
networks' parameters always ask for gradients. On random pictures and labels. One JSON line: seconds
of an update of D and of one of G, medians over the rounds.
"""

import argparse
import contextlib
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

LAMBDA_GP = 10.0
LAMBDA_REC = 10.0


def norm(channels):
    return nn.InstanceNorm2d(channels, affine=True, track_running_stats=True)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            norm(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            norm(channels),
        )

    def forward(self, x):
        return x + self.main(x)


class Generator(nn.Module):
    def __init__(self, width, labels, blocks=6):
        super().__init__()
        layers = [nn.Conv2d(3 + labels, width, 7, padding=3, bias=False)]
        layers += [norm(width), nn.ReLU(inplace=True)]
        for inputs in (width, 2 * width):
            layers.append(nn.Conv2d(inputs, 2 * inputs, 4, 2, 1, bias=False))
            layers += [norm(2 * inputs), nn.ReLU(inplace=True)]
        layers += [Residual(4 * width) for _ in range(blocks)]
        for inputs in (4 * width, 2 * width):
            layers.append(nn.ConvTranspose2d(inputs, inputs // 2, 4, 2, 1, bias=False))
            layers += [norm(inputs // 2), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(width, 3, 7, padding=3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, images, labels):
        maps = labels[:, :, None, None].expand(-1, -1, *images.shape[2:])
        return self.main(torch.cat([images, maps], 1))


class Discriminator(nn.Module):
    def __init__(self, resolution, width, labels, depth=6):
        super().__init__()
        layers, inputs = [], 3
        for i in range(depth):
            layers += [nn.Conv2d(inputs, width << i, 4, 2, 1), nn.LeakyReLU(0.01)]
            inputs = width << i
        self.main = nn.Sequential(*layers)
        self.conv1 = nn.Conv2d(inputs, 1, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(inputs, labels, resolution >> depth, bias=False)

    def forward(self, images):
        x = self.main(images)
        return self.conv1(x), self.conv2(x).flatten(1)


def label_loss(logits, labels):
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum") / labels.shape[0]


class Training:
    def __init__(self, options):
        self.options = options
        labels = options.labels
        self.g = Generator(options.width, labels)
        self.d = Discriminator(options.resolution, options.width, labels)
        self.g_adam = torch.optim.Adam(self.g.parameters(), 1e-4, (0.5, 0.999))
        self.d_adam = torch.optim.Adam(self.d.parameters(), 1e-4, (0.5, 0.999))
        shape = (options.minibatch, 3, options.resolution, options.resolution)
        self.real = torch.rand(shape) * 2 - 1
        self.labels = torch.randint(0, 2, (options.minibatch, labels)).float()
        self.targets = self.labels[torch.randperm(options.minibatch)]

    def precision(self):
        if self.options.precision == "bf16":
            return torch.autocast("cpu", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def penalty(self, fake):
        mix = torch.rand(fake.shape[0], 1, 1, 1)
        between = (mix * self.real + (1 - mix) * fake.detach()).requires_grad_(True)
        patches, _ = self.d(between)
        ones = torch.ones_like(patches)
        (gradient,) = torch.autograd.grad(patches, between, ones, create_graph=True)
        return (gradient.flatten(1).norm(dim=1) - 1).square().mean()

    def update(self, adam, loss):
        self.g_adam.zero_grad()
        self.d_adam.zero_grad()
        loss.backward()
        adam.step()

    def update_d(self):
        with self.precision():
            real_patches, logits = self.d(self.real)
            fake = self.g(self.real, self.targets)
            fake_patches, _ = self.d(fake.detach())
            loss = fake_patches.mean() - real_patches.mean() + label_loss(logits, self.labels)
            loss = loss + LAMBDA_GP * self.penalty(fake)
        self.update(self.d_adam, loss)

    def update_g(self):
        with self.precision():
            fake = self.g(self.real, self.targets)
            patches, logits = self.d(fake)
            again = self.g(fake, self.labels)
            loss = label_loss(logits, self.targets) - patches.mean()
            loss = loss + LAMBDA_REC * (self.real - again).abs().mean()
        self.update(self.g_adam, loss)


def timed(update):
    begin = time.perf_counter()
    update()
    return time.perf_counter() - begin


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", type=int, default=128, choices=(64, 128, 256))
    parser.add_argument("--minibatch", type=int, default=4)
    parser.add_argument("--width", type=int, default=64, help="of both networks' first layers")
    parser.add_argument("--labels", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    return parser.parse_args()


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    training = Training(options)
    training.update_d()
    training.update_g()
    seconds = [(timed(training.update_d), timed(training.update_g)) for _ in range(options.rounds)]
    d_seconds, g_seconds = (statistics.median(column) for column in zip(*seconds))
    networks = {"G": training.g, "D": training.d}
    counts = {name: sum(p.numel() for p in n.parameters()) for name, n in networks.items()}
    print(json.dumps({
        "d_seconds": round(d_seconds, 4), "g_seconds": round(g_seconds, 4), **vars(options),
        "parameters": counts, "torch": torch.__version__,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
