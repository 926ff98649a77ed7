"""Black-blood MRI of tubes with known walls: partial volume, the scanner's truncated k-space, Rician noise.

Shares no code with scripts/. The signal is rendered on a grid three times finer, its k-space is cut to the acquired
matrix (a sinc point spread), complex noise is added, and the magnitude is taken.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from validation.tubes import Tube

FINER = 3
LUMEN, WALL, CSF, BRAIN = 12.0, 100.0, 30.0, 70.0


def wall_mri(tube: Tube, voxel_mm: float, seed: int, snr: float = 18.0, bend_mm: float | None = 30.0):
    """Image (i, j, k) float32 of isotropic voxels, affine (4 x 4), and the axis' points (n, 3), RAS mm.

    snr: of the wall. The plaque's signal varies by 10 %; beside the vessel lies CSF, and brain on one side at a random
    distance and angle. Directions, places and angles are random.
    """
    rng = np.random.default_rng(seed)
    size_mm = np.array([18.0, 18.0, tube.length_mm + 10.0])
    shape = 2 * np.ceil(size_mm / voxel_mm / 2).astype(int)
    fine = voxel_mm / FINER
    turn = Rotation.from_euler("xyz", rng.uniform(-25, 25, 3), degrees=True).as_matrix()
    spin = rng.uniform(0, 2 * np.pi)
    brain_angle, brain_mm = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 2.0) + max(tube.outer_mm)
    place = rng.uniform(-0.5, 0.5, 3) * voxel_mm
    grids = [(np.arange(n * FINER) - (n * FINER - 1) / 2) * fine for n in shape]
    points = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1) + place
    x, y, along = np.moveaxis(points @ turn, -1, 0)
    if bend_mm:
        reach = np.hypot(x + bend_mm, along)
        along, x = bend_mm * np.arctan2(along, x + bend_mm), reach - bend_mm
    x, y = np.cos(spin) * x + np.sin(spin) * y, -np.sin(spin) * x + np.cos(spin) * y
    scale, shift = tube.lumen(along)
    outer = np.hypot(x / tube.outer_mm[0], y / tube.outer_mm[1]) < 1
    lumen = np.hypot((x - shift) / tube.lumen_mm[0], y / tube.lumen_mm[1]) < scale
    beside = np.cos(brain_angle) * x + np.sin(brain_angle) * y > brain_mm
    texture = 1 + 0.1 * np.sin(points[..., 0] * 1.7 + rng.uniform(0, 6)) * np.sin(points[..., 2] * 1.3)
    signal = np.where(lumen, LUMEN, np.where(outer, WALL * texture, np.where(beside, BRAIN, CSF)))
    spectrum = np.fft.fftshift(np.fft.fftn(signal))
    cut = tuple(slice((n * FINER - n) // 2, (n * FINER - n) // 2 + n) for n in shape)
    shift_back = [np.exp(2j * np.pi * np.fft.fftshift(np.fft.fftfreq(n)) * (FINER - 1) / 2 / FINER) for n in shape]
    spectrum = spectrum[cut] * shift_back[0][:, None, None] * shift_back[1][None, :, None] * shift_back[2]
    coarse = np.fft.ifftn(np.fft.ifftshift(spectrum)) / FINER**3
    sd = WALL / snr
    noisy = np.abs(coarse + sd * (rng.standard_normal(coarse.shape) + 1j * rng.standard_normal(coarse.shape)))
    pose = np.eye(4)
    pose[:3, :3] = Rotation.random(random_state=seed).as_matrix()
    pose[:3, 3] = rng.uniform(-40, 40, 3)
    affine = np.eye(4)
    affine[:3, :3] *= voxel_mm
    affine[:3, 3] = -(shape - 1) / 2 * voxel_mm + place
    s = np.linspace(-tube.length_mm / 2, tube.length_mm / 2, 41)
    axis = np.stack([np.zeros_like(s), np.zeros_like(s), s], axis=1)
    if bend_mm:
        axis = np.stack([bend_mm * np.cos(s / bend_mm) - bend_mm, 0 * s, bend_mm * np.sin(s / bend_mm)], axis=1)
    axis = axis @ turn.T
    return noisy.astype(np.float32), pose @ affine, axis @ pose[:3, :3].T + pose[:3, 3]
