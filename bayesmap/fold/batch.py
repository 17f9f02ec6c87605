"""Sources of one type, folded in a loop: their graph is written, rewritten and compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.fg import FunctionGraph

from bayesmap.fold.alike import Template, groups
from bayesmap.fold.banks import are_enough
from bayesmap.fold.ops.lazy import new_name
from bayesmap.fold.ops.sources import Layer, SourceCubes, SourceFlags
from bayesmap.fold.placement import Image, Piece, assemble


@dataclass(frozen=True)
class Batch:
    """Sources of one type.

    Parameters
    ----------
    names : tuple of str
        The sources.
    total : tensor, shape (n_reco, n_lat, n_lon)
        Their counts together.
    cubes : tensor, shape (n, n_reco, n_lat, n_lon)
        Counts of each.
    no_support : boolean tensor
        True where one of them left the map or its cut-out.
    not_negative : boolean tensor or None
        True where none has negative flux; None if that does not settle it.
    shares : dict
        Shares of images that may be left out, by the names under which `lazy.assuming` knows them.
    """

    names: tuple[str, ...]
    total: Any
    cubes: Any
    no_support: Any
    not_negative: Any
    shares: dict[str, Any]


@dataclass(frozen=True)
class Graphs:
    """What is known of a source by itself.

    Parameters
    ----------
    images : tuple of Image
        Its images.
    no_support : boolean tensor
        See `Batch`.
    not_negative : boolean tensor or None
        See `Batch`.
    """

    images: tuple[Image, ...]
    no_support: Any
    not_negative: Any

    @property
    def flags(self) -> list[Any]:
        """Return what is a flag."""
        return [self.no_support] + ([] if self.not_negative is None else [self.not_negative])

    @property
    def outputs(self) -> list[Any]:
        """Return all outputs, those of each image in the order of `_layer`."""
        return [*(item for image in self.images for item in _outputs(image)), *self.flags]


def batches(sources: Mapping[str, Graphs], shape: tuple[int, int, int]) -> list[Batch]:
    """Return the batches of sources that are alike; of few there is none.

    Parameters
    ----------
    sources : mapping
        Name -> graphs.
    shape : (n_reco, n_lat, n_lon)
        Of a cube.
    """
    by_form: dict[Any, dict[str, list[Any]]] = {}
    for name, graphs in sources.items():
        by_form.setdefault(_form(graphs), {})[name] = graphs.outputs
    found = [group for members in by_form.values() if are_enough(len(members)) for group in groups(members)]
    return [
        _batch({name: sources[name] for name in names}, written, shape)
        for names, written in found
        if are_enough(len(names))
    ]


def _batch(sources: dict[str, Graphs], written: Template, shape: tuple[int, int, int]) -> Batch:
    first = next(iter(sources.values()))
    outputs = list(written.outputs)
    layers: list[Layer] = []
    shares: dict[str, Any] = {}
    for k, image in enumerate(first.images):
        n = len(_outputs(image))
        layers.append(_layer(written, image, outputs[:n], shape, len(sources)))
        outputs = outputs[n:]
        if image.share is not None:
            own = [graphs.images[k].share for graphs in sources.values()]
            shares |= dict(zip(layers[-1].names, own, strict=True))
    n_own, inputs = len(written.own), [*written.stacked, *written.given]
    flags = SourceFlags(FunctionGraph([*written.own, *written.common], outputs, clone=True), n_own)(*inputs)
    flags = flags if isinstance(flags, list) else [flags]
    return Batch(
        names=tuple(sources),
        total=SourceCubes(layers, shape, n_own, together=True)(*inputs),
        cubes=SourceCubes(layers, shape, n_own, together=False)(*inputs),
        no_support=pt.any(flags[0]),
        not_negative=pt.all(flags[1]) if len(flags) > 1 else None,
        shares=shares,
    )


def _layer(written: Template, image: Image, outputs: list[Any], shape: tuple[int, int, int], n: int) -> Layer:
    """Return what an image adds to a cube, from the template's outputs for it."""
    cube = pt.tensor(dtype="float64", shape=shape)
    share = outputs.pop(0) if image.share is not None else None
    pieces = []
    for piece in image.pieces:
        window = outputs.pop(0)
        i, j = (piece.i, piece.j) if _placed(piece) else (outputs.pop(0), outputs.pop(0))
        pieces.append(Piece(window if share is None else share * window, i, j))
    given = [*written.own, *written.common]
    graph = FunctionGraph([cube, *given], [assemble([Piece(cube, 0, 0), *pieces], shape[1:])], clone=True)
    if share is None:
        return Layer(graph)
    return Layer(graph, FunctionGraph(given, [share], clone=True), tuple(new_name() for _ in range(n)))


def _outputs(image: Image) -> list[Any]:
    found = [] if image.share is None else [image.share]
    for piece in image.pieces:
        found += [piece.window] if _placed(piece) else [piece.window, piece.i, piece.j]
    return found


def _placed(piece: Piece) -> bool:
    """Return True if the place of a piece is known."""
    return isinstance(piece.i, int) and isinstance(piece.j, int)


def _form(graphs: Graphs) -> Any:
    """Return what sources of one type have in common besides their graphs."""
    images = [
        (image.share is None, [(piece.i, piece.j) if _placed(piece) else None for piece in image.pieces])
        for image in graphs.images
    ]
    return repr((images, graphs.not_negative is None))
