"""The work of the commands that use a saved network: predict, evaluate, summary."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import typer

from chainrule import saving
from chainrule._errors import DataError, InvalidArgumentError
from chainrule.cli._data import open_table
from chainrule.cli._model import TableModel
from chainrule.cli._options import option_name, shown
from chainrule.cli._report import Report
from chainrule.cli._score import class_lines, confusion_lines, scores, sentence
from chainrule.models import NetworkClassifier, NetworkRegressor, hyperparameters
from chainrule.models.summary import summarized
from chainrule.saving.files import write_bytes

__all__ = ["as_csv", "evaluate", "open_model", "predict", "summarize", "write_text"]


def open_model(path: Path) -> TableModel:
    """Return what `chainrule train --save` has written.

    Raises
    ------
    FileError, DataError
        When the file cannot be read, or is something else.
    """
    model = saving.load(path)
    if not isinstance(model, TableModel):
        raise DataError(
            f"{path}: expected what `chainrule train --save` has written, got a saved "
            f"{type(model).__name__}, which does not say what the columns of a file mean. Use "
            "chainrule.load in Python."
        )
    return model


# -- predict -------------------------------------------------------------------------------------


def predict(
    path: Path,
    data: str,
    report: Report,
    *,
    output: Path | None,
    probabilities: bool,
    interval: float | None,
) -> None:
    """Write the predictions for a file, as CSV or JSON."""
    model = open_model(path)
    table = open_table(data)
    columns = {model.encoder.target_name: model.predict(table)}
    if probabilities:
        columns |= _probabilities(model, table)
    if interval is not None:
        columns |= _interval(model, table, interval)
    if output is not None:
        write_text("predict", output, as_csv(columns))
        report.note(f"{table.n_rows:,} predictions written to {output}")
    else:
        report.raw(as_csv(columns))
    report.document(
        {
            "command": "predict",
            "model": str(path),
            "data": table.name,
            "n_samples": table.n_rows,
            "target": model.encoder.target_name,
            "classes": model.encoder.class_names,
            "predictions": columns,
            "output": None if output is None else str(output),
        }
    )


def _probabilities(model: TableModel, table: Any) -> dict[str, npt.NDArray[Any]]:
    network, names = model.network, model.encoder.class_names
    if names is None or network.loss in ("hinge", "perceptron"):
        what = "is a regression" if names is None else f"has loss {network.loss!r}"
        raise typer.BadParameter(
            f"the model {what}, which gives no probabilities. Leave the option out.",
            param_hint="--probabilities",
        )
    found = model.predict_proba(table)
    return {f"p({name})": found[:, i] for i, name in enumerate(names)}


def _interval(model: TableModel, table: Any, coverage: float) -> dict[str, npt.NDArray[Any]]:
    if not isinstance(model.network, NetworkRegressor):
        raise typer.BadParameter(
            "the model tells classes apart; it has --probabilities.", param_hint="--interval"
        )
    try:
        bounds = model.network.predict_interval(model.encoder.features(table), coverage)
    except InvalidArgumentError as error:
        raise typer.BadParameter(error.message, param_hint="--interval") from None
    return {"lower": bounds[:, 0], "upper": bounds[:, 1]}


def as_csv(columns: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return columns as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return text.getvalue()


def write_text(what: str, path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_bytes(what, path, text.encode())


# -- evaluate ------------------------------------------------------------------------------------


def evaluate(path: Path, data: str, report: Report) -> None:
    """Print how good the predictions for a file are, whose target is known."""
    model = open_model(path)
    table = open_table(data)
    truth = model.encoder.target(table)
    predicted = model.network.predict(model.encoder.features(table))
    measured = scores(truth, predicted, model.encoder.class_names)
    report.note(f"{table.name}: {table.n_rows:,} samples, target '{model.encoder.target_name}'")
    report.result(sentence(measured).capitalize(), "bold")
    if "confusion" in measured:
        report.note()
        for line in [*class_lines(measured), "", *confusion_lines(measured)]:
            report.note(line)
    report.document(
        {
            "command": "evaluate",
            "model": str(path),
            "data": table.name,
            "target": model.encoder.target_name,
            "scores": measured,
        }
    )


# -- summary -------------------------------------------------------------------------------------


def summarize(path: Path, report: Report) -> None:
    """Print what a saved network consists of, and how it was trained."""
    model = open_model(path)
    encoder, network, training = model.encoder, model.network, model.training
    n_features = len(encoder.feature_names)
    changed = _changed(network)
    kind = "a number" if encoder.class_names is None else f"{len(encoder.class_names)} classes"
    report.result(f"Predicts '{encoder.target_name}', {kind}, from {len(encoder.columns)} columns")
    for line in _columns(encoder):
        report.note(line)
    report.note()
    for line in summarized(network.model_, n_features).splitlines():
        report.result(line)
    report.note()
    settings = ", ".join(
        f"{option_name(name)[2:]} {shown(value)}" for name, value in changed.items()
    )
    report.note(f"Trained on {training['data']['name']} with {settings}")
    report.note(training["message"])
    for name, figures in training["scores"].items():
        report.note(f"{name.capitalize()} {sentence(figures)}")
    report.document(
        {
            "command": "summary",
            "model": str(path),
            "target": encoder.target_name,
            "classes": encoder.class_names,
            "columns": [
                {"name": name, "categories": categories}
                for name, categories in zip(encoder.columns, encoder.categories, strict=True)
            ],
            "settings": changed,
            "layers": [repr(layer) for layer in network.model_.layers],
            "training": training,
        }
    )


def _changed(network: NetworkClassifier | NetworkRegressor) -> dict[str, Any]:
    """Return the hyper-parameters that are not at their defaults."""
    declared = hyperparameters(type(network))
    values = {name: getattr(network, name) for name in declared}
    return {name: value for name, value in values.items() if value != declared[name].default}


def _columns(encoder: Any, most: int = 12) -> list[str]:
    lines = [
        f"  {name}" + ("" if categories is None else f": {', '.join(categories)}")
        for name, categories in zip(encoder.columns, encoder.categories, strict=True)
    ]
    more = len(lines) - most
    return lines if more <= 0 else [*lines[:most], f"  and {more} more"]
