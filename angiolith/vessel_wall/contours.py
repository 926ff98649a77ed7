"""Geometry of closed contours: polygons (n, 2) in mm, the last vertex joined to the first."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, cKDTree
from skimage.measure import points_in_poly

# [mm] Contours are compared between vertices at most this far apart. Source: numerics.
VERTEX_STEP_MM = 0.05
# [number] Steps in which a vertex that lies too far out is drawn back to the centre. Source: numerics.
DRAWN_BACK_STEPS = 51


def area_mm2(polygon: np.ndarray) -> float:
    """Area enclosed by a polygon (shoelace formula), whatever its direction.

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.

    Returns
    -------
    float
        Area, mm2.
    """
    x, y = polygon.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def perimeter_mm(polygon: np.ndarray) -> float:
    """Length of a polygon's border.

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.

    Returns
    -------
    float
        Length, mm.
    """
    return float(np.linalg.norm(np.roll(polygon, -1, axis=0) - polygon, axis=1).sum())


def centroid(polygon: np.ndarray) -> np.ndarray:
    """Centre of gravity (2,) of the area enclosed by a polygon.

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.

    Returns
    -------
    np.ndarray
        Point (2,), mm.
    """
    nearby = polygon - polygon[0]  # keeps the cross products small
    following = np.roll(nearby, -1, axis=0)
    cross = nearby[:, 0] * following[:, 1] - following[:, 0] * nearby[:, 1]
    return polygon[0] + ((nearby + following) * cross[:, None]).sum(axis=0) / (3 * cross.sum())


def min_diameter_mm(polygon: np.ndarray) -> float:
    """Smallest caliper width: the least distance between two parallel lines that hold the polygon between them.

    It is attained with one line along an edge of the convex hull (rotating calipers).

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.

    Returns
    -------
    float
        Width, mm.
    """
    hull = polygon[ConvexHull(polygon).vertices]
    edges = np.roll(hull, -1, axis=0) - hull
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1)[:, None]
    return float(np.ptp(hull @ normals.T, axis=0).min())


def equivalent_diameter_mm(area: float) -> float:
    """Diameter of the circle of this area (mm2): 2 sqrt(A / pi).

    Parameters
    ----------
    area : float
        Area, mm2.

    Returns
    -------
    float
        Diameter, mm.
    """
    return float(2 * np.sqrt(area / np.pi))


def resampled(polygon: np.ndarray, n_points: int) -> np.ndarray:
    """The same contour as `n_points` vertices at equal distances along its border.

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.
    n_points : int
        Number of vertices.

    Returns
    -------
    np.ndarray
        Vertices (n_points, 2), mm.
    """
    closed = np.vstack([polygon, polygon[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    wanted = np.linspace(0, along[-1], n_points, endpoint=False)
    return np.stack([np.interp(wanted, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def smoothed(polygon: np.ndarray, wavelength_mm: float, n_points: int) -> np.ndarray:
    """The contour without undulations shorter than `wavelength_mm` along its border, as `n_points` vertices.

    Elliptic Fourier descriptors, cut off at perimeter / wavelength (never below the third harmonic, so that an
    eccentric or flattened lumen keeps its shape).

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.
    wavelength_mm : float
        Shortest undulation that is kept, mm.
    n_points : int
        Number of vertices.

    Returns
    -------
    np.ndarray
        Vertices (n_points, 2), mm.
    """
    vertices = resampled(polygon, n_points)
    spectrum = np.fft.fft(vertices[:, 0] + 1j * vertices[:, 1])
    harmonic = np.abs(np.fft.fftfreq(n_points, 1 / n_points))
    spectrum[harmonic > max(3.0, perimeter_mm(polygon) / wavelength_mm)] = 0
    contour = np.fft.ifft(spectrum)
    return np.stack([contour.real, contour.imag], axis=1)


def scaled_to_area(polygon: np.ndarray, wanted_mm2: float) -> np.ndarray:
    """The polygon scaled about its centre of gravity to enclose this area.

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.
    wanted_mm2 : float
        Area of the result, mm2.

    Returns
    -------
    np.ndarray
        Vertices (n, 2), mm.
    """
    centre = centroid(polygon)
    return centre + (polygon - centre) * np.sqrt(wanted_mm2 / area_mm2(polygon))


def contains(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which of the points (n, 2) lie inside; booleans (n,).

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.
    points : np.ndarray
        Points (n, 2), mm.

    Returns
    -------
    np.ndarray
        Booleans (n,).
    """
    return points_in_poly(points, polygon)


def distance_mm(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance (n,) of each point (n, 2) to the polygon's border: the edges at its nearest vertex, of many.

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.
    points : np.ndarray
        Points (n, 2), mm.

    Returns
    -------
    np.ndarray
        Distances (n,), mm.
    """
    vertices = resampled(polygon, max(len(polygon), int(np.ceil(perimeter_mm(polygon) / VERTEX_STEP_MM))))
    nearest = cKDTree(vertices).query(points)[1]
    squared = np.full(len(points), np.inf)
    for step in (-1, 0):
        start = vertices[nearest + step]
        edge = vertices[(nearest + step + 1) % len(vertices)] - start
        along = np.clip(((points - start) * edge).sum(axis=1) / (edge**2).sum(axis=1), 0, 1)
        squared = np.minimum(squared, ((points - start - along[:, None] * edge) ** 2).sum(axis=1))
    return np.sqrt(squared)


def signed_distance_mm(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance to the border, positive inside, negative outside; (n,) for points (n, 2).

    Parameters
    ----------
    polygon : np.ndarray
        Vertices (n, 2), mm.
    points : np.ndarray
        Points (n, 2), mm.

    Returns
    -------
    np.ndarray
        Distances (n,), mm.
    """
    return np.where(contains(polygon, points), 1.0, -1.0) * distance_mm(polygon, points)


def kept_within(inner: np.ndarray, outer: np.ndarray, gap_mm: float) -> np.ndarray:
    """The inner contour with every vertex at least `gap_mm` inside the outer one, drawn back towards its own centre.

    Vertices that lie so already stay where they are.

    Parameters
    ----------
    inner : np.ndarray
        Vertices (n, 2) of the inner contour, mm.
    outer : np.ndarray
        Vertices (m, 2) of the outer contour, mm.
    gap_mm : float
        Least distance between the two, mm.

    Returns
    -------
    np.ndarray
        Vertices (n, 2), mm.
    """
    centre = centroid(inner)
    scale = np.ones(len(inner))
    for smaller in np.linspace(1, 0, DRAWN_BACK_STEPS):
        beyond = signed_distance_mm(outer, centre + (inner - centre) * scale[:, None]) < gap_mm
        if not beyond.any():
            break
        scale[beyond] = smaller
    return centre + (inner - centre) * scale[:, None]
