"""Data sets: a few that ship with the package, and readers for your own.

A `Dataset` holds numbers and their names. The built-in ones come by name from
`load`; a file becomes one through a reader (`read_csv`), which refuses what it
cannot read for certain and says where and why. Before training, a data set is
split with `train_test_split` and its features are brought to one scale with a
`Standardizer` fitted on the training part.
"""

from chainrule.datasets._builtin import load, names
from chainrule.datasets._columns import Task
from chainrule.datasets._csv import read_csv
from chainrule.datasets._dataset import Dataset, Recipe
from chainrule.datasets._scale import Standardizer
from chainrule.datasets._split import split_indices, train_test_split

__all__ = [
    "Dataset",
    "Recipe",
    "Standardizer",
    "Task",
    "load",
    "names",
    "read_csv",
    "split_indices",
    "train_test_split",
]
