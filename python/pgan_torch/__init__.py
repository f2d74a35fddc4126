"""Networks trained by pgan-train, in PyTorch.

    pgan-checkpoint export checkpoints/00001 --out g.safetensors

    import torch, pgan_torch
    generator = pgan_torch.load_generator("g.safetensors")
    images = generator(torch.randn(16, generator.latent))       # [16, 3, R, R], about -1 ... 1

    translator = pgan_torch.load_translator("stargan.safetensors")     # of --model stargan
    blond = torch.tensor([[float(name == "Blond_Hair") for name in translator.attributes]])
    images = translator(images, blond.expand(len(images), -1))  # [N, 3, R, R] in -1 ... 1

`load_checkpoint` reads all tensors of a checkpoint's folder, also the optimizers' state.
"""

from .checkpoint import CheckpointError, load_checkpoint
from .progressive import Discriminator, Generator, load_discriminator, load_generator
from .stargan import (
    PatchDiscriminator,
    Translator,
    load_stargan_discriminator,
    load_translator,
)

__all__ = [
    "CheckpointError",
    "Discriminator",
    "Generator",
    "PatchDiscriminator",
    "Translator",
    "load_checkpoint",
    "load_discriminator",
    "load_generator",
    "load_stargan_discriminator",
    "load_translator",
]
