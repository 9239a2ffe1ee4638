"""Settings of all tests, those in docstrings included."""

import os
import tempfile

# Making machine code takes tenths of a second, which the thousands of functions compiled here
# would add up; what is about the native engine asks for it by name. Whoever runs the tests may
# choose otherwise: CHAINRULE_ENGINE=native make test.
os.environ.setdefault("CHAINRULE_ENGINE", "interpreter")
os.environ["CHAINRULE_CACHE_DIR"] = tempfile.mkdtemp(prefix="chainrule-tests-")
