"""The classic exercise: learn to read handwritten digits, from the equations to one line.

1,797 images of 8 × 8 pixels go through one hidden layer of 50 sigmoid units to 10 outputs, one for
each digit. The network is trained four times, from the same weights and with the same batches:

1. by hand: NumPy functions, differentiated by `cr.grad`, in a loop over mini-batches;
2. by the same loop, its functions compiled by `cr.compile`;
3. by `training.fit`, from layers of `nn` and an optimizer of `optim`;
4. by `MLPClassifier`, in the manner of scikit-learn.

That all four come to the same losses shows that nothing hides in the later ones.
"""

import argparse
import itertools
import math
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule import datasets, nn, optim, random, training
from chainrule.estimators import MLPClassifier
from chainrule.plot import ConfusionMatrixDisplay, HistoryDisplay, WeightImagesDisplay

HIDDEN, CLASSES = 50, 10
ETA, LAMBDA = 0.5, 1e-4
BATCH, EPOCHS = 100, 100


# -- 1. From the equations ------------------------------------------------------------------------


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def feed_forward(params, X):
    """Return z^L, from z^l = a^{l-1} W^l + b^l and a^l = f(z^l), with a^0 = X."""
    (W1, b1), (W2, b2) = params
    return sigmoid(X @ W1 + b1) @ W2 + b2


def cross_entropy(params, X, Y):
    """Return -1/n Σ_i log a^L_i[digit i], where a^L = softmax(z^L) are probabilities.

    Rows of Y are 1 at the digit and 0 elsewhere. The largest z is subtracted first, which changes
    no softmax, so that no exponential overflows.
    """
    z = feed_forward(params, X)
    z = z - np.max(z, axis=1, keepdims=True)
    log_a = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(np.sum(Y * log_a, axis=1))


def cost(params, X, Y):
    """Return C: the cross-entropy, and λ/2 Σ W², which keeps weights small but not biases."""
    return cross_entropy(params, X, Y) + LAMBDA / 2 * sum(np.sum(W**2) for W, _ in params)


def back_propagation(params, X, Y):
    """Return ∂C/∂W^l and ∂C/∂b^l by the equations that `cr.grad` makes unnecessary.

    δ^l stands for ∂C/∂z^l. For softmax and cross-entropy together, δ^L = (a^L - Y) / n.
    """
    (W1, b1), (W2, b2) = params
    a1 = sigmoid(X @ W1 + b1)
    exponentials = np.exp(a1 @ W2 + b2)
    a2 = exponentials / exponentials.sum(axis=1, keepdims=True)
    delta2 = (a2 - Y) / len(X)
    delta1 = (delta2 @ W2.T) * a1 * (1 - a1)  # δ^l = (δ^{l+1} W^{l+1}ᵀ) ∘ f'(z^l)
    return [
        (X.T @ delta1 + LAMBDA * W1, delta1.sum(axis=0)),  # ∂C/∂W^l = a^{l-1}ᵀ δ^l
        (a1.T @ delta2 + LAMBDA * W2, delta2.sum(axis=0)),  # ∂C/∂b^l = Σ δ^l
    ]


def step(params, X, Y):
    """Return the parameters moved by -η times the gradient."""
    return cr.tree.map(lambda w, g: w - ETA * g, params, cr.grad(cost)(params, X, Y))


def descend(step, loss, params, X, Y):
    """Return the trained network's function from X to z^L, and the loss after each epoch."""
    losses = []
    for _ in range(EPOCHS):
        for start in range(0, len(X), BATCH):
            params = step(params, X[start : start + BATCH], Y[start : start + BATCH])
        losses.append(loss(params, X, Y))
    return lambda X: feed_forward(params, X), losses


# -- 3. and 4. With what the library has ready ----------------------------------------------------


def fit_layers(params, X, digits):
    """Train layers that hold the same arrays."""
    (W1, b1), (W2, b2) = params
    result = training.fit(
        nn.Sequential([nn.Dense(W1, b1, nn.sigmoid), nn.Dense(W2, b2)]),
        nn.softmax_cross_entropy,
        optim.sgd(ETA),
        X,
        digits,
        epochs=EPOCHS,
        batch_size=BATCH,
        l2=LAMBDA,
        shuffle=False,
        key=random.key(0),
    )
    return result.last.model, result.history.train_loss


def fit_classifier(params, X, digits):
    """Train an estimator whose initializers return the same weights.

    Its penalty is alpha / (2 BATCH) Σ W². The rest of the settings switch off what it does
    beyond the loop above: scaling the inputs, shuffling, momentum, stopping early, and keeping the
    best weights instead of the last.
    """
    classifier = MLPClassifier(
        (HIDDEN,),
        activation="logistic",
        solver="sgd",
        learning_rate_init=ETA,
        batch_size=BATCH,
        alpha=LAMBDA * BATCH,
        max_iter=EPOCHS,
        kernel_init=[lambda key, shape, dtype, W=W: W for W, _ in params],
        standardize=False,
        shuffle=False,
        momentum=0.0,
        n_iter_no_change=math.inf,
        restore_best=False,
        random_state=0,
    )
    with warnings.catch_warnings():
        # It warns that the last epoch came before the minimum, which is what was asked for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(X, digits)
    return classifier.decision_function, classifier.history_.train_loss


# -- All of it ------------------------------------------------------------------------------------


def initial_parameters(widths, rng):
    """Return Glorot's weights, of variance 2 / (fan_in + fan_out), and biases of 0.

    With that, neither the a on their way forward nor the δ on their way back shrink or grow much.
    """
    return [
        (rng.normal(0.0, np.sqrt(2.0 / (n + m)), (n, m)), np.zeros(m))
        for n, m in itertools.pairwise(widths)
    ]


def largest_difference(tree, other):
    pairs = zip(cr.tree.leaves(tree), cr.tree.leaves(other), strict=True)
    return max(np.max(np.abs(one - another)) for one, another in pairs)


def main(output: Path, seed: int) -> None:
    """Train the network in all four ways, and compare."""
    train, test = datasets.train_test_split(datasets.load("digits"), test_size=0.2, seed=seed)
    # What the scaler knows, it knows from the training part: the test part stays unseen.
    scaler = datasets.Standardizer.fit(train.features)
    X, X_test = scaler.transform(train.features), scaler.transform(test.features)
    digits, Y = train.target, np.eye(CLASSES)[train.target]
    params = initial_parameters((X.shape[1], HIDDEN, CLASSES), np.random.default_rng(seed))

    found, by_hand = cr.grad(cost)(params, X, Y), back_propagation(params, X, Y)
    difference = largest_difference(found, by_hand)
    print(f"cr.grad and the equations of back-propagation differ by {difference:.0e}\n")

    ways = {
        "NumPy, cr.grad": lambda: descend(step, cross_entropy, params, X, Y),
        "the same, compiled": lambda: descend(
            cr.compile(step), cr.compile(cross_entropy), params, X, Y
        ),
        "nn, optim, training.fit": lambda: fit_layers(params, X, digits),
        "MLPClassifier": lambda: fit_classifier(params, X, digits),
    }
    print(f"{'':24}loss after 1, {EPOCHS} epochs      test accuracy  seconds")
    networks, curves = {}, []
    for name, train_it in ways.items():
        began = time.perf_counter()
        networks[name], losses = train_it()
        seconds = time.perf_counter() - began
        predicted = networks[name](X_test).argmax(axis=1)
        accuracy = np.mean(predicted == test.target)
        print(f"{name:24}{losses[0]:.10f}  {losses[-1]:.10f}  {accuracy:11.1%}  {seconds:9.2f}")
        curves.append(losses)
    largest = np.max(np.abs(np.array(curves) / curves[0] - 1.0))
    print(f"\nThe losses of all {EPOCHS} epochs agree to a relative {largest:.0e}")

    figure = plt.figure(figsize=(15, 4.5), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    HistoryDisplay({"all four": curves[0]}, quantity="cross-entropy").plot(left, log=True)
    WeightImagesDisplay.from_model(networks["nn, optim, training.fit"], ax=middle)
    ConfusionMatrixDisplay.from_predictions(test.target, predicted, ax=right)
    left.set_title("The training part")
    middle.set_title("The weights of the hidden units")
    right.set_title(f"The test part, {accuracy:.1%} right")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "digits.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the split and the weights")
    main(**vars(parser.parse_args()))
