"""What ``chainrule train digits`` does, in scikit-learn."""

from __future__ import annotations

import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

warnings.simplefilter("ignore", ConvergenceWarning)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
model = MLPClassifier(
    (50,),
    activation="logistic",
    alpha=0.01,  # per sample of a batch: 1e-4 times 100
    batch_size=100,
    learning_rate_init=0.01,
    max_iter=100,
    tol=0.0,
    n_iter_no_change=100,
    random_state=0,
).fit(scaler.transform(X_train), y_train)
predicted = model.predict(scaler.transform(X_test))
correct = int((predicted == y_test).sum())
accuracy = correct / len(y_test)
print(f"Training loss {model.loss_:.4f}")
print(f"Test accuracy {100 * accuracy:.1f} % ({correct} of {len(y_test)} correct)")
print(confusion_matrix(y_test, predicted))
