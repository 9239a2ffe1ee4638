"""What ops should compute, written without them: loops over elements, `math`, textbook formulas.

Slow and plain on purpose. No function here calls the NumPy function that evaluates the op it is
the reference of.
"""

import bisect
import itertools
import math

import numpy as np
import scipy.linalg

# -- elements ------------------------------------------------------------------------------------


def elementwise(function, kind=float):
    """Return a function of arrays that applies a function of Python numbers to every element."""

    def apply(*arrays, **params):
        def of_numbers(*numbers):
            return function(*numbers, **params)

        return np.vectorize(of_numbers, otypes=[kind])(*arrays)

    return apply


def in_integers(function):
    """Return the same for integers and booleans: the result has the dtype of the arguments."""

    def apply(*arrays):
        shape = np.broadcast_shapes(*[np.shape(array) for array in arrays])
        spread = [np.broadcast_to(array, shape).reshape(-1).tolist() for array in arrays]
        values = [function(*numbers) for numbers in zip(*spread, strict=True)]
        return np.array(values, np.asarray(arrays[-1]).dtype).reshape(shape)

    return apply


def solved(function, low, high):
    """Return the inverse of an increasing function of one number, by bisection."""

    def inverse(y):
        left, right = low, high
        while (middle := (left + right) / 2) not in (left, right):
            left, right = (middle, right) if function(middle) < y else (left, middle)
        return right

    return inverse


def sign(x):
    return float(x > 0) - float(x < 0)


def expit(x):
    return 1.0 / (1.0 + math.exp(-x)) if x > 0 else math.exp(x) / (1.0 + math.exp(x))


def logaddexp(x, y):
    return max(x, y) + math.log1p(math.exp(-abs(x - y)))


def normal_distribution(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def log_ndtr(x):
    return math.log1p(-normal_distribution(-x)) if x > 0 else math.log(normal_distribution(x))


BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


def polygamma(x, order):
    """Add up 1/(x + k)^(n + 1) to k = 20, and the rest by the Euler-Maclaurin formula."""
    n, far = order, x + 20.0
    if n == 0:
        rest = math.log(far) - 0.5 / far
        rest -= sum(b / (2 * k * far ** (2 * k)) for k, b in enumerate(BERNOULLI, 1))
        return rest - math.fsum(1.0 / (x + k) for k in range(20))
    rest = math.factorial(n - 1) / far**n + math.factorial(n) / (2 * far ** (n + 1))
    rest += sum(
        b * math.factorial(2 * k + n - 1) / (math.factorial(2 * k) * far ** (2 * k + n))
        for k, b in enumerate(BERNOULLI, 1)
    )
    first = math.factorial(n) * math.fsum((x + k) ** -(n + 1) for k in range(20))
    return (-1) ** (n + 1) * (first + rest)


def _mean_over_circle(function):
    # The rectangle rule converges exponentially for periodic functions.
    return math.fsum(function(2.0 * math.pi * k / 64) for k in range(64)) / 64


def bessel_j(x, order):
    return _mean_over_circle(lambda t: math.cos(order * t - x * math.sin(t)))


def bessel_i(x, order):
    return _mean_over_circle(lambda t: math.exp(x * math.cos(t)) * math.cos(order * t))


def bessel_ie(x, order):
    return math.exp(-abs(x)) * bessel_i(x, order)


def xlogy(x, y):
    return x * math.log(y) if x else 0.0


def xlog1py(x, y):
    return x * math.log1p(y) if x else 0.0


# -- arrays --------------------------------------------------------------------------------------


def built(shape, dtype, element):
    """Return the array whose element at every index is what a function says."""
    out = np.zeros(shape, dtype)
    for index in np.ndindex(*shape):
        out[index] = element(index)
    return out


def along_axes(function, kind=None):
    """Return a function that applies a function of a list to the elements along axes."""

    def apply(x, *, axes=None, axis=None):
        chosen = axes if axis is None else (axis,)
        kept = [i for i in range(x.ndim) if i not in chosen]

        def element(index):
            at = [slice(None)] * x.ndim
            for position, i in zip(index, kept, strict=True):
                at[i] = position
            return function(x[tuple(at)].reshape(-1).tolist())

        return built([x.shape[i] for i in kept], kind or x.dtype, element)

    return apply


def rows_along_axis(function, kind=None):
    """Return a function that replaces the elements along an axis by a list made of them."""

    def apply(x, *, axis):
        out = np.zeros(x.shape, kind or x.dtype)
        others = [range(1) if i == axis else range(extent) for i, extent in enumerate(x.shape)]
        for index in itertools.product(*others):
            at = (*index[:axis], slice(None), *index[axis + 1 :])
            out[at] = function(x[at].tolist())
        return out

    return apply


def order(values):
    return sorted(range(len(values)), key=values.__getitem__)


def running(function):
    return lambda values: list(itertools.accumulate(values, function))


def searchsorted(rows, values, *, side):
    find = bisect.bisect_left if side == "left" else bisect.bisect_right
    return built(
        values.shape, np.int64, lambda index: find(rows[index[:-1]].tolist(), values[index])
    )


def reshape(x, *, shape):
    return np.array(list(x.flat), x.dtype).reshape(shape)


def transpose(x, *, axes):
    shape = [x.shape[axis] for axis in axes]
    back = [axes.index(i) for i in range(x.ndim)]
    return built(shape, x.dtype, lambda index: x[tuple(index[i] for i in back)])


def broadcast(x, *, shape):
    skip = len(shape) - x.ndim

    def element(index):
        return x[tuple(i if e > 1 else 0 for i, e in zip(index[skip:], x.shape, strict=True))]

    return built(shape, x.dtype, element)


def slice_(x, *, limits):
    ranges = [range(*limit) for limit in limits]
    return built(
        [len(r) for r in ranges],
        x.dtype,
        lambda index: x[tuple(r[i] for r, i in zip(ranges, index, strict=True))],
    )


def pad(x, *, widths):
    for axis, (before, after, between) in enumerate(widths):
        rows = np.moveaxis(x, axis, 0)
        zero = np.zeros_like(rows[:1]) if len(rows) else np.zeros((1, *rows.shape[1:]), x.dtype)
        parts = [zero] * before
        for number, row in enumerate(rows):
            parts += [zero] * between * (number > 0) + [row[None]]
        parts += [zero] * after
        joined = np.vstack(parts).reshape(-1, *rows.shape[1:]) if parts else rows
        x = np.moveaxis(joined, 0, axis)
    return x


def flip(x, *, axes):
    def element(index):
        return x[tuple(x.shape[i] - 1 - at if i in axes else at for i, at in enumerate(index))]

    return built(x.shape, x.dtype, element)


def concatenate(*arrays, axis):
    rows = [row for array in arrays for row in np.moveaxis(array, axis, 0)]
    return np.moveaxis(np.array(rows, arrays[0].dtype), 0, axis)


def gather(x, *indices):
    out = [x[tuple(at)] for at in zip(*[i.reshape(-1).tolist() for i in indices], strict=True)]
    return np.array(out, x.dtype).reshape(indices[0].shape + x.shape[len(indices) :])


UPDATES = {
    "set": lambda old, new: new,
    "add": lambda old, new: old + new,
    "multiply": lambda old, new: old * new,
    "minimum": lambda old, new: np.where(new < old, new, old),
    "maximum": lambda old, new: np.where(new > old, new, old),
}


def scatter(x, updates, *indices, mode):
    out = x.copy()
    for where in np.ndindex(*indices[0].shape):
        at = tuple(int(i[where]) for i in indices)
        out[at] = UPDATES[mode](out[at], updates[where])
    return out


def dot(x, y, *, contract, shared):
    names = iter("abcdefghijklmnop")
    x_names = [next(names) for _ in range(x.ndim)]
    y_names = [next(names) for _ in range(y.ndim)]
    for axes in (contract, shared):
        for i, j in zip(*axes, strict=True):
            y_names[j] = x_names[i]
    out = [x_names[i] for i in shared[0]]
    out += [n for i, n in enumerate(x_names) if i not in contract[0] + shared[0]]
    out += [n for j, n in enumerate(y_names) if j not in contract[1] + shared[1]]
    return np.einsum(f"{''.join(x_names)},{''.join(y_names)}->{''.join(out)}", x, y)


WORD = 2**64


def _rotated(word, by):
    return (word << by | word >> (64 - by)) % WORD


def threefry(key, counter):
    """Threefry-2x64-20 in Python's integers, after the paper's description."""
    keys = (*key, key[0] ^ key[1] ^ 0x1BD11BDAA9FC1A22)
    x, y = ((c + k) % WORD for c, k in zip(counter, key, strict=True))
    for number in range(20):
        x = (x + y) % WORD
        y = _rotated(y, (16, 42, 12, 31, 16, 32, 24, 21)[number % 8]) ^ x
        if number % 4 == 3:
            step = number // 4 + 1
            x = (x + keys[step % 3]) % WORD
            y = (y + keys[(step + 1) % 3] + step) % WORD
    return x, y


def random_bits(key, *, shape):
    def words(index):
        pair = tuple(int(word) for word in key[index])
        count = math.prod(shape)
        drawn = [word for k in range((count + 1) // 2) for word in threefry(pair, (k, 0))]
        return np.array(drawn[:count], np.uint64).reshape(shape)

    stack = key.shape[:-1]
    return np.array([words(index) for index in np.ndindex(*stack)], np.uint64).reshape(
        (*stack, *shape)
    )


# -- matrices ------------------------------------------------------------------------------------


def each_matrix(function, results=1):
    """Return a function that applies a function of matrices to every one of a stack."""

    def apply(*arrays, **params):
        stack = arrays[0].shape[:-2]
        found = [
            function(*[array[index].astype(np.float64) for array in arrays], **params)
            for index in np.ndindex(*stack)
        ]
        columns = [found] if results == 1 else zip(*found, strict=True)
        whole = [np.reshape(column, stack + np.shape(column[0])) for column in columns]
        return whole[0] if results == 1 else tuple(whole)

    return apply


def cholesky(a):
    out = np.zeros_like(a)
    for i in range(len(a)):
        for j in range(i + 1):
            rest = a[i, j] - out[i, :j] @ out[j, :j]
            out[i, j] = math.sqrt(rest) if i == j else rest / out[j, j]
    return out


def triangular_solve(a, b, *, lower, transposed, unit_diagonal):
    t = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        t = t - np.diag(np.diag(t)) + np.eye(len(t))
    return np.linalg.inv(t.T if transposed else t) @ b


def qr(a):
    return scipy.linalg.qr(a, mode="economic")


def eigenvalues(a, *, lower):
    triangle = np.tril(a) if lower else np.triu(a)
    return np.sort(np.linalg.eigvals(triangle + triangle.T - np.diag(np.diag(a))).real)


def eigh(a, *, lower):
    return scipy.linalg.eigh(a, lower=lower, driver="evd")


def singular_values(a):
    small = a.T @ a if a.shape[0] > a.shape[1] else a @ a.T
    return np.sqrt(np.sort(np.linalg.eigvals(small).real)[::-1])


def svd(a, *, full):
    return scipy.linalg.svd(a, full_matrices=full, lapack_driver="gesdd")


def pinv(a, *, cutoff, hermitian):
    return np.linalg.inv(a.T @ a) @ a.T


def det(a):
    """Sum over permutations, after Leibniz."""
    total = 0.0
    for permutation in itertools.permutations(range(len(a))):
        inversions = sum(p > q for p, q in itertools.combinations(permutation, 2))
        total += (-1) ** inversions * math.prod(a[i, j] for i, j in enumerate(permutation))
    return total


def slogdet(a):
    value = det(a)
    return sign(value), math.log(abs(value))


def cofactors(a, *directions):
    def minors(m):
        n = len(m)
        return np.array(
            [
                [(-1) ** (i + j) * det(np.delete(np.delete(m, i, 0), j, 1)) for j in range(n)]
                for i in range(n)
            ]
        )

    if not directions:
        return minors(a)
    # Of a polynomial with real coefficients, an imaginary step gives the derivative exactly.
    return minors(a + 1e-30j * directions[0]).imag / 1e-30


def divide_by_gaps(p, x, y, *, own, what):
    def element(index):
        *stack, i, j = index
        if own and i == j:
            return 0.0
        return float(p[index]) / (float(y[*stack, j]) - float(x[*stack, i]))

    return built(p.shape, p.dtype, element)
