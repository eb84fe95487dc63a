"""Writes pytorch_mlp.safetensors, the state dict of a small network as PyTorch and the safetensors library
save it, and pytorch_mlp.json, inputs and PyTorch's outputs in float64. Tests/Python/test_state.py reads both.

    python make_state_dict.py            (needs torch and safetensors; the files are committed)
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent

torch.manual_seed(3)
model = torch.nn.Sequential(
    torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 6, bias=False), torch.nn.ReLU(), torch.nn.Linear(6, 3)
)
save_file(model.state_dict(), HERE / "pytorch_mlp.safetensors", metadata={"format": "pt"})
x = torch.randn(4, 5)
with torch.no_grad():
    y = model.double()(x.double())
(HERE / "pytorch_mlp.json").write_text(json.dumps({"x": x.tolist(), "y": y.tolist()}) + "\n", encoding="utf-8")
