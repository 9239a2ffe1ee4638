"""The command line, `chainrule`.

`_app` declares commands and options and turns errors into exit statuses, `_train`
does the work of `chainrule train`, and `_report` prints. The first of them loads
nothing that `--help` does not need.
"""

from chainrule.cli._app import app, main

__all__ = ["app", "main"]
