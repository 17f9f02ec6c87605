"""Absorption of gamma rays by the extragalactic background light, from a table over redshift and energy."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.fits.hdu import column, find_column, read_fits
from bayesmap.models.component import did_you_mean
from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.models.spectral.nodes import locate, log_of, namespace, node_array, value_array
from bayesmap.units import FloatArray

TABLES = {
    "franceschini": "ebl_franceschini.fits.gz",
    "dominguez": "ebl_dominguez11.fits.gz",
    "finke": "frd_abs.fits.gz",
    "franceschini17": "ebl_franceschini_2017.fits.gz",
    "saldana-lopez21": "ebl_saldana-lopez_2021.fits.gz",
}
"""Published tables by the names that Gammapy gives them."""


class EBLAbsorptionNormSpectralModel(SpectralModel):
    r"""Transmission of the extragalactic background light.

    .. math:: f(E) = T(E, z)^{\alpha}, \quad T = e^{-\tau(E, z)}

    :math:`\ln T` is interpolated linearly in redshift and in :math:`\ln E`, and goes on linearly beyond the table;
    where it would be above zero it is zero. Value and gradient are finite for every redshift, 0 and table nodes
    included (there the derivative is that of the interval above).

    Parameters
    ----------
    energy : Quantity
        Energy nodes, increasing.
    param : array
        Redshift nodes, increasing.
    data : array, shape (n_redshift, n_energy)
        Transmission at the nodes.
    redshift : float
        :math:`z`, frozen. Default 0.1.
    alpha_norm : float
        :math:`\alpha`, the scale of the optical depth, frozen. Default 1.

    Raises
    ------
    ModelError
        BM-MO-031 for nodes that are not increasing, or a table that is not of their shape or below zero.

    Examples
    --------
    >>> import astropy.units as u
    >>> import numpy as np
    >>> energy, redshift = [0.1, 1, 10] * u.TeV, np.array([0.1, 0.3])
    >>> table = np.exp(-redshift[:, None] * energy.value)
    >>> model = EBLAbsorptionNormSpectralModel(energy, redshift, table, redshift=0.2)
    >>> print(f"{model(1 * u.TeV):.6f}, {np.exp(-0.2):.6f}")
    0.818731, 0.818731
    """

    tag = ("EBLAbsorptionNormSpectralModel", "ebl-norm")
    is_norm = True
    settings = {"energy": None, "param": None, "data": None}  # noqa: RUF012 - read only
    energy: u.Quantity
    param: u.Quantity
    data: u.Quantity
    _nodes: FloatArray
    _depth: FloatArray
    redshift = Parameter("redshift", 0.1, frozen=True)
    alpha_norm = Parameter("alpha_norm", 1.0, frozen=True)

    def __init__(
        self,
        energy: Any,
        param: Any,
        data: Any,
        redshift: ParameterLike = redshift,
        alpha_norm: ParameterLike = alpha_norm,
    ) -> None:
        super().__init__(energy=energy, param=param, data=data, redshift=redshift, alpha_norm=alpha_norm)

    @classmethod
    def read(
        cls, filename: str | PathLike[str], redshift: ParameterLike = redshift, alpha_norm: ParameterLike = alpha_norm
    ) -> Self:
        """Read an XSPEC table model, as Gammapy's data files of the background light are.

        Parameters
        ----------
        filename : path-like
            FITS file with the tables PARAMETERS (``VALUE``: redshifts), ENERGIES (``ENERG_LO``, ``ENERG_HI`` in keV;
            nodes are their geometric means) and SPECTRA (``INTPSPEC``: transmission).
        redshift, alpha_norm : float or Parameter
            Start values.

        Raises
        ------
        BayesmapIOError
            BM-IO-006 or 007 if the file has no such table or column.
        ModelError
            See the class.
        """
        file = read_fits(filename)
        values = column(file, file.get("PARAMETERS"), "VALUE")[0]
        low, high = (column(file, file.get("ENERGIES"), name)[0] for name in ("ENERG_LO", "ENERG_HI"))
        spectra = file.get("SPECTRA")
        table = column(file, spectra, "INTPSPEC")[0]
        if "E" in str(find_column(file, spectra, "INTPSPEC").format):
            # Zero in single precision counts as its smallest number, as in Gammapy.
            table = np.maximum(table, np.finfo(np.float32).tiny)
        # Files repeat redshifts; the first of each counts.
        param, first = np.unique(np.ravel(values), return_index=True)
        return cls(u.Quantity(np.sqrt(low * high), "keV"), param, table[first], redshift, alpha_norm)

    @classmethod
    def read_builtin(
        cls,
        reference: str = "dominguez",
        redshift: ParameterLike = redshift,
        alpha_norm: ParameterLike = alpha_norm,
        *,
        folder: str | PathLike[str],
    ) -> Self:
        """Read one of the tables that come with Gammapy's data.

        Parameters
        ----------
        reference : str
            ``"dominguez"``, ``"franceschini"``, ``"finke"``, ``"franceschini17"`` or ``"saldana-lopez21"``.
        redshift, alpha_norm : float or Parameter
            Start values.
        folder : path-like
            Folder of the tables, ``ebl`` in GAMMAPY_DATA. The environment is not looked at.

        Raises
        ------
        ModelError
            BM-MO-035 for a name that is not known.
        BayesmapIOError
            See `read`.
        """
        if reference not in TABLES:
            raise ModelError(
                "BM-MO-035",
                what=f"no table of the background light is called {reference!r}",
                rule=f"Known are {', '.join(TABLES)}",
                remedy=did_you_mean(reference, tuple(TABLES)),
            )
        return cls.read(Path(folder) / TABLES[reference], redshift, alpha_norm)

    def take_setting(self, name: str, value: Any) -> Any:
        """Check nodes and table."""
        if name == "energy":
            return node_array(value, "TeV", "energy", positive=True)
        if name == "param":
            return node_array(value, "", "param")
        return value_array(value, "", "data")

    def check(self) -> None:
        """Check the table and keep its logarithm, flat."""
        shape = (self.param.size, self.energy.size)
        if self.data.shape != shape or np.any(self.data.value < 0.0):
            raise ModelError(
                "BM-MO-031",
                what=f"the table of EBLAbsorptionNormSpectralModel has the shape {self.data.shape}, "
                f"{np.count_nonzero(self.data.value < 0.0)} below zero",
                rule=f"It must have the shape (redshifts, energies) = {shape} and no value below zero",
                remedy="Correct or transpose the table",
            )
        object.__setattr__(self, "_nodes", self.energy.to_value("TeV"))
        object.__setattr__(self, "_depth", log_of(self.data.to_value("")).ravel())

    def evaluate(  # type: ignore[override]
        self, xp: ModuleType, energy: Any, *, redshift: Any, alpha_norm: Any
    ) -> Any:
        """Return the transmission at `energy` in TeV."""
        own = namespace(xp, energy)
        e, over_e = locate(own, own.log(energy), np.log(self._nodes))
        z, over_z = locate(xp, redshift, self.param.to_value(""))
        size = len(self._nodes)

        def row(step: int) -> Any:
            corner = (z + step) * size + e
            return (1.0 - over_e) * xp.take(self._depth, corner) + over_e * xp.take(self._depth, corner + 1)

        log_transmission = (1.0 - over_z) * row(0) + over_z * row(1)
        return xp.exp(alpha_norm * xp.minimum(log_transmission, 0.0))

    @property
    def fixed_breaks(self) -> tuple[float, ...]:
        """The energy nodes, in TeV."""
        return tuple(self._nodes)

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        energy, param = np.array([0.1, 1.0, 10.0]), np.array([0.1, 0.3])
        table = {"energy": energy, "param": param, "data": np.exp(-param[:, None] * energy)}
        source = "exp(-z E) at a node of a table of itself, linear in z"
        return (SpectralExample(1.0, float(np.exp(-0.25)), source, table | {"redshift": 0.25}),)
