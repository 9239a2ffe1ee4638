"""The command line, `chainrule`.

`_main` begins the process and ends it. `_app` and `_app_search` declare commands and options and
turn errors into exit statuses. The work of commands is in `_train`, `_check`, `_find`, `_tune`,
`_demo` and `_use`; they share `_data` (what is named on the command line), `_options`
(hyper-parameters), `_score` (figures), `_report` and `_progress` (what is printed). `_space`,
`_evaluation`, `_tuned`, `_picture` and `_search_progress` are for searches. `_model` is what is
saved. Only what a command needs is loaded, and never scikit-learn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule.cli._main import main

if TYPE_CHECKING:
    from chainrule.cli._app_search import app
    from chainrule.cli._model import TableModel

_MODULES = {"TableModel": "_model", "app": "_app_search"}

__all__ = ["TableModel", "app", "main"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"chainrule.cli.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'chainrule.cli' has no attribute {name!r}")
