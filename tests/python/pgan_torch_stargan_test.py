"""pgan_torch.stargan and the converter of published checkpoints, against values of other code.

Environment: PGAN_SOURCE (the checkout), PGAN_TEST_GOLDEN (values computed by other code; default
../shared/golden beside the checkout).
"""

import contextlib
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("PGAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "python"))

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

import pgan_torch
from pgan_torch import convert_stargan

GOLDEN = os.path.join(
    os.environ.get("PGAN_TEST_GOLDEN", os.path.join(SOURCE, "..", "shared", "golden")),
    "stargan-64.safetensors",
)


def largest(a, b):
    return (a.double() - b.double()).abs().max().item()


FACES = {
    "set": "faces",
    "attributes": ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"],
    "exclusive": [["Black_Hair", "Blond_Hair", "Brown_Hair"]],
    "categorical": [],
}
AGES = {"set": "ages", "attributes": ["child", "adult"], "exclusive": [], "categorical": []}


# yunjey/stargan's conventions, written down anew.
def published_norm(channels):
    return nn.InstanceNorm2d(channels, affine=True, track_running_stats=True)


class PublishedBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        conv = lambda: nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.main = nn.Sequential(conv(), published_norm(c), nn.ReLU(), conv(), published_norm(c))

    def forward(self, x):
        return x + self.main(x)


class PublishedGenerator(nn.Module):
    def __init__(self, labels, width, blocks):
        super().__init__()
        layers = [nn.Conv2d(3 + labels, width, 7, padding=3, bias=False)]
        for c in (width, 2 * width):
            layers += [published_norm(c), nn.ReLU(), nn.Conv2d(c, 2 * c, 4, 2, 1, bias=False)]
        layers += [published_norm(4 * width), nn.ReLU()]
        layers += [PublishedBlock(4 * width) for _ in range(blocks)]
        for c in (2 * width, width):
            layers += [nn.ConvTranspose2d(2 * c, c, 4, 2, 1, bias=False), published_norm(c)]
            layers += [nn.ReLU()]
        layers += [nn.Conv2d(width, 3, 7, padding=3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, x, labels):
        maps = labels[:, :, None, None].repeat(1, 1, x.shape[2], x.shape[3])
        return self.main(torch.cat([x, maps], 1))


def published_discriminator(labels, resolution, width, layers):
    network, inputs, main = nn.Module(), 3, []
    for i in range(layers):
        main += [nn.Conv2d(inputs, width << i, 4, 2, 1), nn.LeakyReLU(0.01)]
        inputs = width << i
    network.main = nn.Sequential(*main)
    network.conv1 = nn.Conv2d(inputs, 1, 3, padding=1, bias=False)
    network.conv2 = nn.Conv2d(inputs, labels, resolution >> layers, bias=False)
    return network


class StarGan(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        torch.manual_seed(1)
        self.generator = PublishedGenerator(5, 4, 2)
        self.discriminator = published_discriminator(5, 32, 4, 3)
        self.images = torch.rand(3, 3, 32, 32) * 2 - 1
        self.labels = torch.randint(0, 2, (3, 5)).float()
        with torch.no_grad():
            for parameter in self.generator.parameters():
                if parameter.dim() == 1:
                    parameter.uniform_(-1, 1)
            self.expected = self.generator(self.images, self.labels)  # moves its statistics, too
        torch.save(self.generator.state_dict(), self.at("g.ckpt"))
        torch.save(self.discriminator.state_dict(), self.at("d.ckpt"))

    def at(self, name):
        return os.path.join(self.scratch.name, name)

    def convert(self, *options, generator="g.ckpt", attributes=",".join(FACES["attributes"])):
        """(exit code, lines on stderr)"""
        stderr = io.StringIO()
        with contextlib.redirect_stderr(stderr):
            code = convert_stargan.main(
                ["--generator", self.at(generator), "--attributes", attributes,
                 "--out", self.at("out"), *options]
            )  # fmt: skip
        return code, stderr.getvalue().splitlines()

    def refused(self, code, text, *options, **others):
        found, lines = self.convert(*options, **others)
        self.assertEqual((found, len(lines)), (code, 1), lines)
        self.assertIn(text, lines[0])
        left = [name for name in os.listdir(self.scratch.name) if name.startswith("out")]
        self.assertEqual(left, [])

    def exported(self, name, network, tensors, label_sets, model="stargan"):
        architecture = {
            "model": model, "recipe": model, "resolution": 32, "alpha": 1.0, "generator_width": 4,
            "discriminator_width": 4, "residual_blocks": 2, "discriminator_layers": 3,
            "labels": label_sets,
        }  # fmt: skip
        metadata = {"architecture": json.dumps(architecture), "network": network}
        save_file(tensors, self.at(name), metadata)
        return self.at(name)

    def test_published_checkpoints_are_converted(self):
        self.assertEqual(self.convert("--discriminator", self.at("d.ckpt")), (0, []))
        with safe_open(self.at("out"), framework="pt") as opened:
            attributes = ",".join(FACES["attributes"])
            metadata = {"format": "stargan", "attributes": attributes, "resolution": "32"}
            self.assertEqual(opened.metadata(), metadata)
        tensors = load_file(self.at("out"))
        parts = {"G": {}, "D": {}}
        for name, tensor in tensors.items():
            parts[name[0]][name[2:]] = tensor
        translator = pgan_torch.load_translator(self.exported("ours", "G", parts["G"], [FACES]))
        self.assertEqual(translator.attributes, FACES["attributes"])
        discriminator = pgan_torch.load_stargan_discriminator(
            self.exported("our-d", "D", parts["D"], [FACES])
        )
        with torch.no_grad():
            found = translator(self.images, self.labels)
            self.assertGreater(found.std().item(), 0.01)
            self.assertLess(largest(found, self.expected), 1e-5)
            patches, logits = discriminator(self.images)
            x = self.discriminator.main(self.images)
            self.assertLess(largest(patches, self.discriminator.conv1(x)), 1e-5)
            self.assertLess(largest(logits, self.discriminator.conv2(x).flatten(1)), 1e-5)
        # The way back: what an export in their layout adds.
        back = dict(parts["G"])
        for name in [n for n, t in parts["G"].items() if t.dim() == 1 and n.endswith(".weight")]:
            norm, channels = name.removesuffix("weight"), parts["G"][name].shape
            back[norm + "running_mean"] = torch.zeros(channels)
            back[norm + "running_var"] = torch.ones(channels)
            back[norm + "num_batches_tracked"] = torch.tensor(0)
        theirs = PublishedGenerator(5, 4, 2)
        theirs.load_state_dict(back, strict=True)
        with torch.no_grad():
            self.assertTrue(torch.equal(theirs(self.images, self.labels), self.expected))

    def test_resolution_without_discriminator(self):
        for options, resolution in (((), "128"), (("--resolution", "256"), "256")):
            self.assertEqual(self.convert(*options), (0, []))
            with safe_open(self.at("out"), framework="pt") as opened:
                self.assertEqual(opened.metadata()["resolution"], resolution)
                self.assertFalse(any(name.startswith("D.") for name in opened.keys()))

    def test_converter_as_a_program(self):
        done = subprocess.run(
            [sys.executable, "-B", "-m", "pgan_torch.convert_stargan", "--generator", "none"],
            cwd=os.path.join(SOURCE, "python"), capture_output=True, text=True, timeout=100,
            check=False,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
        self.assertIn("--attributes", done.stderr)

    def test_wrong_usage_of_the_converter(self):
        d = ("--discriminator", self.at("d.ckpt"))
        self.refused(2, "3 and 5 labels, but --attributes has 2 names", attributes="Male,Young")
        self.refused(2, "each once", attributes="Male,Male,Young,A,B")
        self.refused(2, "each once", attributes="Male,,Young,A,B")
        self.refused(2, "is for 32 pixels, --resolution says 64", "--resolution", "64", *d)
        self.refused(2, "no such file", generator="none.ckpt")
        self.refused(2, "--depth", "--depth", "3")
        torch.save(published_discriminator(4, 32, 4, 3).state_dict(), self.at("four.ckpt"))
        self.refused(2, "tells 4 labels", "--discriminator", self.at("four.ckpt"))

    def test_damaged_and_other_files(self):
        with open(self.at("g.ckpt"), "rb") as file:
            whole = file.read()
        for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
            with open(self.at("cut.ckpt"), "wb") as file:
                file.write(whole[:size])
            with self.subTest(size=size):
                self.refused(4, "no whole PyTorch file", generator="cut.ckpt")
        state = self.generator.state_dict()
        odd = {
            "code": (subprocess.Popen, "no whole PyTorch file"),
            "whole network": (self.generator, "no whole PyTorch file"),
            "list": ([1, 2], "holds list"),
            "other entries": ({"epoch": 3}, "'epoch' is int"),
            "empty": ({}, "holds nothing"),
            "without a tensor": ({n: t for n, t in state.items() if n != "main.7.bias"}, "missing"),
            "not finite": ({**state, "main.7.bias": torch.full((16,), math.nan)}, "no finite"),
            "shape": ({**state, "main.7.bias": torch.zeros(15)}, "main.7.bias is [15]"),
            "huge": ({**state, "main.0.weight": torch.zeros(1).expand(1 << 40, 8, 7, 7)}, "plain"),
        }
        for name, (content, text) in odd.items():
            torch.save(content, self.at("odd.ckpt"))
            with self.subTest(name):
                self.refused(4, text, generator="odd.ckpt")
        self.refused(2, "is no generator", generator="d.ckpt")
        self.refused(4, "no convolution conv2.weight", "--discriminator", self.at("g.ckpt"))

    def test_several_label_sets_add_a_mask(self):
        tensors = {
            n: t for n, t in PublishedGenerator(9, 4, 2).state_dict().items()
            if "running" not in n and "tracked" not in n
        }  # fmt: skip
        file = self.exported("two", "G_ema", tensors, [FACES, AGES])
        translator = pgan_torch.load_translator(file)
        self.assertEqual(translator.attributes, FACES["attributes"] + AGES["attributes"])
        with torch.no_grad():
            self.assertEqual(translator(self.images, torch.zeros(3, 9)).shape, (3, 3, 32, 32))
        with self.assertRaises(ValueError):
            translator(self.images, torch.zeros(3, 7))
        with self.assertRaises(RuntimeError):
            pgan_torch.load_translator(self.exported("one", "G", tensors, [FACES]))

    def test_other_models_and_networks_are_refused(self):
        nothing = {"x": torch.zeros(1)}
        with self.assertRaises(ValueError):
            pgan_torch.load_translator(self.exported("d", "D", nothing, [FACES]))
        with self.assertRaises(ValueError):
            pgan_torch.load_translator(self.exported("p", "G", nothing, [FACES], "progressive"))
        with self.assertRaises(ValueError):
            pgan_torch.load_stargan_discriminator(self.exported("g", "G", nothing, [FACES]))
        with self.assertRaises(ValueError):
            pgan_torch.load_translator(self.at("g.ckpt"))


@unittest.skipUnless(os.path.isfile(GOLDEN), f"no golden values at {GOLDEN}: set PGAN_TEST_GOLDEN")
class GoldenValues(unittest.TestCase):
    def test_networks(self):
        values = load_file(GOLDEN)
        generator = pgan_torch.Translator([FACES], 8, 2, 64).double()
        discriminator = pgan_torch.PatchDiscriminator(5, 64, 8, 4).double()
        for network, prefix in ((generator, "G."), (discriminator, "D.")):
            own = {n.removeprefix(prefix): t for n, t in values.items() if n.startswith(prefix)}
            network.load_state_dict(own)
        with torch.no_grad():
            fake = generator(values["x"], values["targets"])
            self.assertLess(largest(fake, values["fake"]), 1e-9)
            again = generator(values["fake"], values["labels"])
            self.assertLess(largest(again, values["reconstruction"]), 1e-9)
            patches, logits = discriminator(values["x"])
            self.assertLess(largest(patches, values["d_real_patch"]), 1e-9)
            self.assertLess(largest(logits, values["d_real_labels"]), 1e-9)
            self.assertLess(largest(discriminator(values["fake"])[0], values["d_fake_patch"]), 1e-9)


if __name__ == "__main__":
    unittest.main()
