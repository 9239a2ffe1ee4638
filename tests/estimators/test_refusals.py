"""Bad input, case by case: what is refused or warned of, in whole sentences.

Where scikit-learn has a sentence of its own for a case, it is that one.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning

from chainrule import nn, optim
from chainrule._errors import ChainruleError
from chainrule.estimators import (
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 3
UNSEEN = "`y` has classes not in `self.classes_`. `self.classes_` has [0 1 2]. 'y' has [1 2 3]."
NO_CLASS = (
    "weights_by_class: class_weight: expected weights of the classes [0, 1, 2], got one of 7, "
    "which no sample has."
)
NOT_NEGATIVE = (
    "weights_by_class: class_weight: expected weights that are finite and not negative, got "
    "{1: -1.0}."
)
OTHER_CLASSES = (
    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
    "Previously got [0 1 2], `y` has [1 2 3]"
)
CHANCE = "; it compares the signs of gradients from step to step, and those of two mini-batches "


def descent(**settings: Any) -> LinearRegression:
    return LinearRegression(solver="gradient_descent", **settings)


def classifier(**settings: Any) -> MLPClassifier:
    return MLPClassifier((2,), max_iter=2, **settings)


def regressor(loss: Any = "squared_error", **settings: Any) -> MLPRegressor:
    return MLPRegressor(loss, (2,), max_iter=2, **settings)


KINDS = {
    "LinearRegression": LinearRegression,
    "gradient descent": descent,
    "LogisticRegression": LogisticRegression,
    "Perceptron": Perceptron,
    "MLPClassifier": classifier,
    "MLPRegressor": regressor,
}
CLASSIFIERS = ("LogisticRegression", "Perceptron", "MLPClassifier")


def broken(value: float) -> np.ndarray:
    copy = X.copy()
    copy[7, 2] = value
    return copy


def name_of(kind: str) -> str:
    return type(KINDS[kind]()).__name__


CASES: dict[str, tuple[Callable[[], Any], str]] = {}
for kind, make in KINDS.items():
    what = f"X has 2 features, but {name_of(kind)} is expecting 3 features as input."
    CASES |= {
        f"{kind}: {value} in X": (
            lambda make=make, value=value: make().fit(broken(value), Y),
            f"Input X contains {words}, in row 7, column 2. {name_of(kind)} does not accept "
            "missing values: fill them in first, as sklearn.impute.SimpleImputer does, or drop "
            "the rows.",
        )
        for value, words in (
            (np.nan, "NaN"),
            (-np.inf, "infinity or a value too large for dtype('float64')"),
        )
    }
    CASES |= {
        f"{kind}: NaN in prediction": (
            lambda make=make: make().fit(X, Y).predict(broken(np.nan)),
            f"Input X contains NaN, in row 7, column 2. {name_of(kind)} does not accept missing "
            "values: fill them in first, as sklearn.impute.SimpleImputer does, or drop the rows.",
        ),
        f"{kind}: features": (lambda make=make: make().fit(X, Y).predict(X[:, :2]), what),
        f"{kind}: NaN in y": (
            lambda make=make: make().fit(X, np.where(Y == 2, np.nan, Y)),
            "Input y contains NaN.",
        ),
        f"{kind}: X_val alone": (
            lambda make=make: make().fit(X, Y, X_val=X),
            "fit: expected X_val and y_val together, got X_val alone.",
        ),
        f"{kind}: y_val alone": (
            lambda make=make: make().fit(X, Y, y_val=Y),
            "fit: expected X_val and y_val together, got y_val alone.",
        ),
    }
    if kind != "LinearRegression":
        CASES[f"{kind}: features of X_val"] = (
            lambda make=make: make().fit(X, Y, X_val=X[:, :2], y_val=Y),
            f"X_val, y_val: {what}",
        )
        CASES[f"{kind}: NaN in X_val"] = (
            lambda make=make: make().fit(X, Y, X_val=broken(np.nan), y_val=Y),
            f"X_val, y_val: Input X contains NaN, in row 7, column 2. {name_of(kind)} does not "
            "accept missing values: fill them in first, as sklearn.impute.SimpleImputer does, or "
            "drop the rows.",
        )
        CASES[f"{kind}: features after a warm start"] = (
            lambda make=make: make(warm_start=True).fit(X, Y).fit(X[:, :2], Y),
            what,
        )
    if kind != "Perceptron":
        CASES |= {
            f"{kind}: weights of validation samples alone": (
                lambda make=make: make().fit(X, Y, sample_weight_val=np.ones(12)),
                "fit: expected X_val and y_val together, got sample_weight_val alone.",
            ),
            f"{kind}: negative weights": (
                lambda make=make: make().fit(X, Y, -np.ones(12)),
                "Negative values in data passed to `sample_weight`.",
            ),
            f"{kind}: weights whose sum is infinite": (
                lambda make=make: make().fit(X, Y, np.full(12, 1e308)),
                "sample_weight: expected numbers whose sum is finite in float64, got some up to "
                "1e+308; divide them all by one number.",
            ),
        }
for kind in CLASSIFIERS:
    make = KINDS[kind]
    CASES |= {
        f"{kind}: class weight": (
            lambda make=make: make(class_weight={7: 1.0}).fit(X, Y),
            NO_CLASS,
        ),
        f"{kind}: negative class weight": (
            lambda make=make: make(class_weight={1: -1.0}).fit(X, Y),
            NOT_NEGATIVE,
        ),
        f"{kind}: no class counts": (
            lambda make=make: make(class_weight={0: 0, 1: 0, 2: 0}).fit(X, Y),
            "class_weight: expected a weight above 0 for one of the classes at least, got {0: 0, "
            "1: 0, 2: 0}, which leaves no sample that counts.",
        ),
        f"{kind}: classes of y_val": (
            lambda make=make: make().fit(X, Y, X_val=X, y_val=Y + 1),
            f"X_val, y_val: {UNSEEN}",
        ),
        f"{kind}: classes after a warm start": (
            lambda make=make: make(warm_start=True).fit(X, Y).fit(X, Y + 1),
            OTHER_CLASSES,
        ),
    }
for kind in ("Perceptron", "MLPClassifier"):
    make = KINDS[kind]
    CASES |= {
        f"{kind}: unseen labels in partial_fit": (
            lambda make=make: make().partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y + 1),
            UNSEEN,
        ),
        f"{kind}: partial_fit without classes": (
            lambda make=make: make().partial_fit(X, Y),
            "classes must be passed on the first call to partial_fit.",
        ),
        f"{kind}: partial_fit with early_stopping": (
            lambda make=make: make(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2]),
            "partial_fit does not support early_stopping=True",
        ),
    }
for kind in ("LogisticRegression", "Perceptron"):
    make = KINDS[kind]
    CASES |= {
        f"{kind}: one class": (
            lambda make=make: make().fit(X, np.array(["a"] * 12)),
            "This solver needs samples of at least 2 classes in the data, but the data contains "
            "only one class: np.str_('a')",
        ),
        f"{kind}: several labels": (
            lambda make=make: make().fit(X, np.eye(3)[Y].astype(int)),
            f"{kind}: expected y of shape (n_samples,), got (12, 3) (multilabel-indicator); "
            "MLPClassifier learns several labels at once.",
        ),
    }
for kind in ("LinearRegression", "gradient descent", "MLPRegressor"):
    make = KINDS[kind]
    CASES |= {
        f"{kind}: targets of dtype {dtype}": (
            lambda make=make, dtype=dtype: make().fit(X, Y.astype(dtype)),
            f"y: expected numbers, got dtype {np.dtype(dtype)}; classes are for classifiers, and "
            "numbers written as text are turned into some by np.asarray(y, float).",
        )
        for dtype in ("U3", "datetime64[D]")
    }
for kind in ("gradient descent", "LogisticRegression", "MLPClassifier"):
    CASES[f"{kind}: numbers whose squares overflow"] = (
        lambda make=KINDS[kind]: make().fit(X * [1.0, 1e200, 1.0], Y),
        "X: expected numbers whose squares are finite, got larger ones in column 1; measure it in "
        "larger units.",
    )
for kind in ("gradient descent", "MLPRegressor"):
    make = KINDS[kind]
    CASES |= {
        f"{kind}: targets of y_val": (
            lambda make=make: make().fit(X, Y, X_val=X, y_val=X),
            "y_val: expected 1 targets per sample, as in training, got 3.",
        ),
        f"{kind}: targets after a warm start": (
            lambda make=make: make(warm_start=True).fit(X, Y).fit(X, X),
            "y: expected 1 targets per sample, as in training, got 3.",
        ),
    }
for width in (0, -1):
    CASES[f"hidden_layer_sizes={width}"] = (
        lambda width=width: MLPClassifier(width).fit(X, Y),
        "The 'hidden_layer_sizes' parameter of MLPClassifier must be a sequence of ints or an int "
        f"in the range [1, inf). Got {width} instead.",
    )
for widths in (20, (20,), [8, 4]):
    CASES[f"{widths} as loss"] = (
        lambda widths=widths: MLPRegressor(widths).fit(X, Y),
        f"loss: expected a name or a function, got {widths!r}; it is the first argument as in "
        f"scikit-learn, so write hidden_layer_sizes={widths!r}.",
    )
for settings, now in (
    ({"hidden_layer_sizes": (3,)}, "Dense(3 -> 3, relu), Dense(3 -> 3, identity)"),
    ({"activation": "tanh"}, "Dense(3 -> 2, tanh), Dense(2 -> 3, identity)"),
    ({"dropout": 0.5}, "Dense(3 -> 2, relu), Dropout(0.5), Dense(2 -> 3, identity)"),
):
    message = (
        "fit: expected hyper-parameters that make the network trained so far, Sequential(Dense(3 "
        f"-> 2, relu), Dense(2 -> 3, identity)), got some that make Sequential({now}); to begin "
        "anew, call fit with warm_start=False."
    )
    CASES |= {
        f"another network after a warm start: {now}": (
            lambda settings=settings: (
                classifier(warm_start=True, standardize=True)
                .fit(X, Y)
                .set_params(**settings)
                .fit(X, Y)
            ),
            message,
        ),
        f"another network in partial_fit: {now}": (
            lambda settings=settings: (
                classifier()
                .partial_fit(X, Y, classes=[0, 1, 2])
                .set_params(**settings)
                .partial_fit(X, Y)
            ),
            message,
        ),
    }
for before, after, units in (
    ("squared_error", "poisson", "that are standardized"),
    ("poisson", "squared_error", "in their own units"),
):
    CASES[f"{after} after {before}"] = (
        lambda before=before, after=after: (
            regressor(before, warm_start=True).fit(X, Y).set_params(loss=after).fit(X, Y)
        ),
        f"fit: expected a loss of targets {units}, which the network was trained for so far, got "
        f"loss={after!r} with standardize='auto'; to begin anew, call fit with warm_start=False.",
    )
for solver in ("lbfgs", optim.newton_cg()):
    for limit in ("clip_value", "clip_norm", "max_norm"):
        CASES[f"{limit} with {solver}"] = (
            lambda solver=solver, limit=limit: classifier(solver=solver, **{limit: 2.0}).fit(X, Y),
            f"{limit}: expected None for solver={solver!r}, whose line searches choose the length "
            "of every step, got 2.0.",
        )
CASES |= {
    "several classes in several columns": (
        lambda: classifier().fit(X, np.column_stack([Y, Y])),
        "y: expected rows of 0 and 1, a column for each label, got also 2; for columns "
        "of several classes, fit one classifier for each, as sklearn.multioutput."
        "MultiOutputClassifier does.",
    ),
    "signs for labels": (
        lambda: classifier().fit(X, 2 * np.eye(3, dtype=int)[Y] - 1),
        "y: expected rows of 0 and 1, a column for each label, got also -1; for columns "
        "of several classes, fit one classifier for each, as sklearn.multioutput."
        "MultiOutputClassifier does.",
    ),
    "several labels after a warm start": (
        lambda: classifier(warm_start=True).fit(X, Y).fit(X, np.eye(3, dtype=int)[Y]),
        "y: expected shape (n_samples,), as in training, got (12, 3).",
    ),
    "more labels after a warm start": (
        lambda: (
            classifier(warm_start=True)
            .fit(X, np.eye(3, dtype=int)[Y])
            .fit(X, np.eye(4, dtype=int)[Y])
        ),
        "y: expected shape (n_samples, 3), as in training, got (12, 4).",
    ),
    "two samples to explain": (
        lambda: classifier().fit(X, Y).explain(X[:2]),
        "explain: x: expected one sample, got 2.",
    ),
    "three targets to explain": (
        lambda: regressor().fit(X, Y).explain(X[0], [1.0, 2.0, 3.0]),
        "y: expected 1 targets per sample, as in training, got 3.",
    ),
    "targets of a coverage": (
        lambda: regressor("gaussian").fit(X, Y).interval_coverage(X, np.where(Y == 0, np.nan, Y)),
        "Input y contains NaN.",
    ),
    "too few targets of a coverage": (
        lambda: regressor("gaussian").fit(X, Y).interval_coverage(X, Y[:5]),
        "Found input variables with inconsistent numbers of samples: [12, 5]",
    ),
    "weights of a coverage": (
        lambda: regressor("gaussian").fit(X, Y).interval_coverage(X, Y, np.zeros(12)),
        "Sample weights must contain at least one non-zero number.",
    ),
    "a coverage in words": (
        lambda: regressor("gaussian").fit(X, Y).predict_interval(X, "most"),
        "coverage: expected a number above 0 and below 1, got 'most'.",
    ),
    "squares that overflow, by products": (
        lambda: LinearRegression(solver="lsmr").fit(X * [1.0, 1e200, 1.0], Y),
        "X: expected numbers whose squares are finite, got larger ones in column 1; measure it in "
        "larger units.",
    ),
    "targets whose squares overflow": (
        lambda: regressor().fit(X, 1e200 * Y),
        "y: expected numbers whose squares are finite, got larger ones in column 0; measure it in "
        "larger units.",
    ),
    "hidden_layer_sizes=(4, -3)": (
        lambda: MLPRegressor(hidden_layer_sizes=(4, -3)).fit(X, Y),
        "hidden_layer_sizes must be > 0, got [4, -3].",
    ),
    "rprop with batches": (
        lambda: classifier(solver="rprop", batch_size=4).fit(X, Y),
        f"batch_size: expected 'auto' for solver='rprop', got 4{CHANCE}differ by chance.",
    ),
    "an optimizer that compares, with batches": (
        lambda: classifier(solver=optim.rprop(), batch_size=4).fit(X, Y),
        f"batch_size: expected 'auto' for solver={optim.rprop()!r}, got 4{CHANCE}differ by chance.",
    ),
    "no batch": (
        lambda: classifier(batch_size=0).fit(X, Y),
        "The 'batch_size' parameter of MLPClassifier must be 'auto' or an int in the range "
        "[1, inf). Got 0 instead.",
    ),
    "poisson": (
        lambda: regressor("poisson").fit(X, Y - 1.0),
        "poisson_loss: expected counts of at least 0, got -1.0; for quantities that can be "
        "negative use mean_squared_error.",
    ),
    "poisson, validation": (
        lambda: regressor("poisson").fit(X, Y, X_val=X, y_val=Y - 2.0),
        "poisson_loss: expected counts of at least 0, got -2.0; for quantities that can be "
        "negative use mean_squared_error.",
    ),
    "validation in closed form": (
        lambda: LinearRegression().fit(X, Y, X_val=X, y_val=Y),
        "X_val: expected none for solver='auto', which finds the solution at once; it is for "
        "'gradient_descent'.",
    ),
    "early stopping in closed form": (
        lambda: LinearRegression(solver="qr", early_stopping=True).fit(X, Y),
        "early_stopping: expected none for solver='qr', which finds the solution at once; it is "
        "for 'gradient_descent'.",
    ),
    "early stopping with curvature": (
        lambda: LogisticRegression(early_stopping=True).fit(X, Y),
        "early_stopping: expected False for solver='newton-cg', which goes to the minimum in a "
        "few iterations; it is for 'gradient_descent'.",
    ),
    "nothing to set aside": (
        lambda: Perceptron(early_stopping=True, validation_fraction=0.05).fit(X, Y),
        "The validation set is too small. Increase 'validation_fraction' or the size of your "
        "dataset.",
    ),
    "no sample that counts set aside": (
        lambda: classifier(early_stopping=True, validation_fraction=0.25, random_state=0).fit(
            X, Y, np.arange(12) == 0
        ),
        "sample_weight: expected samples that count in the training part and in the validation "
        "part, got weights that are 0 in one of them; give X_val and y_val.",
    ),
    "positive": (
        lambda: LinearRegression(solver="qr", positive=True).fit(X, Y),
        "positive: expected False for solver='qr'; it is for 'svd'.",
    ),
    "absolute values in the penalty": (
        lambda: LogisticRegression(penalty="l1").fit(X, Y),
        "The 'penalty' parameter of LogisticRegression must be 'l2' or None. Got 'l1' instead.",
    ),
    "a penalty of a perceptron": (
        lambda: Perceptron(penalty="l2").fit(X, Y),
        "The 'penalty' parameter of Perceptron must be None. Got 'l2' instead.",
    ),
}


@pytest.mark.parametrize(("attempt", "message"), CASES.values(), ids=CASES)
def test_refused(attempt, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        attempt()
    error = caught.value
    assert (error.message if isinstance(error, ChainruleError) else str(error)) == message


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_as_target_is_accepted_with_one_warning(kind):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataConversionWarning)
        fitted = KINDS[kind]().fit(X, Y[:, None])
    assert [str(w.message) for w in caught if w.category is DataConversionWarning] == [
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y "
        "to (n_samples, ), for example using ravel()."
    ]
    assert fitted.predict(X).shape == (12,)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (
            lambda: classifier(solver="lbfgs", batch_size=4).fit(X, Y),
            "solver='lbfgs' takes all samples in every step, so batch_size=4 is not used: its line "
            "searches need one and the same function.",
        ),
        (
            lambda: classifier(batch_size=100).fit(X, Y),
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
        ),
    ],
    ids=["lbfgs with batches", "a batch larger than the data"],
)
def test_warned_of(attempt, message):
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        attempt()


def test_a_network_that_gives_probabilities_to_logits():
    """Estimators build their own last layer; whoever trains a model by hand is warned."""
    from chainrule import random, training

    model = nn.mlp(random.key(0), (3, 3), output_activation=nn.softmax)
    message = (
        "fit: softmax_cross_entropy takes logits, and the model ends with softmax, whose outputs "
        "are probabilities: it would be applied twice, and the model learns little. Make the last "
        "activation nn.identity."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        training.fit(
            model, nn.softmax_cross_entropy, optim.sgd(0.1), X, Y, epochs=1, key=random.key(1)
        )
