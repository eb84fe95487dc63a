"""A small transformer reads Alice's Adventures in Wonderland letter by letter (spaces and marks among them) and,
epoch after epoch, writes what it holds for the same. It is measured on the last tenth of the book, which it never
saw, against what pairs of letters tell: a table of how often each letter follows each other one.

    transformer.py [data folder] [folder for the picture]
"""

import sys
from pathlib import Path

import chainrule as cr
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
DATA = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "data"
OUTPUT = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("build/demo")
LENGTH, SIZE, HEADS, LAYERS = 64, 64, 4, 2  # letters it sees at once; numbers for each; of the encoder
EPOCHS, BATCH = 7, 32


def build_network(letters):
    """From letters [batch, time] to scores of the next one, [batch, letters, time]: what cross_entropy takes."""
    text = cr.Input((LENGTH,), dtype="integer")
    x = cr.SinusoidalPositions()(cr.Embedding(letters, SIZE)(text))
    for _ in range(LAYERS):  # causal: a letter attends to itself and to those before it
        x = cr.TransformerEncoderLayer(
            SIZE, HEADS, 4 * SIZE, dropout=0.1, activation="gelu", norm_first=True, is_causal=True
        )(x)
    scores = cr.Linear(SIZE, letters)(cr.LayerNorm(SIZE)(x))
    return cr.Model(text, scores.transpose(1, 2), seed=0)


def windows(text, step):
    """Pieces of the text, and the same pieces one letter further: what is to be said at each place."""
    places = np.arange(0, len(text) - LENGTH, step)[:, None] + np.arange(LENGTH)
    return text[places], text[places + 1]


def pairs_loss(train, test, letters):
    """The cross-entropy of the table of pairs, in nats a letter; pairs that never came count a tenth."""
    table = np.full((letters, letters), 0.1)
    np.add.at(table, (train[:-1], train[1:]), 1)
    table /= table.sum(axis=1, keepdims=True)
    return -np.log(table[test[:-1], test[1:]]).mean()


def write(model, alphabet, start, count, temperature, random):
    """Goes on from start, each letter drawn by the model's probabilities; a low temperature makes it careful."""
    text = [alphabet.index(letter) for letter in start]
    for _ in range(count):
        seen = text[-LENGTH:]
        x = np.zeros((1, LENGTH), np.int32)  # what stands behind the text doesn't matter: the network is causal
        x[0, : len(seen)] = seen
        scores = model.predict(x)[0, :, len(seen) - 1] / temperature
        probabilities = np.exp(scores - scores.max())
        text.append(random.choice(len(alphabet), p=probabilities / probabilities.sum()))
    return "".join(alphabet[i] for i in text)


def draw(path, history, pairs):
    figure, axis = plt.subplots(figsize=(9, 5.6))
    epochs = np.arange(1, len(history["loss"]) + 1)
    axis.axhline(pairs, color="0.4", ls="--", label="pairs of letters, the part held out")
    axis.plot(epochs, history["loss"], "o-", label="transformer, the part it learns from (with dropout)")
    axis.plot(epochs, history["val_loss"], "o-", color="red", label="transformer, the part held out")
    axis.set_xlabel("epoch")
    axis.set_ylabel("cross-entropy (nats a letter)")
    axis.set_title("How well the next letter of Alice in Wonderland is foreseen")
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def main():
    book = (DATA / "alice.txt").read_text("ascii")
    alphabet = sorted(set(book))
    text = np.array([alphabet.index(letter) for letter in book], np.int32)
    train, test = np.split(text, [len(text) * 9 // 10])
    x, y = windows(train, LENGTH // 2)
    x_test, y_test = windows(test, LENGTH)
    pairs = pairs_loss(train, test, len(alphabet))
    print(f"{len(text)} letters, {len(alphabet)} different ones; pairs of letters: {pairs:.3f} nats a letter")

    model = build_network(len(alphabet))
    print(model.summary())
    random = np.random.default_rng(0)

    def show(epoch, logs):
        print(f"epoch {epoch + 1}  loss {logs['loss']:.3f}  held out {logs['val_loss']:.3f}  it writes:")
        print("    " + write(model, alphabet, "Alice ", 120, 0.7, random).replace("\n", "\n    "))

    updates = EPOCHS * -(-len(x) // BATCH)
    model.compile(
        "cross_entropy",
        cr.AdamW(lr=4e-3, weight_decay=0.1),
        schedule=f"cosine T_max={updates} per=step warmup=50",
    )
    history = model.fit(
        x, y, epochs=EPOCHS, batch_size=BATCH, validation_data=(x_test, y_test), callbacks=[show], verbose=0
    )
    print(write(model, alphabet, "  `Who are you?' said", 500, 0.6, random))

    OUTPUT.mkdir(parents=True, exist_ok=True)
    draw(OUTPUT / "transformer_python.png", history, pairs)
    loss = history["val_loss"][-1]
    enough = loss < pairs - 0.5
    print(
        f"result: nats a letter of a book's last tenth, against pairs of letters | {loss:.2f} to {pairs:.2f} | "
        f"at least 0.5 less | "
        f"{'learned' if enough else 'NOT LEARNED'}"
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
