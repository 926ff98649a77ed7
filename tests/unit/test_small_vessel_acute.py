"""Acute lesions on a digital head: planted ones of known volume and place, T2 shine-through, artefacts, units."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from angiolith.brain.segment import TISSUES
from angiolith.core.images import Image, write_image, write_transform
from angiolith.core.settings.acute import AcuteClassifySettings, AcuteDetectSettings
from angiolith.core.tables import FAILED, OK, REVIEW
from angiolith.small_vessel.acute.detect import ARTEFACT, LARGE, SMALL, UNCLASSIFIED, Acute, Places, detect_acute
from angiolith.small_vessel.acute.diffusion import DiffusionError, adc_mm2_s, diffusion_of, in_mm2_s, read_b_values
from angiolith.small_vessel.acute.left_out import acute_left_out
from angiolith.small_vessel.acute.session import acute_of

SETTINGS, CLASSES = AcuteDetectSettings(), AcuteClassifySettings()
B = 1000.0
GRIDS = [(1.5, 1.5, 5.0), (2.0, 2.0, 3.0)]
USUAL = (2.0, 2.0, 5.0)
S0 = {"grey": 520.0, "white": 430.0, "csf": 1500.0, "ventricles": 1500.0, "deep_grey": 470.0, "infratentorial": 450.0}
ADC = {"grey": 0.82e-3, "white": 0.74e-3, "csf": 2.6e-3, "ventricles": 3.0e-3, "deep_grey": 0.76e-3}
ADC["infratentorial"] = 0.75e-3
ACUTE_ADC, ACUTE_S0 = 0.42e-3, 500.0
WHITE, CORTEX, PONS, CEREBELLUM = (26.0, -10.0, 34.0), (-48.0, -15.0, 28.0), (4.0, -24.0, -34.0), (30.0, -56.0, -44.0)


class Head:
    """A head about the template's origin: its images without noise, to be painted on, and its tissues."""

    def __init__(self, voxel_mm: tuple[float, float, float], turn: float = 0.15) -> None:
        step = np.array(voxel_mm)
        shape = np.ceil(np.array([156.0, 190.0, 156.0]) / step).astype(int)
        cos, sin = np.cos(turn), np.sin(turn)
        self.affine = np.eye(4)
        self.affine[:3, :3] = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ np.diag(step * (-1, 1, 1))
        self.affine[:3, 3] = np.array([0, -17, 5.0]) - self.affine[:3, :3] @ ((shape - 1) / 2)
        self.at = np.moveaxis(np.indices(shape), 0, -1) @ self.affine[:3, :3].T + self.affine[:3, 3]
        x, y, z = np.moveaxis(self.at, -1, 0)
        self.tissues = np.zeros(shape, np.uint8)
        far = np.sqrt((x / 68) ** 2 + ((y + 17) / 84) ** 2 + ((z - 5) / 68) ** 2)
        for name, where in (
            ("csf", far < 1),
            ("grey", far < 0.96),
            ("white", far < 0.88),
            ("deep_grey", (np.abs(x) < 28) & (np.abs(x) > 13) & (np.abs(y) < 20) & (np.abs(z - 5) < 12)),
            ("ventricles", (np.abs(np.abs(x) - 8) < 4) & (np.abs(y) < 28) & (np.abs(z - 16) < 10)),
            ("infratentorial", (far < 0.96) & (z < -18) & (y < -8)),
        ):
            self.tissues[where] = TISSUES[name]
        self.plain, self.adc = np.zeros(shape), np.full(shape, 1e-3)
        for name, value in TISSUES.items():
            self.plain[self.tissues == value] = S0[name]
            self.adc[self.tissues == value] = ADC[name]

    def ball(self, centre: tuple[float, float, float], radius_mm: float) -> np.ndarray:
        return np.linalg.norm(self.at - np.array(centre), axis=-1) <= radius_mm

    def paint(self, where: np.ndarray, s0: float = ACUTE_S0, adc: float = ACUTE_ADC) -> None:
        self.plain[where], self.adc[where] = s0, adc

    def images(self, noise: float = 6.0, b: float = B) -> tuple[Image, Image]:
        """The image without weighting, and the DWI, shaded and noisy."""
        rng = np.random.default_rng(3)
        shade = 1 + 0.2 * self.at[..., 1] / 90 + 0.1 * self.at[..., 0] / 70
        both = [shade * self.plain, shade * self.plain * np.exp(-b * self.adc)]
        noisy = [np.hypot(s + rng.normal(0, noise, s.shape), rng.normal(0, noise, s.shape)) for s in both]
        return Image(noisy[0].astype(np.float32), self.affine), Image(noisy[1].astype(np.float32), self.affine)

    def found(self) -> Acute:
        plain, dwi = self.images()
        adc = adc_mm2_s(plain.data, dwi.data, B)
        places = Places(lambda points: points, lambda points: points * (-1.0, 1.0, 1.0))
        return detect_acute(dwi, adc, self.tissues, places, SETTINGS, CLASSES)


@pytest.mark.parametrize("voxel_mm", GRIDS)
def test_planted_infarcts_are_found_with_their_volume_and_class(voxel_mm):
    head = Head(voxel_mm)
    planted = {(WHITE, 7.0): SMALL, (CORTEX, 17.0): LARGE, (PONS, 6.0): SMALL, (CEREBELLUM, 6.0): UNCLASSIFIED}
    for centre, radius in planted:
        head.paint(head.ball(centre, radius) & (head.tissues > 0) & (head.tissues != TISSUES["csf"]))
    found = head.found()
    assert len(found.table) == len(planted)
    for (centre, radius), kind in planted.items():
        where = head.ball(centre, radius) & (head.tissues > 0) & (head.tissues != TISSUES["csf"])
        row = found.table.loc[np.linalg.norm(found.table[["x_mm", "y_mm", "z_mm"]] - centre, axis=1).argmin()]
        assert row["volume_mm3"] == pytest.approx(where.sum() * np.prod(voxel_mm), rel=0.06)
        assert row["kind"] == kind
        assert row["side"] == ("R" if centre[0] > 0 else "L")
        assert row["adc_median_mm2_s"] == pytest.approx(ACUTE_ADC, rel=0.05)
        if radius < 10:
            assert row["axial_diameter_mm"] == pytest.approx(2 * radius, abs=1.5 * voxel_mm[0])
        assert (found.labels == row["acute_lesion"])[where].mean() > 0.94
    assert (found.table["certainty"] == "candidate").all()
    assert not found.table["counted"].any()


def test_a_subcortical_infarct_of_more_than_20_mm_is_no_small_one():
    head = Head(USUAL)
    head.paint(head.ball(WHITE, 12.0))
    assert list(head.found().table["kind"]) == [LARGE]


@pytest.mark.parametrize("voxel_mm", GRIDS)
def test_a_head_without_infarct_has_no_lesion(voxel_mm):
    found = Head(voxel_mm).found()
    assert found.table.empty
    assert not found.labels.any()


def test_t2_shine_through_is_no_lesion_and_is_reported():
    head = Head(USUAL)
    where = head.ball(WHITE, 9.0)
    head.paint(where, s0=1100.0, adc=1.0e-3)
    found = head.found()
    assert found.table.empty
    volume_cm3 = where.sum() * np.prod(USUAL) / 1000
    assert found.facts["bright_without_low_adc_cm3"] == pytest.approx(volume_cm3, rel=0.15)


def test_low_adc_that_is_not_bright_is_no_lesion():
    head = Head(USUAL)
    head.paint(head.ball(WHITE, 8.0), s0=300.0, adc=0.5e-3)
    assert head.found().table.empty


def test_what_is_bright_on_both_sides_or_at_the_skull_base_is_a_possible_artefact():
    head = Head(USUAL)
    for side in (-1, 1):
        head.paint(head.ball((side * 24.0, -20.0, 34.0), 6.0))
    x, y, z = np.moveaxis(head.at, -1, 0)
    far = np.sqrt((x / 68) ** 2 + ((y + 17) / 84) ** 2 + ((z - 5) / 68) ** 2)
    rim = (far < 0.96) & (far > 0.88) & (z < -20) & (y > 15) & (x > 3) & (x < 25)
    head.paint(rim)
    found = head.found()
    assert len(found.table) == 3
    assert (found.table["kind"] == ARTEFACT).all()
    assert not found.labels.any()  # they are in no mask
    assert found.table["reason"].str.contains("mirrored place|skull base").all()


def test_a_single_layer_and_a_few_voxels_are_no_lesion():
    head = Head(USUAL)
    index = np.round(np.linalg.inv(head.affine) @ [*WHITE, 1.0]).astype(int)[:3]
    layer = np.zeros(head.tissues.shape, bool)
    layer[index[0], index[1] - 6 : index[1] + 6, index[2]] = True
    layer[index[0] + 8, index[1], index[2]] = True
    head.paint(layer)
    assert head.found().table.empty


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e-5, 1e-6])
def test_the_unit_of_a_map_is_found(unit):
    head = Head(USUAL)
    tissue, fluid = np.isin(head.tissues, [1, 2]), head.tissues == TISSUES["ventricles"]
    known, told = in_mm2_s((head.adc / unit).astype(np.float32), tissue, fluid)
    assert told == unit
    np.testing.assert_allclose(known, head.adc, rtol=1e-5)


def test_a_map_of_no_known_unit_or_that_is_no_adc_is_refused():
    head = Head(USUAL)
    tissue, fluid = np.isin(head.tissues, [1, 2]), head.tissues == TISSUES["ventricles"]
    with pytest.raises(DiffusionError, match="unit of the ADC map is not known"):
        in_mm2_s(head.adc * 1e4, tissue, fluid)
    with pytest.raises(DiffusionError, match="the ventricles have"):
        in_mm2_s(np.where(fluid, 0.3e-3, head.adc), tissue, fluid)
    with pytest.raises(DiffusionError, match="empty in the brain"):
        in_mm2_s(np.zeros(head.adc.shape), tissue, fluid)


def volumes(*levels: float) -> list[Image]:
    return [Image(np.full((4, 4, 4), level, np.float32), np.eye(4)) for level in levels]


def test_dwi_and_adc_of_a_series():
    series = volumes(1000.0, 1000.0, 460.0, 440.0, 100.0)
    found = diffusion_of(series, [0, 5, 995, 1005, 3000], None, 800.0)
    assert found.dwi.data[0, 0, 0] == 450.0
    assert found.b_s_mm2 == 1000.0
    assert found.adc[0, 0, 0] == pytest.approx(np.log(1000 / 450) / 997.5, rel=1e-5)
    given = diffusion_of(series, [0, 5, 995, 1005, 3000], volumes(800.0)[0], 800.0)
    assert not given.computed
    assert given.adc[0, 0, 0] == 800.0


@pytest.mark.parametrize(
    ("levels", "b_values", "reason"),
    [
        ((450.0,), None, "T2 shine-through cannot be excluded"),
        ((450.0, 440.0), [1000, 1000], "T2 shine-through cannot be excluded"),
        ((1000.0, 450.0), None, "no .bval"),
        ((1000.0, 700.0), [0, 500], "highest b-value is 500"),
    ],
)
def test_what_cannot_be_measured_says_why(levels, b_values, reason):
    with pytest.raises(DiffusionError, match=reason):
        diffusion_of(volumes(*levels), b_values, None, 800.0)


def test_b_values_are_those_of_the_volumes(tmp_path):
    path = tmp_path / "a.bval"
    path.write_text("0 1000 1000\n")
    assert read_b_values(path, 3) == [0.0, 1000.0, 1000.0]
    with pytest.raises(DiffusionError, match="holds 3 b-values, the series 2 volumes"):
        read_b_values(path, 2)
    path.write_text("none")
    with pytest.raises(DiffusionError, match="holds no b-values"):
        read_b_values(path, 2)


def session(folder: Path, head: Head, series: bool = True, unit: float | None = None) -> dict[str, Any]:
    """Inputs of a session whose reference is the FLAIR, 3 mm to the right of the DWI."""
    plain, dwi = head.images()
    if series:
        image = nib.Nifti1Image(np.stack([plain.data, dwi.data], -1), head.affine)
        nib.save(image, folder / "dwi.nii.gz")
        (folder / "dwi.bval").write_text("0 1000\n")
    else:
        write_image(dwi.data, head.affine, folder / "dwi.nii.gz")
    shifted = head.affine.copy()
    shifted[0, 3] += 3.0
    write_image(head.tissues, shifted, folder / "tissues.nii.gz")
    write_image(plain.data, shifted, folder / "FLAIR.nii.gz")
    moved = sitk.TranslationTransform(3, [3.0, 0.0, 0.0])  # LPS: a point of the FLAIR, 3 mm to the left, is in the DWI
    write_transform(moved, folder / "dwi_to_FLAIR.tfm")
    write_transform(sitk.TranslationTransform(3, [3.0, 0.0, 0.0]), folder / "template.tfm")
    write_transform(sitk.TranslationTransform(3, [-3.0, 0.0, 0.0]), folder / "back.tfm")
    for name in ("checks", "facts"):
        (folder / f"{name}.json").write_text(json.dumps({"images": {}, "status": OK, "reason": ""}))
    given = {
        "dwi": str(folder / "dwi.nii.gz"),
        "bval": str(folder / "dwi.bval") if series else [],
        "adc": [],
        "checks": str(folder / "checks.json"),
        "lesion": [],
        "FLAIR": str(folder / "FLAIR.nii.gz"),
        "FLAIR_to_reference": [],
        "FLAIR_to_reference_facts": [],
        "dwi_to_reference": str(folder / "dwi_to_FLAIR.tfm"),
        "dwi_to_reference_facts": str(folder / "facts.json"),
        "from_template": str(folder / "template.tfm"),
        "to_template": str(folder / "back.tfm"),
        "template_facts": str(folder / "facts.json"),
        "brain_tissues": str(folder / "tissues.nii.gz"),
    }
    if unit:
        adc = np.where(head.tissues > 0, adc_mm2_s(plain.data, dwi.data, B) / unit, 0)
        write_image(np.nan_to_num(adc).astype(np.float32), head.affine, folder / "adc.nii.gz")
        given["adc"] = str(folder / "adc.nii.gz")
    return given


@pytest.mark.parametrize(("series", "unit"), [(True, None), (False, 1e-6), (False, 1e-3)])
def test_a_session_has_candidates_until_a_reader_decides(tmp_path, series, unit):
    head = Head(USUAL)
    head.paint(head.ball(WHITE, 7.0))
    given = session(tmp_path, head, series, unit)
    found = acute_of(given, SETTINGS, CLASSES)
    assert (found.row["status"], found.row["n_acute_candidates"], found.row["n_acute_infarcts"]) == (REVIEW, 1, None)
    assert found.facts["adc_source"] == ("computed" if series else "given")
    assert found.facts["adc_unit_mm2_s"] == (unit or 1.0)
    assert found.row["acute_candidate_volume_cm3"] == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.12)
    np.testing.assert_allclose(found.table[["x_mm", "y_mm", "z_mm"]].to_numpy()[0], np.add(WHITE, (3, 0, 0)), atol=0.7)
    assert list(found.table["kind"]) == [SMALL]


@pytest.mark.parametrize("confirms", [True, False])
def test_a_readers_lesion_mask_decides(tmp_path, confirms):
    head = Head(USUAL)
    head.paint(head.ball(WHITE, 7.0))
    given = session(tmp_path, head)
    drawn = head.ball(WHITE if confirms else CORTEX, 8.0)
    flair = nib.load(given["FLAIR"])
    write_image(drawn.astype(np.uint8), flair.affine, tmp_path / "lesion.nii.gz")
    found = acute_of(given | {"lesion": str(tmp_path / "lesion.nii.gz")}, SETTINGS, CLASSES)
    assert found.row["status"] == OK
    assert found.row["n_acute_infarcts"] == int(confirms)
    assert found.row["n_recent_small_subcortical_infarcts"] == int(confirms)
    assert found.row["n_acute_candidates"] == 0
    assert list(found.table["certainty"]) == ["sure" if confirms else "excluded"]
    assert found.labels.data.any() == confirms


def test_without_an_adc_nothing_is_measured(tmp_path):
    head = Head(USUAL)
    head.paint(head.ball(WHITE, 7.0))
    found = acute_of(session(tmp_path, head, series=False), SETTINGS, CLASSES)
    assert found.row["status"] == FAILED
    assert "T2 shine-through cannot be excluded" in found.row["reason"]
    assert found.row["n_acute_candidates"] is None
    assert found.labels is None
    assert found.table.empty


def test_no_lesion_is_a_measured_zero(tmp_path):
    found = acute_of(session(tmp_path, Head(USUAL)), SETTINGS, CLASSES)
    assert (found.row["n_acute_infarcts"], found.row["n_acute_candidates"], found.row["status"]) == (0, 0, OK)


def test_candidates_are_left_out_on_the_flair(tmp_path):
    head = Head(USUAL)
    where = head.ball(WHITE, 7.0)
    given = session(tmp_path, head)
    flair = Image(np.asarray(nib.load(given["FLAIR"]).dataobj), nib.load(given["FLAIR"]).affine)
    write_image(where.astype(np.int32), head.affine, tmp_path / "acute.nii.gz")
    assert acute_left_out(given, flair) is None
    found = acute_left_out(given | {"acute": str(tmp_path / "acute.nii.gz")}, flair)
    assert found is not None
    np.testing.assert_array_equal(found.mask, where)  # the FLAIR is the DWI, shifted as the transform says
    assert found.volume_cm3 == pytest.approx(where.sum() * np.prod(USUAL) / 1000)
    write_image(np.zeros(where.shape, np.int32), head.affine, tmp_path / "acute.nii.gz")
    assert acute_left_out(given | {"acute": str(tmp_path / "acute.nii.gz")}, flair) is None
