"""The command line, `chainrule`.

`_app` and `_app_search` declare commands and options and turn errors into exit statuses. The work
of commands is in `_train`, `_check`, `_find`, `_tune`, `_demo` and `_use`; they share `_data` (what
is named on the command line), `_options` (hyper-parameters), `_score` (figures), `_report` and
`_progress` (what is printed). `_space`, `_evaluation`, `_tuned` and `_search_progress` are for
searches. `_model` is what is saved. Only what a command needs is loaded, and never scikit-learn.
"""

from chainrule.cli import _app_search as _app_search  # the commands of searches
from chainrule.cli._app import app, main
from chainrule.cli._model import TableModel

__all__ = ["TableModel", "app", "main"]
