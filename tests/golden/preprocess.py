"""What timm, transformers, torchvision and Keras make of a picture: tests/golden/preprocess.json.

Made with timm 1.0.31, transformers 5.23.0, torchvision 0.29.2, torch 2.15.0 (CPU), Pillow 13.0.0
and keras-applications 1.0.8:

    python tests/golden/preprocess.py > tests/golden/preprocess.json

A case names the way of saying it (a manifest's key), what is said, the picture's width and height
and the input's height and width; `values` are three channels at each of `places`.
"""

import importlib.util
import json
import sys
import types

import numpy as np
import timm.data
import transformers
from PIL import Image
from torchvision import transforms

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
KERAS = importlib.util.find_spec("keras_applications").submodule_search_locations[0]
PICTURES = [(500, 375), (452, 333), (333, 452), (100, 64), (224, 224)]


def picture(width, height):
    """Triangular waves, so steep that a shift of one pixel is eight grey levels."""
    y, x = np.mgrid[:height, :width]
    wave = lambda t: np.abs(t % 510 - 255)
    return Image.fromarray(np.stack([wave(8 * x), wave(8 * y), wave(4 * x + 4 * y)], -1).astype("u1"))


def places(height, width):
    return [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1), (height // 2, width // 3)]


def keras(mode):
    """preprocess_input of keras_applications' own source, without the models beside it."""
    package = types.ModuleType("keras_applications")
    package.get_submodules_from_kwargs = lambda kwargs: (None, None, None, None)
    sys.modules["keras_applications"] = package
    source = open(f"{KERAS}/imagenet_utils.py").read()
    module = {"__name__": "keras_applications.imagenet_utils", "__package__": "keras_applications"}
    exec(compile(source, "imagenet_utils.py", "exec"), module)
    return lambda x: module["_preprocess_numpy_input"](x, "channels_last", mode)


def preset(name, image):
    if name == "clip":
        return hugging_face_file({"image_processor_type": "CLIPImageProcessor"}, image)
    if name.startswith("keras"):
        stretched = np.asarray(image.resize((224, 224), Image.BILINEAR)).astype("f4")
        return keras(name[6:])(stretched).transpose(2, 0, 1)
    steps = [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()]
    return transforms.Compose(steps + [transforms.Normalize(**IMAGENET)])(image).numpy()


def timm_file(config, image, size):
    test = size != config["input_size"][1:]
    resolved = timm.data.resolve_data_config(pretrained_cfg=config, use_test_size=test)
    return timm.data.create_transform(**resolved, is_training=False)(image).numpy()


def hugging_face_file(config, image):
    config = dict(config)
    name = config.pop("image_processor_type")
    processor = getattr(transformers, name)(**config)
    return np.asarray(processor(image, return_tensors="np")["pixel_values"][0])


def timm_config(**more):
    base = {"input_size": [3, 224, 224], "interpolation": "bilinear", "crop_pct": 0.875, **IMAGENET}
    return {**base, **more}


def processor(name, **more):
    said = {"image_processor_type": name, "do_resize": True, "resample": 3, "do_rescale": True}
    return {**said, "rescale_factor": 1 / 255, "do_normalize": True, **HALF, **more}


TIMM = [
    (timm_config(), [224, 224]),
    (timm_config(crop_pct=0.95, interpolation="bicubic", crop_mode="center"), [224, 224]),
    (timm_config(crop_pct=0.9, interpolation="lanczos"), [224, 224]),
    (timm_config(test_input_size=[3, 288, 288], test_crop_pct=1.0), [288, 288]),
    (timm_config(test_input_size=[3, 288, 288], test_crop_pct=1.0), [224, 224]),
    (timm_config(test_input_size=[3, 256, 256]), [256, 256]),
    (timm_config(crop_pct=1.0, crop_mode="squash", interpolation="bicubic"), [224, 224]),
]
CROP = {"do_center_crop": True, "crop_size": {"height": 224, "width": 224}}
HUGGING_FACE = [
    (processor("CLIPImageProcessor", size={"shortest_edge": 256}, **CROP), [224, 224]),
    (processor("CLIPImageProcessor", size=224, do_center_crop=True, crop_size=224), [224, 224]),
    (processor("BitImageProcessor", size={"shortest_edge": 200}, **CROP), [224, 224]),
    (processor("MobileNetV1ImageProcessor", size=256, **CROP), [224, 224]),
    (processor("ViTImageProcessor", size=224, resample=2), [224, 224]),
    (processor("DeiTImageProcessor", size=224, do_center_crop=False), [224, 224]),
    (processor("SiglipImageProcessor", size={"height": 256, "width": 192}), [256, 192]),
    (processor("BeitImageProcessor", size=224, do_center_crop=False), [224, 224]),
    (processor("LevitImageProcessor", size={"shortest_edge": 224}, **CROP), [224, 224]),
    (processor("LevitImageProcessor", size=192, do_center_crop=True, crop_size=192), [192, 192]),
    (processor("ConvNextImageProcessor", size={"shortest_edge": 224}, crop_pct=0.875), [224, 224]),
    (processor("ConvNextImageProcessor", size={"shortest_edge": 240}, crop_pct=0.95), [240, 240]),
    (processor("ConvNextImageProcessor", size={"shortest_edge": 384}, crop_pct=1.0), [384, 384]),
    (processor("MobileViTImageProcessor", size={"shortest_edge": 288}, do_center_crop=True,
               crop_size={"height": 256, "width": 256}, do_flip_channel_order=True,
               do_normalize=False), [256, 256]),
    (processor("MobileNetV2ImageProcessor", size={"shortest_edge": 256}, resample=2, **CROP), [224, 224]),
    (processor("EfficientNetImageProcessor", size={"height": 260, "width": 260}, resample=2,
               do_center_crop=False, include_top=False), [260, 260]),
]


def main():
    cases = []
    def add(kind, said, size, pixels, made):
        assert list(made.shape[1:]) == size, (kind, said, made.shape)
        values = [round(float(made[c, y, x]), 4) for y, x in places(*size) for c in range(3)]
        cases.append({"kind": kind, "said": said, "picture": pixels, "size": size, "values": values})
    for pixels in PICTURES:
        image = picture(*pixels)
        for name in ["keras-caffe", "keras-tf", "torch-imagenet", "clip"]:
            add("preset", name, [224, 224], pixels, preset(name, image))
        for config, size in TIMM:
            add("timm", config, size, pixels, timm_file(config, image, size))
        for config, size in HUGGING_FACE:
            add("huggingface", config, size, pixels, hugging_face_file(config, image))
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")


main()
