"""Random indices mean on traced arrays what they mean in NumPy, for reading and for writing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import chainrule as cr

shapes = st.lists(st.sampled_from([3, 2, 4, 1, 2, 3, 0]), min_size=0, max_size=4).map(tuple)


def numbers(shape):
    """Return an array no two elements of which are equal."""
    return np.arange(1.0, 1 + int(np.prod(shape))).reshape(shape)


@st.composite
def slices(draw, extent):
    bound = st.none() | st.integers(-extent - 1, extent + 1)
    return slice(draw(bound), draw(bound), draw(st.none() | st.sampled_from([1, 2, 3, -1, -2, -3])))


@st.composite
def indices(draw, shape):
    """Return an index that NumPy accepts for an array of this shape."""
    common = draw(st.sampled_from([(2,), (3, 2), (1, 2), (), (3,), (2, 1), (0,)]))
    items = []
    axis = 0
    count = len(shape) - draw(st.sampled_from([0, 0, 0, 1, 2]))
    while axis < count:
        extent = shape[axis]
        kinds = ["slice", "mask"]
        if extent:
            kinds += ["integer", "array", "array", "list"]
        kind = draw(st.sampled_from(kinds))
        if kind == "slice":
            items.append(draw(slices(extent)))
        elif kind == "integer":
            position = draw(st.integers(-extent, extent - 1))
            items.append(draw(st.sampled_from([position, np.int32(position), np.array(position)])))
        elif kind == "mask":
            ndim = draw(st.integers(1, min(2, count - axis)))
            covered = shape[axis : axis + ndim]
            items.append(np.array(draw(hnp.arrays(bool, covered))))
            axis += ndim - 1
        else:
            # Shapes broadcast against each other, with an axis missing here and there.
            kept = common[draw(st.integers(0, len(common))) :]
            values = st.integers(-extent, extent - 1)
            dtype = draw(st.sampled_from([np.int64, np.int32]))
            array = draw(hnp.arrays(dtype, kept, elements=values))
            items.append(array.tolist() if kind == "list" and array.ndim else array)
        axis += 1
        if draw(st.integers(0, 7)) == 0:
            items.append(None)
    if draw(st.booleans()):
        place = draw(st.integers(0, len(items)))
        covered = sum(_axes_of(item) for item in items[place:])
        # What stands behind the dots must fit the last axes instead.
        if covered == 0 or axis == len(shape):
            items.insert(place, Ellipsis)
    if draw(st.integers(0, 7)) == 0:
        items.insert(draw(st.integers(0, len(items))), None)
    if draw(st.integers(0, 15)) == 0:
        items.insert(0, draw(st.booleans()))
    return items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)


def _axes_of(item):
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    array = np.asarray(item) if isinstance(item, (list, np.ndarray)) else None
    return array.ndim if array is not None and array.dtype == bool else 1


@st.composite
def indexed(draw):
    """Return an array and an index of it, on which NumPy agrees."""
    shape = draw(shapes)
    index = draw(indices(shape))
    x = numbers(shape)
    try:
        x[index]
    except IndexError:  # masks and arrays that do not broadcast
        index = ()
    return x, index


def scattered(x, index, weights):
    """Return the gradient of sum(x[index] * weights), by NumPy."""
    out = np.zeros(x.shape)
    np.add.at(out, index, weights)
    return out


@settings(max_examples=400)
@given(indexed())
def test_reading(case):
    x, index = case
    expected = x[index]
    for f in (lambda x: x[index], lambda x: cr.asarray(x)[index]):
        got = cr.compile(f)(x)
        np.testing.assert_array_equal(got, expected, strict=True)


@settings(max_examples=150)
@given(indexed())
def test_gradient_of_reading(case):
    x, index = case
    weights = np.sin(np.arange(x[index].size)).reshape(x[index].shape)
    got = cr.grad(lambda x: np.sum(x[index] * weights))(x)
    np.testing.assert_allclose(got, scattered(x, index, weights), rtol=1e-14, strict=True)
    _, tangent = cr.jvp(lambda x: x[index], (x,), (np.cos(x),))
    np.testing.assert_array_equal(tangent, np.cos(x)[index])


@settings(max_examples=150)
@given(indexed())
def test_batched_reading(case):
    x, index = case
    rows = np.stack([x, -x, x * x])
    expected = np.stack([row[index] for row in rows])
    np.testing.assert_array_equal(cr.vmap(lambda x: x[index])(rows), expected, strict=True)


@settings(max_examples=100)
@given(indexed(), st.data())
def test_traced_integer_arrays(case, data):
    """An index array may be an argument of the traced function."""
    x, index = case
    items = index if isinstance(index, tuple) else (index,)
    arrays = [isinstance(item, np.ndarray) and item.dtype != bool for item in items]
    traced = np.flatnonzero(arrays).tolist()

    def f(x, *arrays):
        filled = list(items)
        for i, array in zip(traced, arrays, strict=True):
            filled[i] = array
        return x[tuple(filled)]

    got = cr.compile(f)(x, *[items[i] for i in traced])
    np.testing.assert_array_equal(got, x[index], strict=True)


UPDATES = {
    "add": np.add,
    "multiply": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
}


@settings(max_examples=200)
@given(indexed(), st.sampled_from(["set", *UPDATES]), st.sampled_from(["full", "row", "number"]))
def test_writing(case, mode, kind):
    x, index = case
    target = x[index].shape
    shape = {"full": target, "row": target[-1:], "number": ()}[kind]
    values = 3.3 - np.arange(int(np.prod(shape))).reshape(shape)
    expected = x.copy()
    if mode == "set":
        expected[index] = values
    else:
        UPDATES[mode].at(expected, index, values)
    got = cr.compile(lambda x, v: getattr(cr.at(x)[index], mode)(v))(x, values)
    np.testing.assert_array_equal(got, expected, strict=True)
    eager = getattr(cr.at(x)[index], mode)(values)
    np.testing.assert_array_equal(eager, expected, strict=True)
    np.testing.assert_array_equal(x, numbers(x.shape))


@settings(max_examples=100)
@given(indexed(), st.sampled_from(["set", *UPDATES]))
def test_gradient_of_writing(case, mode):
    x, index = case
    x = np.sin(x)  # no zeros and no ties with the values
    values = np.cos(1.0 + 2.0 * np.arange(x[index].size)).reshape(x[index].shape)
    weights = np.cos(numbers(x.shape))

    def f(x, values):
        return np.sum(getattr(cr.at(x)[index], mode)(values) * weights)

    by_x, by_values = cr.grad(f, argnums=(0, 1))(x, values)
    step = 1e-6
    ways = (np.sin(3.0 + x), np.sin(5.0 + values))
    slope = (
        f(x + step * ways[0], values + step * ways[1])
        - f(x - step * ways[0], values - step * ways[1])
    ) / (2 * step)
    np.testing.assert_allclose(
        np.sum(by_x * ways[0]) + np.sum(by_values * ways[1]), slope, rtol=1e-6, atol=1e-7
    )
