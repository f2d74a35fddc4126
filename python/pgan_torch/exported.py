"""Reading files of `pgan-checkpoint export` and `import`."""

import json

import safetensors
from safetensors.torch import load_file


def read_export(file, model, networks):
    """(architecture, tensors by name as float32) of an exported network.

    networks: names of those that will do, the usual one last. Raises ValueError when the file is
    not an export, or of another model or network.
    """
    try:
        with safetensors.safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
    except safetensors.SafetensorError as error:
        raise ValueError(f"{file} is no safetensors file: {error}") from None
    if "architecture" not in metadata or metadata.get("network") not in networks:
        raise ValueError(
            f"{file} holds {metadata.get('network') or 'no network'}, expected "
            f"{' or '.join(networks)}: export with pgan-checkpoint export --network {networks[-1]}"
        )
    architecture = json.loads(metadata["architecture"])
    if architecture.get("model") != model:
        raise ValueError(f"{file}: model {architecture.get('model')}, expected {model}")
    return architecture, {name: tensor.float() for name, tensor in load_file(file).items()}
