"""Data sets: a few that ship with the package, and a reader for your own.

A `Dataset` holds numbers and their names. The built-in ones come by name from
`load`; a file becomes one through `read`, which refuses what it cannot read for
certain and says where and why. Its `Encoder` turns the next file into numbers in
the same way. Before training, a data set is split with `train_test_split` and its
features are brought to one scale with a `Standardizer` fitted on the training part.
"""

from chainrule.datasets._builtin import describe, load, names
from chainrule.datasets._dataset import Dataset, Recipe
from chainrule.datasets._encoder import Encoder
from chainrule.datasets._read import read, read_table
from chainrule.datasets._scale import Standardizer
from chainrule.datasets._split import split_indices, train_test_split
from chainrule.datasets._table import Table, Task

__all__ = [
    "Dataset",
    "Encoder",
    "Recipe",
    "Standardizer",
    "Table",
    "Task",
    "describe",
    "load",
    "names",
    "read",
    "read_table",
    "split_indices",
    "train_test_split",
]
