"""What a subject is to be: read from a cohort file, or drawn from the distribution written here."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import yaml

from phantoms.ct import PROTOCOLS

SEVERITIES = ("none", "mild", "moderate", "severe")


@dataclass(frozen=True)
class SubjectSpec:
    """One subject. Unset (None) values are drawn with the subject's seed.

    ct: a protocol's name, "none", or "broken" (a truncated file). wall_artery: where the vessel-wall plaque is, e.g.
    "BA-M", "VA-L" (None: no vessel-wall MRI). followup_years: time to the second visit (None: no second visit).
    """

    age: float
    sex: str
    symptomatic: bool
    calcification: str = "mild"
    iel_share: float | None = None
    wmh_cm3: float = 5.0
    n_lacunes: int = 0
    n_microbleeds: int = 0
    wall_artery: str | None = None
    stenosis_percent: float | None = None
    ct: str = "standard"
    ct_days_after_mri: int = 3
    dental_metal: bool = False
    swi: bool = True
    readers: bool = True
    followup_years: float | None = None
    wmh_growth: float = 0.08
    new_lacunes: int = 0
    new_microbleeds: int = 0
    hypoplastic_va: str | None = None
    infarct: bool = False

    def __post_init__(self) -> None:
        if self.calcification not in SEVERITIES:
            raise ValueError(f"calcification: {self.calcification!r} is none of {', '.join(SEVERITIES)}")
        if self.ct not in (*PROTOCOLS, "none", "broken"):
            raise ValueError(f"ct: {self.ct!r} is none of {', '.join(PROTOCOLS)}, none, broken")


def read_cohort(path: Path) -> list[SubjectSpec]:
    """Specs from a cohort file (a list under `subjects`); raises ValueError on unknown keys."""
    known = {field.name for field in fields(SubjectSpec)}
    specs = []
    for number, entry in enumerate(yaml.safe_load(path.read_text(encoding="utf-8"))["subjects"], start=1):
        if unknown := set(entry) - known:
            raise ValueError(f"{path}: subject {number}: unknown keys {', '.join(sorted(unknown))}")
        specs.append(SubjectSpec(**entry))
    return specs


def draw_spec(rng: np.random.Generator) -> SubjectSpec:
    """A random subject of a vertebrobasilar or small-vessel cohort.

    Age normal 64 (10), cut at 40-88; severity of calcification rises with age (ordered logit); WMH volume log-normal,
    median 5 cm3 at 64 years, 5 % more per year of age, 40 % more per step of severity; lacunes and microbleeds Poisson,
    their means rising with WMH; 70 % have a vessel-wall plaque (BA 45 %, VA 35 %, MCA 20 %); 65 % return after about a
    year with WMH growth of 10 % (sd 8 %); 10 % have an old infarct.
    """
    age = float(np.clip(rng.normal(64, 10), 40, 88).round(1))
    latent = 0.06 * (age - 64) + rng.logistic()
    level = int(np.searchsorted([-1.2, 0.2, 1.5], latent))
    wmh = float(np.clip(5.0 * 1.05 ** (age - 64) * 1.4 ** (level - 1) * np.exp(rng.normal(0, 0.7)), 0.3, 70).round(2))
    followup = round(float(rng.uniform(0.8, 1.4)), 2) if rng.random() < 0.65 else None
    arteries = ["BA-M", "VA-L", "VA-R", "MCA-L", "MCA-R"]
    wall = str(rng.choice(arteries, p=[0.45, 0.175, 0.175, 0.1, 0.1])) if rng.random() < 0.7 else None
    return SubjectSpec(
        age=age,
        sex=str(rng.choice(["F", "M"], p=[0.38, 0.62])),
        symptomatic=bool(rng.random() < 0.5),
        calcification=SEVERITIES[level],
        wmh_cm3=wmh,
        n_lacunes=min(int(rng.poisson(0.12 * wmh)), 6),
        n_microbleeds=min(int(rng.poisson(0.2 * wmh)), 12),
        wall_artery=wall,
        ct=str(rng.choice(["thin", "standard", "overlap", "gap", "thick"], p=[0.15, 0.35, 0.2, 0.2, 0.1])),
        ct_days_after_mri=int(rng.integers(-10, 25)),
        dental_metal=bool(rng.random() < 0.3),
        followup_years=followup,
        wmh_growth=round(float(np.clip(rng.normal(0.10, 0.08), -0.1, 0.4)), 3),
        new_lacunes=int(rng.random() < 0.15),
        new_microbleeds=int(rng.poisson(0.3)),
        hypoplastic_va=str(rng.choice(["L", "R"])) if rng.random() < 0.15 else None,
        infarct=bool(rng.random() < 0.1),
    )


def stream(seed: int, *names: object) -> np.random.Generator:
    """A random stream of its own for each purpose, so that a change in one part leaves the others as they were."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])


def clinical(rng: np.random.Generator, spec: SubjectSpec) -> dict[str, object]:
    """Clinical covariates of participants.tsv: plausible marginal values, risk factors commoner with calcification."""
    risk = SEVERITIES.index(spec.calcification) / 3
    ldl = rng.normal(104 + 12 * spec.symptomatic, 30)
    triglyceride = float(np.exp(rng.normal(4.85, 0.4)))
    hdl = rng.normal(44, 9)
    return {
        "age": spec.age,
        "sex": spec.sex,
        "bmi_kg_m2": round(float(rng.normal(25.5, 3.2)), 1),
        "smoking": _yes(rng, 0.35 + 0.1 * (spec.sex == "M")),
        "diabetes": _yes(rng, 0.2 + 0.3 * risk),
        "hypertension": _yes(rng, 0.55 + 0.3 * risk),
        "coronary_heart_disease": _yes(rng, 0.1 + 0.2 * risk),
        "ldl_mg_dl": round(float(max(ldl, 35)), 1),
        "total_cholesterol_mg_dl": round(float(max(ldl, 35) + hdl + triglyceride / 5), 1),
        "triglyceride_mg_dl": round(triglyceride, 1),
        "hs_crp_mg_l": round(float(np.exp(rng.normal(0.6 + 0.3 * spec.symptomatic, 0.8))), 2),
        "cholesterol_lowering_drug": _yes(rng, 0.5),
        "antiplatelet_drug": _yes(rng, 0.45 + 0.2 * spec.symptomatic),
        "symptomatic": int(spec.symptomatic),
    }


def _yes(rng: np.random.Generator, chance: float) -> int:
    return int(rng.random() < chance)
