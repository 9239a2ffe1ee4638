"""Transforms composed in many orders, against worked derivatives or each other."""

import dataclasses
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.stress.comparing import same

import chainrule as cr
from chainrule.testing import check_grads

rng = np.random.default_rng(7)
W = rng.uniform(-1.0, 1.0, (3, 2))
X = rng.uniform(-1.0, 1.0, (4, 3))
V = rng.uniform(-1.0, 1.0, 3)


def wave(x):
    """A function of a vector whose derivatives are known: sum of sin(x_i) x_{i+1}."""
    return np.sum(np.sin(x) * np.roll(x, -1))


def wave_gradient(x):
    return np.cos(x) * np.roll(x, -1) + np.sin(np.roll(x, 1))


def wave_hessian(x):
    n = len(x)
    out = np.diag(-np.sin(x) * np.roll(x, -1))
    for i in range(n):
        out[i, (i + 1) % n] += np.cos(x[i])
        out[(i + 1) % n, i] += np.cos(x[i])
    return out


# -- pairs of transforms -------------------------------------------------------------------------

GRADIENTS_OF_ROWS = {
    "vmap of grad": lambda x: cr.vmap(cr.grad(wave))(x),
    "grad of sum of vmap": cr.grad(lambda x: np.sum(cr.vmap(wave)(x))),
    "vmap of compiled grad": cr.vmap(cr.compile(cr.grad(wave))),
    "compiled vmap of grad": cr.compile(cr.vmap(cr.grad(wave))),
    "vmap of grad of compiled": cr.vmap(cr.grad(cr.compile(wave))),
    "compiled grad of sum of compiled vmap": cr.compile(
        cr.grad(lambda x: np.sum(cr.compile(cr.vmap(wave))(x)))
    ),
    "vmap of pullback": cr.vmap(lambda row: cr.vjp(wave, row)[1](1.0)[0]),
    "pullback of vmap": lambda x: cr.vjp(cr.vmap(wave), x)[1](np.ones(len(x)))[0],
    "vmap of forward jacobian": cr.vmap(cr.jacobian(wave, mode="forward")),
    "vmap of reverse jacobian": cr.vmap(cr.jacobian(wave, mode="reverse")),
    "diagonal of jacobian of vmap": lambda x: np.einsum("iij->ij", cr.jacobian(cr.vmap(wave))(x)),
    "vmap of linearize over a basis": cr.vmap(
        lambda row: cr.vmap(lambda v: cr.linearize(wave, row)[1](v))(np.eye(3))
    ),
    "vmap over columns": lambda x: cr.vmap(cr.grad(wave), in_axes=1, out_axes=1)(x.T).T,
    "vmap of checkpointed": cr.vmap(cr.grad(cr.checkpoint(wave))),
    "scan over rows": lambda x: cr.scan(lambda c, row: (c, cr.grad(wave)(row)), 0.0, x)[1],
    "grad through a scan over rows": cr.grad(
        lambda x: cr.scan(lambda c, row: (c + wave(row), None), 0.0, x)[0]
    ),
}


@pytest.mark.parametrize("name", GRADIENTS_OF_ROWS)
def test_gradients_of_rows(name):
    same(GRADIENTS_OF_ROWS[name](X), np.array([wave_gradient(row) for row in X]))


HESSIANS = {
    "hessian": cr.hessian(wave),
    "compiled hessian": cr.compile(cr.hessian(wave)),
    "hessian of compiled": cr.hessian(cr.compile(wave)),
    **{
        f"{outer} over {inner}": cr.jacobian(cr.jacobian(wave, mode=inner), mode=outer)
        for outer in ("forward", "reverse")
        for inner in ("forward", "reverse")
    },
    "jvp of grad": lambda x: np.array([cr.jvp(cr.grad(wave), (x,), (e,))[1] for e in np.eye(3)]),
    "grad of jvp": lambda x: np.array(
        [cr.grad(lambda y, e=e: cr.jvp(wave, (y,), (e,))[1])(x) for e in np.eye(3)]
    ),
    "vmap of jvp of grad": lambda x: cr.vmap(lambda e: cr.jvp(cr.grad(wave), (x,), (e,))[1])(
        np.eye(3)
    ),
    "vmap of grad of jvp": lambda x: cr.vmap(
        lambda e: cr.grad(lambda y: cr.jvp(wave, (y,), (e,))[1])(x)
    )(np.eye(3)),
    "grad of inner product with grad": lambda x: np.array(
        [cr.grad(lambda y, e=e: cr.grad(wave)(y) @ e)(x) for e in np.eye(3)]
    ),
    "hvp": lambda x: np.array([cr.hvp(wave, (x,), (e,)) for e in np.eye(3)]),
    "vmap of hvp": lambda x: cr.vmap(lambda e: cr.hvp(wave, (x,), (e,)))(np.eye(3)),
    "linearized grad": lambda x: cr.vmap(cr.linearize(cr.grad(wave), x)[1])(np.eye(3)),
    "pullback of grad": lambda x: cr.vmap(lambda e: cr.vjp(cr.grad(wave), x)[1](e)[0])(np.eye(3)),
    "grad of checkpointed grad": cr.jacobian(cr.checkpoint(cr.grad(wave))),
    "grad of grad of checkpointed": cr.jacobian(cr.grad(cr.checkpoint(wave))),
}


@pytest.mark.parametrize("name", HESSIANS)
def test_hessians(name):
    same(HESSIANS[name](V), wave_hessian(V))


def test_hessian_under_vmap():
    expected = np.array([wave_hessian(row) for row in X])
    same(cr.vmap(cr.hessian(wave))(X), expected)
    same(cr.compile(cr.vmap(cr.hessian(wave)))(X), expected)
    whole = cr.hessian(lambda x: np.sum(cr.vmap(wave)(x)))(X)
    same(np.einsum("aiaj->aij", whole), expected)


def test_derivatives_of_every_order_alternate_modes():
    def forward(f):
        return lambda x: cr.jvp(f, (x,), (1.0,))[1]

    expected = [np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)]
    for first in (cr.grad, forward):
        f, modes = np.sin, [first, forward if first is cr.grad else cr.grad]
        for order in range(1, 6):
            f = modes[order % 2](f)
            same(f(0.7), expected[order % 4](0.7))


def test_nested_vmap_over_different_axes():
    table = rng.uniform(-1.0, 1.0, (2, 3, 4))
    got = cr.vmap(cr.vmap(wave, in_axes=1), in_axes=2)(table)
    expected = [[wave(table[:, j, k]) for j in range(3)] for k in range(4)]
    same(got, expected)
    pairs = cr.vmap(cr.vmap(lambda a, b: a @ b, (None, 0)), (0, None))(X, X)
    same(pairs, X @ X.T)


def test_vmap_of_jvp_batches_primals_tangents_or_both():
    tangents = rng.uniform(-1.0, 1.0, X.shape)

    def along(x, v):
        return cr.jvp(wave, (x,), (v,))[1]

    rows = zip(X, tangents, strict=True)
    same(cr.vmap(along)(X, tangents), [wave_gradient(x) @ v for x, v in rows])
    same(cr.vmap(along, (0, None))(X, V), [wave_gradient(x) @ V for x in X])
    same(cr.vmap(along, (None, 0))(V, tangents), [wave_gradient(V) @ v for v in tangents])


# -- perturbation confusion ----------------------------------------------------------------------


def derivative(f, mode):
    return cr.grad(f) if mode == "reverse" else lambda x: cr.jvp(f, (x,), (1.0,))[1]


MODES = ("forward", "reverse")


@pytest.mark.parametrize("outer", MODES)
@pytest.mark.parametrize("inner", MODES)
def test_inner_derivative_sees_outer_variable_as_constant(outer, inner):
    # d/dx (x · d/dy (x + y)) = 1, which is 2 if the two derivatives are mixed up.
    f = derivative(lambda x: x * derivative(lambda y: x + y, inner)(1.0), outer)
    same(f(1.0), 1.0)
    # d/dx (x · d/dy (x y)) = d/dx x² = 2 x.
    same(derivative(lambda x: x * derivative(lambda y: x * y, inner)(2.0), outer)(3.0), 6.0)
    # The inner point may depend on the outer variable: d/dx [d/dy (x y²) at y = x] = d/dx 2 x².
    f = derivative(lambda x: derivative(lambda y: x * y * y, inner)(x), outer)
    same(f(3.0), 12.0)


@pytest.mark.parametrize("modes", [(a, b, c) for a in MODES for b in MODES for c in MODES])
def test_closures_across_three_levels(modes):
    first, second, third = modes

    def f(x):
        def g(y):
            def h(z):
                return x * x * y * y * y * z * z + x * z

            return derivative(h, third)(x) + y * x  # 2 x³ y³ + x + x y

        return derivative(g, second)(x * x)  # 6 x⁷ + x

    same(derivative(f, first)(1.1), 42.0 * 1.1**6 + 1.0)


def test_a_curried_derivative_does_not_mix_its_levels():
    # Differentiating a function of a function (Siskind and Pearlmutter's example): the derivative
    # of u -> (f -> x -> f(x + u)), applied twice, is the second derivative of f.
    def shift(u):
        return lambda f: lambda x: f(x + u)

    def d(f):
        return lambda x: cr.jvp(lambda u: shift(u)(f)(x), (0.0,), (1.0,))[1]

    same(d(d(np.exp))(1.0), np.e)


def test_vmap_inside_grad_closes_over_the_outer_variable():
    def f(w):
        return np.sum(cr.vmap(lambda row: np.tanh(row @ w))(X))

    check_grads(f, (W,))
    same(cr.grad(f)(W), X.T @ (1.0 - np.tanh(X @ W) ** 2))


def test_grad_inside_vmap_inside_grad():
    def f(w):
        slopes = cr.vmap(lambda row: cr.grad(lambda r: np.sum(np.sin(r @ w)))(row))(X)
        return np.sum(slopes**2)

    def by_hand(w):
        return np.sum((np.cos(X @ w) @ w.T) ** 2)

    same(f(W), by_hand(W))
    same(cr.grad(f)(W), cr.grad(by_hand)(W))
    check_grads(f, (W,), order=1)


def test_compiled_function_closing_over_a_traced_array():
    def f(a):
        scaled = cr.compile(lambda x: np.sin(a * x))
        return scaled(2.0) + scaled(3.0)

    same(cr.grad(f)(0.5), 2 * np.cos(1.0) + 3 * np.cos(1.5))
    same(cr.grad(cr.grad(f))(0.5), -4 * np.sin(1.0) - 9 * np.sin(1.5))
    same(cr.vmap(f)(np.array([0.5, 0.7])), [f(0.5), f(0.7)])
    same(cr.compile(f)(0.5), f(0.5))


# -- derivatives of one's own --------------------------------------------------------------------


@cr.custom_derivative
def softplus(x):
    return np.logaddexp(x, 0.0)


@softplus.def_jvp
def _softplus_rule(primals, tangents):
    (x,), (dx,) = primals, tangents
    return softplus(x), dx / (1.0 + np.exp(-x))


@cr.custom_derivative
def cube(x):
    return x**3


# Not the true derivative, so that one sees which rule was used.
cube.def_vjp(lambda x: (cube(x), x), lambda x, ct: (ct * 30.0 * x * x,))


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def test_custom_jvp_within_every_transform():
    s, slope = logistic(X), logistic(X) * (1.0 - logistic(X))

    def f(x):
        return np.sum(softplus(x))

    same(cr.grad(f)(X), s)
    same(cr.jvp(softplus, (X,), (np.ones_like(X),))[1], s)
    same(cr.vmap(cr.grad(f))(X), s)
    same(cr.compile(cr.grad(f))(X), s)
    same(cr.vmap(cr.vmap(cr.grad(cr.grad(softplus))))(X), slope)
    same(cr.hessian(f)(V), np.diag(logistic(V) * (1.0 - logistic(V))))
    same(cr.grad(lambda x: np.sum(cr.vmap(softplus)(x)))(X), s)

    def total(x):
        return cr.scan(lambda c, r: (c + softplus(r), None), 0.0, x)[0]

    same(cr.grad(total)(V), logistic(V))
    same(cr.grad(lambda x: np.sum(cr.checkpoint(softplus)(x)))(X), s)

    def either(x):
        return cr.cond(x > 0.0, softplus, np.negative, x)

    same(cr.grad(either)(0.3), logistic(0.3))
    same(cr.grad(cr.compile(either))(0.3), logistic(0.3))
    check_grads(softplus, (X,))


def test_custom_vjp_within_every_transform():
    expected = 30.0 * V**2

    def f(x):
        return np.sum(cube(x))

    same(cr.grad(f)(V), expected)
    same(cr.compile(cr.grad(f))(V), expected)
    same(cr.grad(cr.compile(f))(V), expected)
    same(cr.vmap(cr.grad(cube))(V), expected)
    same(cr.grad(lambda x: np.sum(cr.vmap(cube)(x)))(V), expected)
    same(cr.grad(lambda x: np.sum(cr.checkpoint(cube)(x)))(V), expected)
    same(cr.grad(lambda x: cr.scan(lambda c, r: (c + cube(r), None), 0.0, x)[0])(V), expected)
    same(cr.compile(cr.grad(lambda x: cr.cond(x > 0.0, cube, np.negative, x)))(0.5), 7.5)
    same(cr.jacobian(cube, mode="reverse")(V), np.diag(expected))
    same(cr.grad(cr.grad(cube))(0.5), 30.0)  # the pullback itself is differentiated


def test_stop_gradient_within_transforms():
    def f(x):
        return np.sum(x * cr.stop_gradient(np.sin(x)))

    same(cr.grad(f)(V), np.sin(V))
    same(cr.vmap(cr.grad(f))(X), np.sin(X))
    same(cr.hessian(f)(V), np.zeros((3, 3)))
    same(cr.compile(cr.grad(f))(V), np.sin(V))
    same(cr.jvp(f, (V,), (np.ones(3),))[1], np.sum(np.sin(V)))


# -- trees ---------------------------------------------------------------------------------------

Layer = namedtuple("Layer", ["weight", "bias"])


@dataclasses.dataclass(frozen=True)
class Model:
    first: Layer
    second: dict
    name: str = cr.tree.static_field(default="model")

    def __call__(self, x):
        hidden = np.tanh(x @ self.first.weight + self.first.bias)
        return hidden @ self.second["weight"] + self.second["bias"]


MODEL = Model(Layer(W, np.array([0.1, -0.2])), {"weight": np.array([0.5, -1.0]), "bias": 0.3})


def model_loss(model, x):
    return np.mean(model(x) ** 2)


def model_gradient(model, x):
    """Back-propagation by hand."""
    hidden = np.tanh(x @ model.first.weight + model.first.bias)
    out = hidden @ model.second["weight"] + model.second["bias"]
    delta = 2.0 * out / len(x)
    back = np.outer(delta, model.second["weight"]) * (1.0 - hidden**2)
    return Model(Layer(x.T @ back, back.sum(0)), {"weight": hidden.T @ delta, "bias": delta.sum()})


def test_gradients_of_trees():
    expected = model_gradient(MODEL, X)
    for f in (
        cr.grad(model_loss),
        cr.compile(cr.grad(model_loss)),
        cr.grad(cr.compile(model_loss)),
        lambda m, x: cr.vjp(model_loss, m, x)[1](1.0)[0],
        lambda m, x: cr.tree.map(
            lambda g: np.mean(g, 0),
            cr.vmap(cr.grad(model_loss), (None, 0))(m, x[:, None, :]),
        ),
        cr.grad(lambda m, x: np.mean(cr.vmap(lambda row: m(row) ** 2)(x))),
    ):
        got = f(MODEL, X)
        assert isinstance(got, Model)
        assert isinstance(got.first, Layer)
        assert got.name == "model"
        cr.tree.map(same, got, expected)
    check_grads(model_loss, (MODEL, X))


def test_hvp_of_trees():
    direction = cr.tree.map(np.ones_like, MODEL)
    got = cr.hvp(lambda m: model_loss(m, X), (MODEL,), (direction,))
    step = 1e-6
    ahead = model_gradient(cr.tree.map(lambda a: a + step, MODEL), X)
    behind = model_gradient(cr.tree.map(lambda a: a - step, MODEL), X)
    expected = cr.tree.map(lambda a, b: (a - b) / (2 * step), ahead, behind)
    cr.tree.map(lambda a, b: assert_allclose(a, b, rtol=1e-7, atol=1e-8), got, expected)


def test_batched_models():
    """A whole grid of models at once, each with its own data."""
    models = cr.tree.map(lambda a: np.stack([a, 2.0 * a]), MODEL)
    data = np.stack([X, -X])
    got = cr.vmap(cr.grad(model_loss))(models, data)
    for k in range(2):
        expected = model_gradient(cr.tree.map(lambda a, k=k: a[k], models), data[k])
        cr.tree.map(lambda a, b, k=k: same(a[k], b), got, expected)


# -- threads -------------------------------------------------------------------------------------


def test_compiled_functions_called_from_several_threads():
    f = cr.compile(cr.value_and_grad(lambda w, x: np.sum(np.tanh(x @ w) ** 2)))

    def expected(w, x):
        h = np.tanh(x @ w)
        return np.sum(h**2), x.T @ (2.0 * h * (1.0 - h**2))

    # Several signatures, so that threads also trace at the same time.
    jobs = [(W * (1 + k), rng.uniform(-1, 1, (1 + k % 3, 3))) for k in range(60)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda job: f(*job), jobs))
    for job, (value, gradient) in zip(jobs, results, strict=True):
        wanted_value, wanted_gradient = expected(*job)
        same(value, wanted_value)
        same(gradient, wanted_gradient)
    assert f.num_traces == 3


def test_transforms_in_several_threads_do_not_mix():
    def work(k):
        point = V * (1 + 0.1 * k)
        return cr.hessian(wave)(point), cr.vmap(cr.grad(wave))(np.stack([point, -point]))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(24)))
    for k, (hessian, gradients) in enumerate(results):
        point = V * (1 + 0.1 * k)
        same(hessian, wave_hessian(point))
        same(gradients, [wave_gradient(point), wave_gradient(-point)])
