"""An independent likelihood: point sources by direct integration of the PSF table over sub-pixels, on the sphere."""

import numpy as np

from bayesmap.fold.pixelmap import frame_rotation, unit_vector


class IndependentLikelihood:
    """Cash statistic of point sources and a background with norm and tilt, exposure after the PSF.

    Shares with the package the readers and the spectral formulas only; the images are plain sums.
    """

    def __init__(self, dataset, models, oversample):
        self.dataset, self.models, self.oversample = dataset, models, oversample
        self.psf = dataset.psf.resample(dataset.axis_true).normalised()
        self.geom = dataset.counts.geom.to_image()
        self.pixel = np.rad2deg(np.sqrt(np.median(self.geom.solid_angle())))

    def stat(self, values):
        npred, counts = self.npred(values), self.dataset.counts.data
        with np.errstate(divide="ignore", invalid="ignore"):
            per_bin = npred - np.where(counts > 0, counts * np.log(npred), 0.0)
        return 2.0 * np.sum(per_bin[self.dataset.mask_data])

    def npred(self, values):
        models = self.models.with_values(values)
        total = np.zeros(self.dataset.counts.data.shape)
        for model in models.sky_models:
            total += self._point(model)
        for background in models.background_models:
            spectrum = background.spectral_model
            norm = spectrum.evaluate(np, self.dataset.axis.center, **spectrum.canonical_values)
            total += self.dataset.background.data * norm[:, None, None]
        return total

    def _point(self, model):
        direction = frame_rotation(model.spatial_model.frame, self.geom.frame) @ unit_vector(
            np, *model.spatial_model.position
        )
        rows, columns = self._window(direction)
        images = self._images(direction, rows, columns)
        edges = self.dataset.axis_true.edges
        spectrum = model.spectral_model
        flux = spectrum.integral(np, edges[:-1], edges[1:], np.zeros(len(edges) - 1), **spectrum.canonical_values)
        exposure = self.dataset.exposure.data[:, rows, columns]
        npred = np.zeros(self.dataset.counts.data.shape)
        npred[:, rows, columns] = np.einsum("jyx,j,jyx,ji->iyx", images, flux, exposure, self.dataset.edisp.data)
        return npred

    def _window(self, direction):
        lon = np.rad2deg(np.arctan2(direction[1], direction[0]))
        lat = np.rad2deg(np.arcsin(direction[2]))
        x, y = (float(np.squeeze(v)) for v in self.geom.sky_to_pixel(np.array([lon]), np.array([lat])))
        reach = int(np.max(self.psf.max_radius) / self.pixel) + 3
        rows = slice(max(0, int(y) - reach), min(self.geom.n_lat, int(y) + reach + 1))
        columns = slice(max(0, int(x) - reach), min(self.geom.n_lon, int(x) + reach + 1))
        return rows, columns

    def _images(self, direction, rows, columns):
        n = self.oversample
        offsets = (np.arange(n) + 0.5) / n - 0.5
        y = (np.arange(rows.start, rows.stop)[:, None] + offsets).ravel()
        x = (np.arange(columns.start, columns.stop)[:, None] + offsets).ravel()
        vectors = unit_vector(np, *self.geom.pixel_to_sky(*np.meshgrid(x, y)))
        chord = np.sqrt(np.sum((vectors - direction[:, None, None]) ** 2, axis=0))
        separation = np.rad2deg(2.0 * np.arcsin(0.5 * chord))
        area = np.repeat(np.repeat(self.geom.solid_angle()[rows, columns], n, 0), n, 1) / n**2
        shape = (rows.stop - rows.start, n, columns.stop - columns.start, n)
        planes = []
        for plane, radius in zip(self.psf.data, np.broadcast_to(self.psf.max_radius, len(self.psf.data)), strict=True):
            density = np.where(separation <= radius, np.interp(separation, self.psf.rad, plane), 0.0)
            planes.append((density * area).reshape(shape).sum(axis=(1, 3)))
        return np.array(planes)
