"""What `make bench` compares catpipe with: plain Python programs over the same files.

    peers.py halve FOLDER    rewrites FOLDER's JPEGs beside it as `half`, colours at half resolution
    peers.py pixels FOLDER   for each line on stdin: one round of Pillow decoding and resizing all
                             of FOLDER's JPEGs on one thread; prints the seconds that it took
    peers.py features FOLDER MODEL
                             a plain loop: Pillow, then ONNX Runtime in batches of 16; prints the
                             seconds that FOLDER's JPEGs took, opening the model included
    peers.py torch FOLDER    the same by PyTorch with a DataLoader of two workers, fp32; the network
                             is ResNet50 with random weights, as they do not change the speed
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


def resnet50():
    from torch import nn

    def conv(inputs, outputs, size, stride=1):
        layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(outputs))

    class Block(nn.Module):
        def __init__(self, inputs, width, stride):
            super().__init__()
            outputs = 4 * width
            self.shortcut = conv(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()
            first, second = conv(inputs, width, 1, stride), conv(width, width, 3)
            relu = nn.ReLU(inplace=True)
            self.path = nn.Sequential(first, relu, second, relu, conv(width, outputs, 1))
            self.relu = relu

        def forward(self, x):
            return self.relu(self.path(x) + self.shortcut(x))

    layers = [conv(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for width, blocks, stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for block in range(blocks):
            layers.append(Block(inputs, width, stride if block == 0 else 1))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


class Pictures:
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        import numpy as np
        import torch

        image = Image.open(self.paths[index]).convert("RGB").resize((224, 224), Image.BILINEAR)
        mean = np.array([103.939, 116.779, 123.68], np.float32)
        pixels = np.asarray(image, np.float32)[:, :, ::-1] - mean
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def pytorch(paths):
    import torch
    from torch.utils.data import DataLoader

    torch.set_num_threads(2)
    start = time.perf_counter()
    network = resnet50()
    with torch.inference_mode():
        batches = DataLoader(Pictures(paths), batch_size=16, num_workers=2)
        rows = torch.cat([network(images) for images in batches])
    assert rows.shape == (len(paths), 2048)
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
elif part == "torch":
    pytorch(files(folder))
else:
    sys.exit(__doc__)
