"""What is not supported on traced arrays, and what to use instead: one line for each."""

from __future__ import annotations

from chainrule.frontend.dispatch import ADVICE

_IN_PLACE = "it changes an array in place; use cr.at(x)[index].set(values), which returns a copy"
_FILLING = (
    "it changes an array in place; use cr.at(x)[index].set(values), which returns a copy, and for "
    "np.full or np.full_like with a traced value np.broadcast_to(value, shape)"
)
_SHAPE_FROM_VALUES = (
    "the shape of its result depends on the values of the array; compute it before tracing"
)
_PER_SLICE = "write the function for one slice and map it over an axis with cr.vmap"

ADVICE.update(
    {
        "np.fft": "Fourier transforms are not supported yet; compute them before tracing, or "
        "multiply by the matrices np.cos(2 * np.pi * f * t) and np.sin(2 * np.pi * f * t)",
        "np.copyto": _FILLING,
        "np.put": _IN_PLACE,
        "np.put_along_axis": "it changes an array in place; use cr.at(x)[rows, index].set(values) "
        "with rows = np.arange(len(x))[:, None], or np.where",
        "np.place": "it changes an array in place; use np.where(mask, value, x)",
        "np.putmask": "it changes an array in place; use np.where(mask, values, x)",
        "np.fill_diagonal": "it changes an array in place; use "
        "np.where(np.eye(len(x), dtype=bool), value, x)",
        "np.unique": _SHAPE_FROM_VALUES,
        "np.unique_all": _SHAPE_FROM_VALUES,
        "np.unique_counts": _SHAPE_FROM_VALUES,
        "np.unique_inverse": _SHAPE_FROM_VALUES,
        "np.unique_values": _SHAPE_FROM_VALUES,
        "np.union1d": _SHAPE_FROM_VALUES,
        "np.intersect1d": _SHAPE_FROM_VALUES,
        "np.setdiff1d": _SHAPE_FROM_VALUES,
        "np.setxor1d": _SHAPE_FROM_VALUES,
        "np.trim_zeros": _SHAPE_FROM_VALUES,
        "np.isin": "use (x[..., None] == elements).any(axis=-1)",
        "np.resize": "use np.tile and np.reshape",
        "np.choose": "use np.select, or np.take_along_axis(np.stack(choices), x[None], axis=0)[0]",
        "np.ix_": "index with x[rows[:, None], columns]",
        "np.apply_along_axis": _PER_SLICE,
        "np.apply_over_axes": "pass several axes at once, as in np.sum(x, axis=(0, 2))",
        "np.piecewise": "use np.select or np.where",
        "np.nanargmax": "use np.argmax(np.where(np.isnan(x), -np.inf, x))",
        "np.nanargmin": "use np.argmin(np.where(np.isnan(x), np.inf, x))",
        "np.lib.stride_tricks": "index with x[np.arange(count)[:, None] + np.arange(length)]",
        "np.lib.scimath": "its results may be complex, which is not supported yet; use the "
        "function of this name in NumPy itself",
        "np.common_type": "use np.result_type",
        "np.min_scalar_type": "use np.result_type",
        "np.diag_indices_from": "use np.diag_indices(len(x))",
        "np.tril_indices_from": "use np.tril_indices(*x.shape)",
        "np.triu_indices_from": "use np.triu_indices(*x.shape)",
        "np.ravel_multi_index": "compute row * columns + column",
        "np.lexsort": "sort by the last key first with np.argsort, which is stable, and np.take",
        "np.sort_complex": "use np.sort",
        "np.histogram": "count with np.sum((x[:, None] >= edges[:-1]) & (x[:, None] < edges[1:]), "
        "axis=0); counts have no derivative",
        "np.histogram2d": "counts have no derivative; compute it before tracing",
        "np.histogramdd": "counts have no derivative; compute it before tracing",
        "np.histogram_bin_edges": "compute the edges before tracing",
        "np.bincount": "use cr.at(np.zeros(length))[x].add(weights)",
        "np.packbits": "it has no derivative; compute it before tracing",
        "np.unpackbits": "it has no derivative; compute it before tracing",
        "np.angle": "complex numbers are not supported yet; use np.arctan2(imaginary, real)",
        "np.geomspace": "use np.exp(np.linspace(np.log(start), np.log(stop), num))",
        "np.logspace": "use 10.0 ** np.linspace(start, stop, num)",
        "np.einsum_path": "np.einsum chooses the order of products by itself",
        "np.polyfit": "use np.linalg.lstsq(np.vander(x, degree + 1), y)",
        "np.roots": "its results may be complex, which is not supported yet",
        "np.poly": "use np.convolve of the factors [1, -root]",
        "np.polyadd": "add the coefficients",
        "np.polysub": "subtract the coefficients",
        "np.polymul": "use np.convolve",
        "np.polydiv": "divide the values of the polynomials, from np.polyval",
        "np.polyder": "use p[:-1] * np.arange(len(p) - 1, 0, -1)",
        "np.polyint": "use np.append(p / np.arange(len(p), 0, -1), 0.0)",
        "np.array2string": "print(x) shows a traced array, with its value where it is known",
        "np.array_repr": "repr(x) shows a traced array, with its value where it is known",
        "np.array_str": "print(x) shows a traced array, with its value where it is known",
        "np.save": "return the array from the traced function and save it there",
        "np.savez": "return the arrays from the traced function and save them there",
        "np.savez_compressed": "return the arrays from the traced function and save them there",
        "np.savetxt": "return the array from the traced function and save it there",
        "np.shares_memory": "a traced array has no memory",
        "np.may_share_memory": "a traced array has no memory",
        "np.asarray_chkfinite": "check np.isfinite(x) on what the traced function returns",
    }
)

for _ufunc in ("add", "subtract", "multiply", "maximum", "minimum"):
    _method = _ufunc.removesuffix("imum") if _ufunc.endswith("imum") else _ufunc
    ADVICE[f"np.{_ufunc}.at"] = (
        f"it changes an array in place; use cr.at(x)[index].{_method}(values)"
        if _ufunc != "subtract"
        else "it changes an array in place; use cr.at(x)[index].add(-values)"
    )
    ADVICE[f"np.{_ufunc}.reduceat"] = "use cr.at(np.zeros(groups))[group].add(x), or a slice each"
