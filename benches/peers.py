"""What `make bench` compares catpipe with: plain Python programs over the same files.

    peers.py halve FOLDER    rewrites FOLDER's JPEGs beside it as `half`, colours at half resolution
    peers.py pixels FOLDER   for each line on stdin: one round of Pillow decoding and resizing all
                             of FOLDER's JPEGs on one thread; prints the seconds that it took
    peers.py features FOLDER MODEL
                             a plain loop: Pillow, then ONNX Runtime in batches of 16; prints the
                             seconds that FOLDER's JPEGs took, opening the model included
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


def features(paths, model):
    import numpy as np
    import onnxruntime

    start = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    mean = np.array([103.939, 116.779, 123.68], np.float32)
    rows = []
    for at in range(0, len(paths), 16):
        batch = []
        for path in paths[at:at + 16]:
            image = Image.open(path).convert("RGB").resize((224, 224), Image.BILINEAR)
            batch.append(np.asarray(image, np.float32)[:, :, ::-1] - mean)
        images = np.ascontiguousarray(np.stack(batch).transpose(0, 3, 1, 2))
        rows.append(session.run(["features"], {"input": images})[0])
    assert np.concatenate(rows).shape == (len(paths), 2048)
    print(time.perf_counter() - start, flush=True)


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
elif part == "features":
    features(files(folder), sys.argv[3])
else:
    sys.exit(__doc__)
