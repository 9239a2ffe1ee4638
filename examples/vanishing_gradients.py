"""Vanishing gradients, seen and cured: a network of twelve hidden layers learns to read digits.

On its way back, δ^l = (δ^{l+1} W^{l+1}ᵀ) ∘ f'(z^l) is multiplied by a matrix and by a derivative in
every layer. If the two together shrink it, even by a little, nothing of the errors arrives at the
first layers of many; if they lengthen it, it explodes. Five networks differ in how they keep it.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chainrule import datasets, nn, optim, random, training
from chainrule.nn.initializers import glorot_normal, he_normal, standard_normal
from chainrule.plot import styles

HIDDEN_LAYERS, WIDTH = 12, 30
EPOCHS, BATCH = 30, 100

NETWORKS = {
    # A sum of 30 inputs with weights of variance 1 is so large that σ' is almost 0: the units are
    # saturated.
    "sigmoid, weights of variance 1": {"activation": nn.sigmoid, "kernel_init": standard_normal},
    # Variance 2 / (fan_in + fan_out) keeps z small. But σ' is at most 1/4, and twelve layers leave
    # no more than (1/4)¹² = 6e-8 of an error.
    "sigmoid, Glorot": {"activation": nn.sigmoid, "kernel_init": glorot_normal},
    # The derivative of ReLU is 1 for one half of the units and 0 for the other. A variance of
    # 2 / fan_in makes up for the half that is lost.
    "ReLU, He": {"activation": nn.relu, "kernel_init": he_normal},
    # With every z brought to mean 0 and variance 1 over the batch, no unit is silent for all of
    # it, and training goes faster. The gradients grow a little on their way back.
    "ReLU, He, batch normalization": {
        "activation": nn.relu,
        "kernel_init": he_normal,
        "normalization": "batch",
    },
    # a^l = f(z^l) + a^{l-1}: the derivative of the second term is 1, and errors pass unhindered.
    "the same with skip connections": {
        "activation": nn.relu,
        "kernel_init": he_normal,
        "normalization": "batch",
        "residual": True,
    },
}


def gradient_norms(model, history):
    """Return the length of ∂C/∂(W, b) of each layer with weights, in the first epoch.

    The history names what it has measured by position in the model. The parameters of a batch
    normalization that stands on its own are left out.
    """
    has_weights = [isinstance(layer, (nn.Dense, nn.Residual)) for layer in model.layers]
    names = [f"layer {i}" for i, has in enumerate(has_weights, start=1) if has]
    return np.array([history.gradient_norm[0, history.layers.index(name)] for name in names])


def main(output: Path, seed: int) -> None:
    """Train the five networks alike, and print and draw how gradients and accuracies differ."""
    train, test = datasets.train_test_split(datasets.load("digits"), test_size=0.2, seed=seed)
    scaler = datasets.Standardizer.fit(train.features)
    X, X_test = scaler.transform(train.features), scaler.transform(test.features)

    figure = plt.figure(figsize=(12, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    print(f"{HIDDEN_LAYERS} hidden layers of {WIDTH} units, {EPOCHS} epochs")
    print(f"{'':32}{'gradient of layer 1':>20}{'of layer 13':>14}{'test accuracy':>16}")
    for (name, settings), style in zip(NETWORKS.items(), styles(len(NETWORKS)), strict=True):
        accuracies = []

        def measure(record, accuracies=accuracies):
            accuracies.append(np.mean(record.model(X_test).argmax(axis=1) == test.target))

        result = training.fit(
            nn.mlp(random.key(seed), (X.shape[1], *[WIDTH] * HIDDEN_LAYERS, 10), **settings),
            nn.softmax_cross_entropy,
            optim.momentum(0.01),
            X,
            train.target,
            epochs=EPOCHS,
            batch_size=BATCH,
            key=random.key(seed),
            callbacks=[measure],
        )
        norms = gradient_norms(result.model, result.history)
        print(f"{name:32}{norms[0]:20.1e}{norms[-1]:14.1e}{accuracies[-1]:16.1%}")
        line = {"color": style.color, "ls": style.dashes, "label": name}
        left.semilogy(np.arange(1, len(norms) + 1), norms, marker=style.marker, **line)
        right.plot(result.history.epoch, accuracies, **line)
    left.set(xlabel="layer, from the inputs on", ylabel="length of the gradient in the first epoch")
    right.set(xlabel="epoch", ylabel="accuracy on the test part", ylim=(0.0, 1.0))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "vanishing_gradients.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the split and the weights")
    main(**vars(parser.parse_args()))
