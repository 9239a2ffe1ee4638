"""The work that is compared: a file per kind of work, in it every library's way of doing it.

A function takes the arrays of the problem and returns the function to be timed. Libraries are
imported inside, because each peer runs in a process that has its own library and may lack the
others.
"""

from benchmarks.peers.row import Row
from benchmarks.peers.work import arrays, curvature, digits, grid, images, logistic, recurrent

ROWS: dict[str, Row] = {
    **digits.ROWS,
    **grid.ROWS,
    **images.ROWS,
    **logistic.ROWS,
    **curvature.ROWS,
    **recurrent.ROWS,
    **arrays.ROWS,
    **digits.INFERENCE,
}
