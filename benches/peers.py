"""What `make bench` compares catpipe with: plain Python programs over the same files.

    peers.py halve FOLDER    rewrites FOLDER's JPEGs beside it as `half`, colours at half resolution
    peers.py pixels FOLDER   for each line on stdin: one round of Pillow decoding and resizing all
                             of FOLDER's JPEGs on one thread; prints the seconds that it took
"""
import pathlib
import sys
import time

from PIL import Image


def files(folder):
    return sorted(pathlib.Path(folder).rglob("*.jpg"))


def halve(folder):
    folder = pathlib.Path(folder)
    for path in files(folder):
        to = folder.parent / "half" / path.relative_to(folder)
        to.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).save(to, quality=90, subsampling="4:2:0")


def pixels(paths):
    for path in paths:
        Image.open(path).convert("RGB").resize((224, 224), Image.BILINEAR)


def rounds(work, paths):
    for _ in sys.stdin:
        start = time.perf_counter()
        work(paths)
        print(time.perf_counter() - start, flush=True)


part, folder = sys.argv[1:3]
if part == "halve":
    halve(folder)
elif part == "pixels":
    rounds(pixels, files(folder))
else:
    sys.exit(__doc__)
