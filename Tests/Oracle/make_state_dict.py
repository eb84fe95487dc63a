"""Writes state_dicts/NAME.safetensors, state dicts of small networks as PyTorch and the safetensors library save
them, and state_dicts/values.txt: the same networks in Chainrule's words, an input and PyTorch's outputs, in the
format of make_oracle.py. Tests/ABI/state_dict.c and Tests/Python/test_state_dict.py read them.

    python make_state_dict.py            (needs torch and safetensors; the files are committed)
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from make_oracle import expectation, tensor_text

FOLDER = Path(__file__).resolve().parent / "state_dicts"


class Tagger(nn.Module):
    """A class of two words for each step of a sequence."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 8, num_layers=2, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(16, 3)

    def forward(self, x):
        return self.fc(self.lstm(x)[0])


class Encoder(nn.Module):
    """A projection, two encoder layers with a norm behind them, a head."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 24, activation="gelu", batch_first=True)
        self.project = nn.Linear(5, 16)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16), enable_nested_tensor=False)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.encoder(self.project(x)))


def networks():
    """Name, PyTorch's network, the nodes that it is in Chainrule, the shape of the input."""
    yield (
        "mlp",
        nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6, bias=False), nn.ReLU(), nn.Linear(6, 3)),
        ["input - shape=5", "linear 0 out_features=7", "tanh 1", "linear 2 out_features=6 bias=false", "relu 3", "linear 4 out_features=3"],
        (4, 5),
    )
    yield (
        "cnn",
        nn.Sequential(
            nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, stride=2, groups=2, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(32, 4),
        ),
        [
            "input - shape=2,10,10", "conv2d 0 out_channels=6 kernel_size=3 padding=1", "batch_norm2d 1", "relu 2", "max_pool2d 3 kernel_size=2",
            "conv2d 4 out_channels=8 kernel_size=3 stride=2 groups=2 bias=false", "batch_norm2d 5", "relu 6", "flatten 7", "linear 8 out_features=4",
        ],
        (3, 2, 10, 10),
    )
    yield (
        "lstm",
        Tagger(),
        ["input - shape=7,6", "lstm 0 hidden_size=8 num_layers=2 bidirectional=true name=lstm", "linear 1 out_features=3 name=fc"],
        (3, 7, 6),
    )
    yield (
        "transformer",
        Encoder(),
        [
            "input - shape=6,5", "linear 0 out_features=16 name=project",
            "transformer_encoder 1 num_layers=2 d_model=16 nhead=4 dim_feedforward=24 activation=gelu norm=true name=encoder",
            "linear 2 out_features=3 name=head",
        ],
        (3, 6, 5),
    )
    yield (
        "normalised",
        nn.Sequential(weight_norm(nn.Conv2d(2, 4, 3)), nn.ReLU(), spectral_norm(nn.Conv2d(4, 3, 2)), nn.Flatten(), nn.Linear(27, 2)),
        [
            "input - shape=2,6,6", "weight_norm - shape=4,2,3,3 name=0.parametrizations.weight",
            "conv2d 0,1 out_channels=4 kernel_size=3 name=0", "relu 2 name=1", "spectral_norm - shape=3,4,2,2 name=2.parametrizations.weight",
            "conv2d 3,4 out_channels=3 kernel_size=2 name=2", "flatten 5 name=3", "linear 6 out_features=2 name=4",
        ],
        (3, 2, 6, 6),
    )


def disturbed(model, shape):
    """Norms and biases that are not ones and zeros; running statistics of a few batches."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.3 * torch.randn_like(parameter)
        model.train()
        for _ in range(3):
            model(2 * torch.randn(16, *shape[1:]) + 0.5)
    return model.eval()


def main():
    torch.manual_seed(3)
    FOLDER.mkdir(exist_ok=True)
    lines = [f"# PyTorch {torch.__version__}, by make_state_dict.py"]
    for name, model, nodes, shape in networks():
        disturbed(model, shape)
        save_file(model.state_dict(), FOLDER / f"{name}.safetensors", metadata={"format": "pt"})
        x = torch.randn(shape)
        with torch.no_grad():
            narrow = model(x)
            exact = model.double()(x.double())
        lines += [f"case {name}", *(f"add {node}" for node in nodes), f"input {tensor_text(x)}"]
        lines += [f"expect output 0 {expectation(exact, narrow)}", "end"]
    (FOLDER / "values.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
