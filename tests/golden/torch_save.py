"""Makes torch_zip.pth and torch_legacy.pth with PyTorch 2.15.0: both formats of one state dict."""

from collections import OrderedDict
from pathlib import Path

import torch

whole = torch.arange(12, dtype=torch.float32) / 4
state = OrderedDict()
state["plain"] = whole.reshape(3, 4)
state["turned"] = whole.reshape(3, 4).t()  # another view of the same storage
state["part"] = whole.reshape(3, 4)[1:, ::2]
state["half"] = torch.tensor([1.0, -0.5, 65504.0], dtype=torch.float16)
state["steps"] = torch.tensor(7)
state._metadata = {"": {"version": 1}}

folder = Path(__file__).parent
torch.save(state, folder / "torch_zip.pth")
torch.save(state, folder / "torch_legacy.pth", _use_new_zipfile_serialization=False)
