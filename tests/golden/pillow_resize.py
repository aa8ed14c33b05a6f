"""Writes pillow_resize.csv: what Pillow makes of generated pictures, as SHA-256 of the pixels.

    pip install pillow==13.0.0 && python tests/golden/pillow_resize.py target/debug/catpipe
"""
import csv, hashlib, pathlib, subprocess, sys, tempfile
from PIL import Image, __version__

SIZES = [  # width and height of the picture, width and height wanted
    (500, 375, 224, 224), (375, 500, 224, 224), (640, 480, 224, 224), (1024, 683, 256, 171),
    (800, 200, 224, 224), (64, 64, 224, 224), (96, 96, 224, 224), (32, 32, 224, 224),
    (28, 28, 96, 96), (50, 200, 224, 224), (225, 225, 224, 224), (223, 224, 224, 224),
    (300, 300, 299, 299), (7, 90, 64, 48), (600, 3, 100, 60), (1, 1, 16, 16),
    (256, 256, 128, 128), (256, 256, 64, 192), (333, 97, 331, 331), (1200, 900, 32, 32),
    # Down before across, just so and just not.
    (333, 500, 224, 224), (361, 500, 224, 224), (362, 500, 224, 224), (116, 382, 93, 320),
]
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}

rows = []
for seed, (w, h, to_w, to_h) in enumerate(SIZES, 1):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], "synth", f"{folder}/s", "--classes", "1", "--train", "1",
                        "--test", "0", "--size", f"{w}x{h}", "--seed", str(seed)],
                       check=True, stdout=subprocess.DEVNULL)
        [path] = pathlib.Path(folder).glob("s/train/*/*.png")
        picture = Image.open(path).convert("RGB")
    for name, method in FILTERS.items():
        pixels = picture.resize((to_w, to_h), method).tobytes()
        rows.append([seed, w, h, to_w, to_h, name, hashlib.sha256(pixels).hexdigest()[:32]])
assert __version__ == "13.0.0", __version__
with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["seed", "width", "height", "to_width", "to_height", "filter", "sha256_start"])
    writer.writerows(rows)
