"""Writes the pictures in jpeg/ and jpeg.csv: what Pillow reads from them, as SHA-256 of the pixels.

    pip install pillow==13.0.0 && python tests/golden/jpeg.py
"""
import csv, hashlib, pathlib
from PIL import Image, __version__

assert __version__ == "13.0.0", __version__
here = pathlib.Path(__file__).parent
pixels = bytes((x * 5 + y * c * 3 + (x * y) // (7 - 2 * c)) % 256 if (x + y) % 11 else 255 * (c % 2)
               for y in range(29) for x in range(37) for c in range(3))
picture = Image.frombytes("RGB", (37, 29), pixels)
KINDS = {  # mode, quality, and what else the encoder is told
    "full": ("RGB", 90, {"subsampling": "4:4:4"}),
    "half_across": ("RGB", 90, {"subsampling": "4:2:2"}),
    "half": ("RGB", 75, {"subsampling": "4:2:0"}),
    "coarse": ("RGB", 5, {"subsampling": "4:2:0"}),
    "restarts": ("RGB", 75, {"subsampling": "4:2:0", "restart_marker_blocks": 2}),
    "rgb": ("RGB", 90, {"keep_rgb": True}),
    "grey": ("L", 90, {"optimize": True}),
    "progressive": ("RGB", 75, {"subsampling": "4:2:0", "progressive": True}),
    "cmyk": ("CMYK", 75, {"subsampling": "4:2:0"}),
}
rows = []
for name, (mode, quality, options) in KINDS.items():
    path = here / "jpeg" / f"{name}.jpg"
    picture.convert(mode).save(path, quality=quality, **options)
    rows.append([name, hashlib.sha256(Image.open(path).convert("RGB").tobytes()).hexdigest()])
for width in (1, 2, 3, 4, 5):  # the narrowest, where interpolation has no neighbours
    path = here / "jpeg" / f"narrow{width}.jpg"
    picture.crop((0, 0, width, 3)).save(path, quality=90, subsampling="4:2:0")
    rows.append([path.stem, hashlib.sha256(Image.open(path).convert("RGB").tobytes()).hexdigest()])
with open(here / "jpeg.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["name", "sha256"])
    writer.writerows(rows)
