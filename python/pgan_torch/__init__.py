"""Networks trained by pgan-train, in PyTorch.

    pgan-checkpoint export checkpoints/00001 --out g.safetensors

    import torch, pgan_torch
    generator = pgan_torch.load_generator("g.safetensors")
    images = generator(torch.randn(16, generator.latent))       # [16, 3, R, R], about -1 ... 1

`load_checkpoint` reads all tensors of a checkpoint's folder, also the optimizers' state.
"""

from .checkpoint import CheckpointError, load_checkpoint
from .progressive import Discriminator, Generator, load_discriminator, load_generator

__all__ = [
    "CheckpointError",
    "Discriminator",
    "Generator",
    "load_checkpoint",
    "load_discriminator",
    "load_generator",
]
