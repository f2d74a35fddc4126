"""StarGAN between the programs and yunjey/stargan: the same pictures there, in Python and here.

Environment: PGAN_BIN (the programs), PGAN_SOURCE (the checkout).
"""

import os
import subprocess
import tempfile
import unittest

import pgan_torch_stargan_test as published  # sets the path to pgan_torch
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import pgan_torch
from pgan_torch import convert_stargan

ATTRIBUTES = "Black_Hair,Blond_Hair,Male"


def run(program, *arguments):
    path = os.path.join(os.environ.get("PGAN_BIN", "build/bin"), program)
    done = subprocess.run(
        [path, *arguments], capture_output=True, text=True, timeout=100, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"{program} {' '.join(arguments)}: {done.stderr}")
    return done.stdout


class Programs(unittest.TestCase):
    @classmethod
    def at(cls, name):
        return os.path.join(cls.scratch.name, name)

    @classmethod
    def train(cls, name, *options):
        run(
            "pgan-train", "--model", "stargan", "--data", cls.at("pack"), "--run", cls.at(name),
            "--minibatch", "4", "--max-steps", "6", "--n-critic", "2", "--learning-rate", "0.02",
            "--threads", "1", "--progress", "none", *options,
        )  # fmt: skip

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        run("pgan-data", "synth", "--out", cls.at("faces"), "--count", "40", "--size", "16")
        run("pgan-data", "pack", "--from", cls.at("faces"), "--out", cls.at("pack"))
        cls.train(
            "run", "--attributes", ATTRIBUTES, "--generator-width", "4", "--residual-blocks", "2",
            "--discriminator-width", "4", "--discriminator-layers", "2",
        )  # fmt: skip
        torch.manual_seed(2)
        cls.images = torch.rand(3, 3, 16, 16) * 2 - 1
        cls.labels = torch.tensor([[1.0, 0, 1], [0, 1, 0], [0, 0, 0.5]])

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def export(self, name, *options, source="run"):
        said = run("pgan-checkpoint", "export", self.at(source), "--out", self.at(name), *options)
        return self.at(name), said

    def there(self, file):
        """Their generator, in training mode as it always is, with a file's weights."""
        network = published.PublishedGenerator(3, 4, 2)
        network.load_state_dict(load_file(file), strict=True)
        return network.train()

    def test_the_layout_loads_strictly_and_makes_the_same_pictures(self):
        ours, said = self.export("ours")
        self.assertIn("tensors of G at 16x16", said)
        translator = pgan_torch.load_translator(ours)
        theirs, _ = self.export("theirs", "--layout", "stargan")
        with safe_open(theirs, framework="pt") as opened:
            self.assertEqual(opened.metadata()["attributes"], ATTRIBUTES)
        with torch.no_grad():
            expected = translator(self.images, self.labels)
            found = self.there(theirs)(self.images, self.labels)
        self.assertGreater(expected.std().item(), 0.01)
        self.assertLess(published.largest(found, expected), 1e-4)
        self.assertGreater(
            published.largest(found, translator(self.images, 1 - self.labels)), 1e-3
        )

    def test_their_discriminator_takes_ours(self):
        ours = pgan_torch.load_stargan_discriminator(self.export("d", "--network", "D")[0])
        file, _ = self.export("their-d", "--network", "D", "--layout", "stargan")
        theirs = published.published_discriminator(3, 16, 4, 2)
        theirs.load_state_dict(load_file(file), strict=True)
        with torch.no_grad():
            x = theirs.main(self.images)
            patches, labels = ours(self.images)
            self.assertLess(published.largest(patches, theirs.conv1(x)), 1e-4)
            self.assertLess(published.largest(labels, theirs.conv2(x).flatten(1)), 1e-4)

    def test_their_checkpoints_train_on_here(self):
        """.ckpt -> converter -> import -> the same pictures; -> init-from -> trains."""
        torch.manual_seed(3)
        generator = published.PublishedGenerator(3, 4, 2)
        judge = published.published_discriminator(3, 16, 4, 2)
        with torch.no_grad():
            expected = generator(self.images, self.labels)  # moves its statistics, too
        torch.save(generator.state_dict(), self.at("200-G.ckpt"))
        torch.save(judge.state_dict(), self.at("200-D.ckpt"))
        code = convert_stargan.main(
            ["--generator", self.at("200-G.ckpt"), "--discriminator", self.at("200-D.ckpt"),
             "--attributes", ATTRIBUTES, "--out", self.at("converted")]
        )  # fmt: skip
        self.assertEqual(code, 0)
        said = run(
            "pgan-checkpoint", "import", "--layout", "stargan", self.at("converted"),
            "--out", self.at("imported"),
        )  # fmt: skip
        self.assertIn("tensors of D and G, for pgan-train --init-from", said)
        ours, _ = self.export("from-theirs", "--network", "G", source="imported")
        with torch.no_grad():
            found = pgan_torch.load_translator(ours)(self.images, self.labels)
        self.assertLess(published.largest(found, expected), 1e-5)
        back, _ = self.export("back", "--layout", "stargan", source="imported")
        for name, tensor in generator.named_parameters():
            self.assertTrue(torch.equal(load_file(back)[name], tensor), name)
        # Attributes, widths and depths come from the file.
        self.train("further", "--init-from", self.at("imported"))
        trained, _ = self.export("trained", source="further")
        self.assertEqual(
            pgan_torch.load_translator(trained).attributes, ATTRIBUTES.split(",")
        )


if __name__ == "__main__":
    unittest.main()
