"""What fit shows while it trains, and what it hands back: lines, bar, history, picture."""

import sys

import pytest

import chainrule as cr


def classifier():
    model = cr.Sequential(cr.Linear(4, 16), cr.ReLU(), cr.Linear(16, 3))
    model.compile(loss="cross_entropy", optimizer=cr.Adam(lr=1e-2), metrics=["accuracy"])
    return model


def test_lines_and_bar(blobs, capsys):
    x, y = blobs
    classifier().fit(x, y, epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  loss ") and "accuracy" in lines[1]
    classifier().fit(x, y, epochs=2, verbose=0)
    assert capsys.readouterr() == ("", "")
    classifier().fit(x, y, epochs=2)
    shown = capsys.readouterr()
    if "tqdm" in sys.modules:
        assert "2/2" in shown.err and "accuracy" in shown.err
    else:
        assert len(shown.out.splitlines()) == 2


def test_without_tqdm_there_are_lines(blobs, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    classifier().fit(*blobs, epochs=3)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_history_and_its_picture(blobs, tmp_path, monkeypatch):
    x, y = blobs
    history = classifier().fit(x, y, epochs=8, validation_split=0.2, verbose=0)
    assert len(history) == 4 and "val_loss" in history and "3 epochs" not in repr(history)
    with pytest.raises(KeyError, match="val_accuracy"):
        history["beauty"]
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.ticker"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        history.plot(tmp_path / "curves.png")
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    figure = history.plot(tmp_path / "curves.png", title="blobs")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert figure.axes[-1].get_xlabel() == "epoch"
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["training", "validation"]
    with pytest.raises(ValueError):
        cr.History({}).plot()
