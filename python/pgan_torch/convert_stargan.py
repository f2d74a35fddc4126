"""Published StarGAN checkpoints (yunjey/stargan's .ckpt files) for `pgan-checkpoint import`.

    python -m pgan_torch.convert_stargan --generator 200000-G.ckpt --discriminator 200000-D.ckpt \\
        --attributes Black_Hair,Blond_Hair,Brown_Hair,Male,Young --out theirs.safetensors
    pgan-checkpoint import --layout stargan theirs.safetensors --out ours.safetensors

The file holds "G.<name>" and "D.<name>" as float32, without the running statistics of the instance
norms, which are never used: training mode is never left there. Pickled code is not run. The way
back is in stargan.py.

Exit codes: 2, wrong usage; 4, a file that cannot be read or written, or is no such checkpoint.
"""

import argparse
import os
import sys

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from .stargan import PatchDiscriminator, Translator

USAGE, CHECKPOINT = 2, 4
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_LARGEST = 65536  # pixels a side, channels of a first layer
_WIDEST = 1 << 20  # channels of a last layer


class Problem(Exception):
    """One line for the user, and the exit code."""

    def __init__(self, code, line):
        super().__init__(line)
        self.code = code


def convert(generator, discriminator, attributes, resolution):
    """Tensors and metadata of the file to write.

    generator, discriminator: paths, the latter or None. attributes: names in the order of the
    label vector. resolution: pixels; None: as D's layers say, 128 without D. Raises Problem.
    """
    g = _read(generator)
    _check_generator(generator, g, attributes)
    tensors = {f"G.{name}": tensor for name, tensor in g.items()}
    if discriminator is not None:
        d = _read(discriminator)
        resolution = _check_discriminator(discriminator, d, attributes, resolution)
        tensors.update({f"D.{name}": tensor for name, tensor in d.items()})
    metadata = {
        "format": "stargan",
        "attributes": ",".join(attributes),
        "resolution": str(resolution or 128),
    }
    return {name: tensor.float().contiguous() for name, tensor in tensors.items()}, metadata


def _read(file):
    """Parameters by name, in the file's own types."""
    if not os.path.isfile(file):
        raise Problem(USAGE, f"{file}: no such file; check the path")
    try:
        with open(file, "rb"):
            pass
    except OSError as error:
        raise Problem(CHECKPOINT, f"cannot read {file}: {error.strerror}") from None
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or hostile file leads to
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:120]
        raise Problem(
            CHECKPOINT,
            f"{file} is no whole PyTorch file of tensors alone ({reason}); expected what "
            "torch.save(network.state_dict(), ...) wrote",
        ) from None
    if not isinstance(state, dict) or not state:
        raise Problem(
            CHECKPOINT,
            f"{file} holds {type(state).__name__ if state else 'nothing'}, expected a state dict "
            "of one network; save network.state_dict()",
        )
    for name, value in state.items():
        _check_tensor(file, name, value)
    return {n: value for n, value in state.items() if n.rpartition(".")[2] not in _STATISTICS}


def _check_tensor(file, name, value):
    if not isinstance(name, str) or not isinstance(value, torch.Tensor):
        raise Problem(
            CHECKPOINT,
            f"{file}: entry {str(name)[:60]!r} is {type(value).__name__}, expected a state dict of "
            "names and tensors; save network.state_dict()",
        )
    # A few bytes may claim to be a tensor of any size.
    plain = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized
    if not plain or value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise Problem(CHECKPOINT, f"{file}: tensor {name} is not a plain one, stored whole")
    if name.rpartition(".")[2] in _STATISTICS:
        return
    if not value.is_floating_point() or not torch.isfinite(value).all():
        raise Problem(CHECKPOINT, f"{file}: tensor {name} has values that are no finite numbers")


def _check_generator(file, state, attributes):
    first = _shape(file, state, "main.0.weight", "a generator")
    inputs = first[1]
    if inputs <= 3 or "conv2.weight" in state:
        raise Problem(USAGE, f"{file} is no generator, which takes labels; give the -G.ckpt file")
    if inputs != 3 + len(attributes):
        raise Problem(
            USAGE,
            f"{file} takes {inputs} channels, 3 and {inputs - 3} labels, but --attributes has "
            f"{len(attributes)} names; give the {inputs - 3} it was trained with, in their order",
        )
    blocks = sum(name.endswith(".main.0.weight") for name in state)
    sets = [{"set": "", "attributes": attributes}]
    with torch.device("meta"):
        expected = Translator(sets, min(first[0], _LARGEST), min(blocks, len(state)))
    _same_shapes(file, state, expected, f"a generator of width {first[0]} and {blocks} blocks")


def _check_discriminator(file, state, attributes, resolution):
    """The resolution it is for."""
    first = _shape(file, state, "main.0.weight", "a discriminator")
    head = _shape(file, state, "conv2.weight", "a discriminator")
    if head[0] != len(attributes):
        raise Problem(
            USAGE,
            f"{file} tells {head[0]} labels, but --attributes has {len(attributes)} names; give "
            f"the {head[0]} it was trained with, in their order",
        )
    layers = sum(name.startswith("main.") and name.endswith(".weight") for name in state)
    found = head[2] << min(layers, 16)
    if layers > 16 or not 1 <= found <= _LARGEST or first[0] << layers > _WIDEST:
        raise Problem(
            CHECKPOINT,
            f"{file}: {layers} layers from width {first[0]}, kernel {head[2]} at the end, "
            f"expected a discriminator for at most {_LARGEST} pixels",
        )
    if resolution not in (None, found):
        raise Problem(
            USAGE, f"{file} is for {found} pixels, --resolution says {resolution}; leave that out"
        )
    with torch.device("meta"):
        expected = PatchDiscriminator(len(attributes), found, min(first[0], _LARGEST), layers)
    _same_shapes(file, state, expected, f"a discriminator of width {first[0]}, {layers} layers")
    return found


def _shape(file, state, name, what):
    """Of a convolution's weight."""
    if name not in state or state[name].dim() != 4:
        some = ", ".join(sorted(state)[:3])
        raise Problem(
            CHECKPOINT, f"{file} has no convolution {name}, expected {what} of StarGAN (has {some})"
        )
    return list(state[name].shape)


def _same_shapes(file, state, network, what):
    expected = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in sorted(expected.keys() | state.keys()):
        wanted = expected.get(name)
        found = list(state[name].shape) if name in state else None
        if found != wanted:
            raise Problem(
                CHECKPOINT,
                f"{file}: {name} is {found or 'missing'}, expected {wanted or 'no such tensor'} in "
                f"{what}; is it a checkpoint of yunjey/stargan?",
            )


def _write(file, tensors, metadata):
    """Whole or not at all."""
    unfinished = f"{file}.{os.getpid()}.tmp"
    try:
        save_file(tensors, unfinished, metadata)
        os.replace(unfinished, file)
    except (OSError, SafetensorError) as error:
        raise Problem(CHECKPOINT, f"cannot write {file}: {error}; check the path") from None
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Problem(USAGE, f"{message}; see --help")


def _options(arguments):
    parser = _Parser(
        prog="python -m pgan_torch.convert_stargan",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--generator", required=True, help="a -G.ckpt file")
    parser.add_argument("--discriminator", help="the -D.ckpt file, needed to train further")
    parser.add_argument(
        "--attributes", required=True, help="comma-separated, in the order of its training"
    )
    parser.add_argument("--resolution", type=int, help="pixels, without D [128]")
    parser.add_argument("--out", required=True, help="the safetensors file to write")
    options = parser.parse_args(arguments)
    options.attributes = options.attributes.split(",")
    names = set(options.attributes)
    if "" in names or len(names) < len(options.attributes):
        parser.error(f"--attributes {','.join(options.attributes)}: expected names, each once")
    size = options.resolution
    if size is not None and not (4 <= size <= _LARGEST and size % 4 == 0):
        parser.error(f"--resolution {size}: expected a multiple of 4, 4 to {_LARGEST}")
    return options


def main(arguments=None):
    """Returns the exit code."""
    try:
        options = _options(arguments)
        tensors, metadata = convert(
            options.generator, options.discriminator, options.attributes, options.resolution
        )
        _write(options.out, tensors, metadata)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
