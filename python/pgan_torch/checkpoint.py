"""Reading pgan-train's checkpoints (docs/formats.md, format 1)."""

import json
import os

import safetensors
import torch

FORMAT = 1
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class CheckpointError(Exception):
    """A checkpoint that is missing, incomplete, or of another format."""


def load_checkpoint(folder, prefix=""):
    """All tensors of a checkpoint whose names start with `prefix`, and the manifest.

    folder: a checkpoint's (images-...) or a run's, whose `latest` is taken. Returns (tensors by
    name in their shapes, on the CPU; the manifest as a dict). Checksums are left to
    `pgan-checkpoint verify`; a piece that is missing is an error. Raises CheckpointError.
    """
    manifest_file = os.path.join(folder, "manifest.json")
    if not os.path.exists(manifest_file):
        folder = os.path.join(folder, "latest")
        manifest_file = os.path.join(folder, "manifest.json")
    try:
        with open(manifest_file, encoding="utf-8") as file:
            manifest = json.load(file)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no checkpoint that can be read: {error}") from error
    if manifest.get("format") != FORMAT:
        raise CheckpointError(
            f"{manifest_file}: format {manifest.get('format')}, this module reads {FORMAT}"
        )
    wanted = {name: entry for name, entry in manifest["tensors"].items() if name.startswith(prefix)}
    flat = {
        name: torch.empty(_count(entry["shape"]), dtype=_DTYPES[entry["dtype"]])
        for name, entry in wanted.items()
    }
    filled = dict.fromkeys(wanted, 0)
    for shard in manifest["shards"]:
        path = os.path.join(folder, os.path.basename(shard["file"]))
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                for name, first, count, _ in shard["pieces"]:
                    if name in wanted:
                        piece = file.get_tensor(f"{name}[{first}:{first + count}]")
                        flat[name][first : first + count] = piece
                        filled[name] += count
        except (OSError, safetensors.SafetensorError) as error:
            raise CheckpointError(f"{path}: {error}") from error
    for name, tensor in flat.items():
        if filled[name] != tensor.numel():
            raise CheckpointError(f"{folder}: {name} is not complete")
    return {name: flat[name].view(entry["shape"]) for name, entry in wanted.items()}, manifest


def _count(shape):
    count = 1
    for size in shape:
        count *= size
    return count
