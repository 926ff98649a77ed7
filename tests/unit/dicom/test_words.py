"""Descriptions in the words of many countries: region, contrast and kernel are read, and nothing else is guessed."""

from types import SimpleNamespace

import pytest

from angiolith.dicom.words import region_of, says, says_contrast, sharp_kernel


def series(description, study="", body="", **texts):
    texts = {"SeriesDescription": description, "StudyDescription": study, "BodyPartExamined": body, **texts}
    return SimpleNamespace(text=lambda keyword: texts.get(keyword, ""))


@pytest.mark.parametrize(
    ("description", "study", "region", "contrast"),
    [
        ("HEAD W/O", "", "head", False),
        ("1.0", "CT Kopf nativ", "head", None),
        ("Schädel nativ", "", "head", False),
        ("CRANE SANS IV", "", "head", False),
        ("CRÁNEO SIMPLE", "", "head", False),
        ("CRANEO SIN CONTRASTE", "", "head", False),
        ("CRANIO SEM CONTRASTE", "", "head", False),
        ("CABEÇA", "", "head", None),
        ("ENCEFALO SENZA MDC", "", "head", False),
        ("ENCEFALO CON MDC", "", "head", True),
        ("Hersenen blanco", "", "head", False),
        ("GŁOWA BEZ KONTRASTU", "", "head", False),
        ("HJÄRNA UTAN", "", "head", False),
        ("Голова без контраста", "", "head", False),
        ("平扫", "颅脑CT", "head", False),
        ("头颅增强", "", "head", True),
        ("頭部単純", "", "head", False),
        ("비조영", "뇌 CT", "head", False),
        ("HEAD POST OP", "", "head", None),
        ("HEAD POST", "", "head", True),
        ("HEAD POST CONTRAST", "", "head", True),
        ("胸部平扫", "", "elsewhere", False),
        ("头颈CTA", "", "both", None),
        ("TÓRAX SIN", "", "elsewhere", False),
        ("NNH nativ", "", "part", False),
        ("5.0", "", "", None),
    ],
)
def test_region_and_contrast(description, study, region, contrast):
    one = series(description, study)
    assert region_of(one) == region
    assert says_contrast(one) is contrast


@pytest.mark.parametrize(
    ("description", "sharp"), [("骨窗", True), ("OSSO 1.0", True), ("脑窗", False), ("Axial", None)]
)
def test_a_kernel_that_only_the_description_names(description, sharp):
    assert sharp_kernel(series(description)) is sharp


@pytest.mark.parametrize(
    "description", ["Scout", "Topogram", "Übersicht", "定位像", "位置決め", "Scanogram", "Surview"]
)
def test_scouts(description):
    assert says("scout", description.lower())
