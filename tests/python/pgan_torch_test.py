"""python/pgan_torch against the programs: the same tensors, the same pictures.

Environment: PGAN_BIN (the programs), PGAN_SOURCE (the checkout), PGAN_TEST_GOLDEN (values computed by
other code; default ../shared/golden beside the checkout).
"""

import math
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("PGAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "python"))

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

import pgan_torch

GOLDEN = os.environ.get("PGAN_TEST_GOLDEN", os.path.join(SOURCE, "..", "shared", "golden"))


def run(program, *arguments):
    path = os.path.join(os.environ.get("PGAN_BIN", "build/bin"), program)
    done = subprocess.run(
        [path, *arguments], capture_output=True, text=True, timeout=100, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"{program} {' '.join(arguments)}: {done.stderr}")


def largest(a, b):
    return (a.double() - b.double()).abs().max().item()


# pytorch_GAN_zoo's conventions, written down anew: module(x) * sqrt(2 / fan_in), bias included.
class ZooLayer(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module
        weight = module.weight
        self.constant = math.sqrt(2 * weight.shape[0] / weight.numel())

    def forward(self, x):
        return self.module(x) * self.constant


def zoo_conv(inputs, outputs, kernel):
    return ZooLayer(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))


class ZooGenerator(nn.Module):
    def __init__(self, latent, channels, alpha):
        super().__init__()
        self.alpha = alpha  # 1: only the old resolution
        self.formatLayer = ZooLayer(nn.Linear(latent, 16 * channels[0]))
        self.groupScale0 = nn.ModuleList([zoo_conv(channels[0], channels[0], 3)])
        self.scaleLayers = nn.ModuleList(
            nn.ModuleList([zoo_conv(a, b, 3), zoo_conv(b, b, 3)])
            for a, b in zip(channels, channels[1:])
        )
        self.toRGBLayers = nn.ModuleList(zoo_conv(c, 3, 1) for c in channels)

    def forward(self, z):
        norm = lambda x: x * torch.rsqrt((x**2).mean(1, keepdim=True) + 1e-8)
        act = lambda x: norm(F.leaky_relu(x, 0.2))
        x = act(self.formatLayer(norm(z)).view(z.shape[0], -1, 4, 4))
        x = act(self.groupScale0[0](x))
        below = None
        for group in self.scaleLayers:
            below, x = x, F.interpolate(x, scale_factor=2)
            for layer in group:
                x = act(layer(x))
        picture = self.toRGBLayers[-1](x)
        if self.alpha == 0:
            return picture
        old = F.interpolate(self.toRGBLayers[-2](below), scale_factor=2)
        return self.alpha * old + (1 - self.alpha) * picture


class ZooDiscriminator(nn.Module):
    def __init__(self, channels):
        super().__init__()
        c = channels[0]
        self.fromRGBLayers = nn.ModuleList(zoo_conv(3, c, 1) for c in channels)
        self.scaleLayers = nn.ModuleList(
            nn.ModuleList([zoo_conv(b, b, 3), zoo_conv(b, a, 3)])
            for a, b in zip(channels, channels[1:])
        )
        self.groupScaleZero = nn.ModuleList([zoo_conv(c + 1, c, 3), ZooLayer(nn.Linear(16 * c, c))])
        self.decisionLayer = ZooLayer(nn.Linear(c, 1))

    def forward(self, images):
        act = lambda x: F.leaky_relu(x, 0.2)
        x = act(self.fromRGBLayers[-1](images))
        for group in reversed(self.scaleLayers):
            for layer in group:
                x = act(layer(x))
            x = F.avg_pool2d(x, 2)
        deviation = torch.sqrt(torch.var(x, 0) + 1e-8).mean()  # one group, divided by n - 1
        x = torch.cat([x, deviation.expand(x.shape[0], 1, 4, 4)], 1)
        x = act(self.groupScaleZero[0](x))
        x = act(self.groupScaleZero[1](x.flatten(1)))
        return self.decisionLayer(x).squeeze(1)


class TrainedRun(unittest.TestCase):
    """A short run that ends inside a fade to 16x16, with biases that are not zero."""

    @classmethod
    def at(cls, name):
        return os.path.join(cls.scratch.name, name)

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        run("pgan-data", "synth", "--out", cls.at("faces"), "--count", "40", "--size", "16")
        run("pgan-data", "pack", "--from", cls.at("faces"), "--out", cls.at("pack"))
        for name, steps in (("grown", "17"), ("fading", "15")):
            run(
                "pgan-train", "--data", cls.at("pack"), "--run", cls.at(name),
                "--fmap-base", "128", "--fmap-max", "24", "--latent", "16", "--minibatch", "16",
                "--stable-kimg", "0.064", "--fade-kimg", "0.064", "--total-kimg", "10",
                "--ema-kimg", "0.02", "--max-steps", steps, "--threads", "1",
                "--learning-rate", "0.02", "--progress", "none",
            )  # fmt: skip

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def export(self, name, *options):
        out = self.at(f"{name}{''.join(options)}.safetensors")
        run("pgan-checkpoint", "export", self.at(name), "--out", out, *options)
        return out

    def drawn(self, name, *options):
        out = self.at(f"{name}-drawn.safetensors")
        run("pgan-sample", "--checkpoint", self.at(name), "--out", out, "--seeds", "0-7", *options)
        return load_file(out)

    def test_same_pictures_grown_and_fading(self):
        for name in ("grown", "fading"):
            for network, options in (("ema", ()), ("raw", ("--network", "G"))):
                with self.subTest(run=name, network=network):
                    generator = pgan_torch.load_generator(self.export(name, *options))
                    drawn = self.drawn(name, "--network", network)
                    self.assertEqual(generator.alpha < 1, name == "fading")
                    with torch.no_grad():
                        images = generator(drawn["latents"])
                    self.assertGreater(images.std().item(), 0.01)
                    self.assertLess(largest(images, drawn["images"]), 1e-4)

    def test_pgan_sample_draws_the_same_from_an_exported_file(self):
        self.export("grown")
        out = self.at("again.safetensors")
        run("pgan-sample", "--checkpoint", self.at("grown.safetensors"), "--out", out,
            "--seeds", "0-7")  # fmt: skip
        self.assertTrue(torch.equal(load_file(out)["images"], self.drawn("grown")["images"]))

    def test_checkpoint_folder_holds_what_is_exported(self):
        tensors, manifest = pgan_torch.load_checkpoint(self.at("grown"))
        self.assertEqual(manifest["progress"]["step"], 17)
        self.assertIn("adam.G/step", tensors)
        for network in ("G", "D", "G_ema"):
            exported = load_file(self.export("grown", "--network", network))
            for name, tensor in exported.items():
                self.assertTrue(torch.equal(tensor, tensors[f"{network}/{name}"]), name)
        with self.assertRaises(pgan_torch.CheckpointError):
            pgan_torch.load_checkpoint(self.at("pack"))

    def test_discriminator_loads_and_another_network_is_refused(self):
        images = self.drawn("grown")["images"]
        scores = pgan_torch.load_discriminator(self.export("grown", "--network", "D"))(images)
        self.assertEqual(scores.shape, (8,))
        with self.assertRaises(ValueError):
            pgan_torch.load_generator(self.at("grown--networkD.safetensors"))
        with self.assertRaises(ValueError):
            pgan_torch.load_generator(self.at("grown-drawn.safetensors"))

    def test_gan_zoo_layout_loads_strictly_and_computes_the_same(self):
        for name in ("grown", "fading"):
            with self.subTest(run=name):
                ours = pgan_torch.load_generator(self.export(name))
                channels = [layer.weight.shape[1] for layer in ours.to_rgb.values()]
                theirs = ZooGenerator(16, channels, 1 - ours.alpha)
                theirs.load_state_dict(load_file(self.export(name, "--layout", "gan-zoo")))
                z = torch.randn(8, 16)
                with torch.no_grad():
                    self.assertLess(largest(ours(z), theirs(z)), 1e-4)
        ours = pgan_torch.load_discriminator(self.export("grown", "--network", "D"))
        theirs = ZooDiscriminator(channels)
        file = self.export("grown", "--network", "D", "--layout", "gan-zoo")
        theirs.load_state_dict(load_file(file))
        images = self.drawn("grown")["images"][:4]
        with torch.no_grad():
            a, b = ours(images), theirs(images)
        self.assertLess(largest(a, b), 1e-4 * max(1, a.abs().max().item()))

    def test_import_is_the_way_back(self):
        for network in ("G_ema", "D"):
            file = self.export("grown", "--network", network, "--layout", "gan-zoo")
            back = self.at("back.safetensors")
            run("pgan-checkpoint", "import", file, "--out", back)
            expected = load_file(self.export("grown", "--network", network))
            found = load_file(back)
            self.assertEqual(found.keys(), expected.keys())
            for name, tensor in expected.items():
                self.assertLess(largest(tensor, found[name]), 1e-5, name)


@unittest.skipUnless(os.path.isdir(GOLDEN), f"no golden values at {GOLDEN}: set PGAN_TEST_GOLDEN")
class GoldenValues(unittest.TestCase):
    def test_networks(self):
        for resolution, alpha in ((16, 1.0), (32, 0.6), (8, 0.3), (4, 1.0)):
            with self.subTest(resolution=resolution, alpha=alpha):
                values = load_file(os.path.join(GOLDEN, f"progressive-{resolution}-{alpha:g}.safetensors"))
                generator = pgan_torch.Generator(8, [8, 8, 6, 4], resolution, alpha).double()
                discriminator = pgan_torch.Discriminator([8, 8, 6, 4], resolution, alpha).double()
                for network, prefix in ((generator, "G."), (discriminator, "D.")):
                    names = network.state_dict().keys()
                    network.load_state_dict({name: values[prefix + name] for name in names})
                with torch.no_grad():
                    self.assertLess(largest(generator(values["z"]), values["fake"]), 1e-9)
                    scores = discriminator(values["fake"])
                    self.assertLess(largest(scores, values["d_fake"].view(-1)), 1e-9)

    def test_imported_gan_zoo_generator(self):
        golden = os.path.join(GOLDEN, "gan-zoo-generator-16.safetensors")
        values = load_file(golden)
        with tempfile.TemporaryDirectory() as scratch:
            file = os.path.join(scratch, "g.safetensors")
            run("pgan-checkpoint", "import", golden, "--out", file)
            generator = pgan_torch.load_generator(file).double()
            exact = {name: tensor.double() for name, tensor in load_file(file).items()}
            generator.load_state_dict(exact)
            with torch.no_grad():
                self.assertLess(largest(generator(values["z"]), values["image_grown"]), 1e-9)
                generator.alpha = 0.75  # theirs is 0.25: the weight of the old resolution
                self.assertLess(largest(generator(values["z"]), values["image_alpha_0.25"]), 1e-9)


if __name__ == "__main__":
    unittest.main()
