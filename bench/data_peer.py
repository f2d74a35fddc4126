"""The peer of bench/data.sh: what a PyTorch user has without this project.

  data_peer.py load FOLDER RESOLUTION SECONDS      torchvision's usual chain in a DataLoader
  data_peer.py pack FOLDER RESOLUTION CROP OUT     a Pillow script that writes the levels of a pack

Prints "NAME VALUE" lines. One process, one thread.
"""

import io
import resource
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image, features
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

RAW_UP_TO = 128
CELEBA_FRAME = (178, 25, 57, 128)  # width of the frame; x, y and side of the square


class Pictures(Dataset):
    def __init__(self, files, resolution):
        self.files = files
        self.transform = transforms.Compose([
            transforms.Resize(resolution),
            transforms.CenterCrop(resolution),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ])

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        with Image.open(self.files[index]) as picture:
            return self.transform(picture.convert("RGB"))


def pictures_in(folder):
    return sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def load(folder, resolution, seconds):
    batch = 4 if resolution >= 1024 else 16
    loader = DataLoader(Pictures(pictures_in(folder), resolution), batch_size=batch, shuffle=True, num_workers=0)

    def batches():
        while True:
            yield from loader

    source = batches()
    for limit in (seconds / 2, seconds):  # the first to warm up
        made, begin, used = 0, time.perf_counter(), processor_seconds()
        while time.perf_counter() - begin < limit:
            made += len(next(source))
        rate = (made / (time.perf_counter() - begin), made / (processor_seconds() - used))
    print(f"loader {rate[0]:.1f} {rate[1]:.1f}")


def square_of(picture, crop):
    width, height = picture.size
    if crop == "celeba-128":
        frame, x, y, side = (value * width / CELEBA_FRAME[0] for value in CELEBA_FRAME)
        return tuple(round(value) for value in (x, y, x + side, y + side))
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return (left, top, left + side, top + side)


def encoded(pixels):
    out = io.BytesIO()
    if pixels.shape[0] <= RAW_UP_TO:
        out.write(f"P6\n{pixels.shape[1]} {pixels.shape[0]}\n255\n".encode())
        out.write(pixels.tobytes())
    else:
        Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue(), "ppm" if pixels.shape[0] <= RAW_UP_TO else "png"


def pack(folder, resolution, crop, out):
    Path(out).mkdir()
    sides = [side for side in (2**n for n in range(2, 11)) if side <= resolution]
    tars = {side: tarfile.open(Path(out) / f"r{side:04}.tar", "w") for side in sides}
    files = pictures_in(folder)
    begin, used = time.perf_counter(), processor_seconds()
    for number, file in enumerate(files):
        with Image.open(file) as picture:
            picture = picture.convert("RGB")
        picture = picture.resize((resolution, resolution), Image.Resampling.BICUBIC, box=square_of(picture, crop))
        level = np.asarray(picture, dtype=np.float32)
        for side in reversed(sides):
            data, kind = encoded(np.rint(level).astype(np.uint8))
            entry = tarfile.TarInfo(f"{number:08}.{kind}")
            entry.size = len(data)
            tars[side].addfile(entry, io.BytesIO(data))
            level = level.reshape(side // 2, 2, side // 2, 2, 3).mean(axis=(1, 3), dtype=np.float32)
    for tar in tars.values():
        tar.close()
    print(f"pack {len(files) / (time.perf_counter() - begin):.1f} {len(files) / (processor_seconds() - used):.1f}")


def main(arguments):
    torch.set_num_threads(1)
    if arguments == ["versions"]:
        turbo = features.version("libjpeg_turbo")
        print(f"Pillow {PIL.__version__} (libjpeg-turbo {turbo}), torchvision {torchvision.__version__}, "
              f"torch {torch.__version__}, numpy {np.__version__}")
    elif len(arguments) == 4 and arguments[0] == "load":
        load(arguments[1], int(arguments[2]), float(arguments[3]))
    elif len(arguments) == 5 and arguments[0] == "pack":
        pack(arguments[1], int(arguments[2]), arguments[3], arguments[4])
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
