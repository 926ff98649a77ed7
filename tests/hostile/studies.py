"""Clinical tables, spreadsheets and dates: what the cohort's jobs say of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl

from angiolith.cohort.attrition import why_not_made
from angiolith.cohort.dataset import read_dataset
from angiolith.cohort.plausibility import implausible
from angiolith.core.config import Config, plain, settings_of
from angiolith.core.manifest import Row, manifest_text
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import read_tsv, was_made, write_json
from scripts import build_attrition, collect_metrics
from scripts.seal_subject import bundle
from tests.hostile.case import ANALYSIS_OUT, FAILED, TABLE_OUT, TAKEN, TOLD, Answer, Case, Given

TABLES = ("patients", "lesions", "change", "ratings", "marks", "clinical", "burden")
SETTINGS = ("subjects", "vessel_wall.culprit", "burden")


def collected(folder: Path, voxels: tuple[str, str] = ("aa", "bb"), **tables: Path) -> Any:
    """Run collect_metrics on two subjects with a checked CT each; returns the table of patients."""
    rows = [Row(subject, "01", {"ct": "x.nii.gz"}) for subject in ("01", "02")]
    (folder / "manifest.tsv").write_text(manifest_text(rows))
    for row, digest in zip(rows, voxels, strict=True):
        image = {"status": "ok", "reason": None, "voxels_sha256": digest}
        facts = {"subject": row.subject, "session": "01", "status": "ok", "reason": None, "images": {"ct": image}}
        write_json(facts, folder / f"{row.subject}.json")
    write_json(bundle({"checks": [folder / f"{row.subject}.json" for row in rows]}), folder / "measures.json")
    inputs = {"manifest": folder / "manifest.tsv", "measures": [folder / "measures.json"], **tables}
    collect_metrics.main(
        SimpleNamespace(
            input=Given(inputs),
            output=Given({name: folder / f"{name}.tsv" for name in TABLES}),
            params=Given(settings=settings_of(Config(), *SETTINGS), pairs={}),
        )
    )
    return read_tsv(folder / "patients.tsv")


def clinical(name: str, said: str, content: str | bytes, table: str = "participants", outcome: str = TABLE_OUT) -> Case:
    """participants.tsv, or a table of ratings, as bytes or text."""

    def make(folder: Path) -> Answer:
        path = folder / ("participants.tsv" if table == "participants" else "phenotype/readers.tsv")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        given = {"participants": path} if table == "participants" else {"phenotype": [path]}
        patients = collected(folder, **given)
        (account,) = read_tsv(folder / "clinical.tsv").to_dict("records")
        if account["status"] == "failed":
            unknown = [name for name in ("age", "fazekas_A") if name in patients]
            return Answer(TABLE_OUT if not unknown and len(patients) == 2 else TAKEN, account["reason"])
        return Answer(TAKEN, f"{path}: age {', '.join(f'{age:g}' for age in patients['age'])}")

    return Case(name, outcome, said, make)


def shared_image(folder: Path) -> Answer:
    patients = collected(folder, voxels=("aa", "aa"))
    row = patients.iloc[0]
    return Answer(f"row: {row['images_status']}", f"cohort/patients.tsv, sub-01 ses-01: {row['images_reason']}")


def names_left_out(folder: Path) -> Answer:
    path = folder / "participants.tsv"
    path.write_text("participant_id\tpatient_name\tdate_of_birth\tage\nsub-01\tErika Muster\t1950-01-02\t70\n")
    patients = collected(folder, participants=path)
    kept = [name for name in patients.columns if name in ("patient_name", "date_of_birth")]
    return (
        Answer(TOLD, f"{path}: left out, since they name persons: patient_name, date_of_birth")
        if not kept
        else Answer(TAKEN, "")
    )


def analysis(column: str = "age", **settings: Any) -> dict[str, Any]:
    """An analysis that needs numbers in this column."""
    include = [{"column": column, "minimum": 0.0, "reason": "none"}]
    return plain(Analysis.model_validate({"kind": "severity", "table": "mine", "include": include} | settings))


def study(name: str, said: str, text: str, suffix: str = ".csv", **settings: Any) -> Case:
    """A table of measurements made elsewhere that cannot be used, beside one that can."""

    def make(folder: Path) -> Answer:
        path = folder / f"study{suffix}"
        path.write_text(text)
        return analysed(folder, path, **settings)

    return Case(name, ANALYSIS_OUT, said, make)


def analysed(folder: Path, path: Path, **settings: Any) -> Answer:
    """Run build_attrition on an analysis of this table and on one of a sound table."""
    sound = folder / "sound.csv"
    sound.write_text(TWO)
    analyses = {
        "hostile": analysis(**{"table": str(path), **settings}),
        "sound": analysis(table=str(sound)),
    }
    files = {
        name: {"table": asked["table"], "data": folder / f"{name}_data.tsv", "flow": folder / f"{name}_flow.svg"}
        for name, asked in analyses.items()
    }
    output = Given({name: folder / f"{name}.tsv" for name in ("attrition", "doubts", "missing")})
    params = Given(settings={"analyses": analyses}, files=files)
    build_attrition.main(SimpleNamespace(input=Given(), output=output, params=params))
    attrition = read_tsv(folder / "attrition.tsv")
    reason = why_not_made(attrition[attrition["analysis"] == "hostile"])
    made = [name for name, entry in files.items() if was_made(entry["data"])]
    return Answer(ANALYSIS_OUT if made == ["sound"] else TAKEN, reason or "nothing was reported")


def formula(folder: Path) -> Answer:
    book = openpyxl.Workbook()
    for row in (["subject", "age"], ["1", "=30+31"]):
        book.worksheets[0].append(row)
    book.save(folder / "study.xlsx")
    return analysed(folder, folder / "study.xlsx")


def other_unit(folder: Path) -> Answer:
    path = folder / "study.csv"
    path.write_text("subject,ldl_mg_dl\n" + "".join(f"{n},{2.5 + n / 10}\n" for n in range(8)))
    asked = Analysis.model_validate(analysis("ldl_mg_dl"))
    problem = implausible(read_dataset(path, asked), asked, "mine", path).iloc[0]
    return Answer(TOLD, f"cohort/doubtful_values.tsv: {problem['column']}: {problem['problem']}")


IDS = "participant_id\tage\n"
TWO = "subject,age\n1,60\n2,61\n"
CASES = (
    Case("one image under two subjects", FAILED, "replace the copy", shared_image),
    clinical("participants.tsv with a BOM", "age 60, 61", f"\ufeff{IDS}sub-01\t60\nsub-02\t61\n", outcome=TAKEN),
    clinical("commas for decimals", "write 61.5", f"{IDS}sub-01\t60\nsub-02\t61,5\n"),
    clinical("several mistakes in one table", "row 3, participant_id: '2' is no", f"{IDS}sub-01\t60,5\nsub-2\t61,5\n"),
    clinical("a participant twice", "stands in row 2 already", f"{IDS}sub-01\t60\nsub-01\t61\n"),
    clinical("participants.tsv with semicolons", "save the table tab-separated", "participant_id;age\nsub-01;60\n"),
    clinical("participants.tsv in UTF-16", "is not UTF-8", f"{IDS}sub-01\t60\n".encode("utf-16")),
    clinical("a cell too many", "3 cells for 2 columns", f"{IDS}sub-01\t60\tx\n"),
    clinical("a cell too few", "2 cells for 3 columns", "participant_id\tsex\tage\nsub-01\t60\nsub-02\tf\t61\n"),
    clinical(
        "a note that begins with a quotation mark",
        "age 60, 61",
        'participant_id\tnote\tage\nsub-01\t"left\t60\nsub-02\tright"\t61\n',
        outcome=TAKEN,
    ),
    clinical("a header in quotation marks", "TSV knows no quoting", '"participant_id"\t"age"\n"sub-01"\t60\n'),
    clinical("numbers in quotation marks", "write 60", IDS + 'sub-01\t"60"\nsub-02\t"61"\n'),
    clinical(
        "participants.tsv in Windows-1252",
        "row 3: is not UTF-8",
        f"{IDS}sub-01\t60\nsub-02\tM\u00fc\n".encode("cp1252"),
    ),
    clinical("a NUL byte", "row 3: holds a NUL byte", f"{IDS}sub-01\t60\nsub-02\t6\0\n"),
    clinical(
        "line ends of Windows", "age 60, 61", f"{IDS}sub-01\t60\nsub-02\t61\n".replace("\n", "\r\n"), outcome=TAKEN
    ),
    clinical(
        "tabs at the ends of the rows",
        "age 60, 61",
        "participant_id\tage\t\nsub-01\t60\t\nsub-02\t61\t\n",
        outcome=TAKEN,
    ),
    clinical("a column name twice", "'age' stands twice", "participant_id\tage\tage\nsub-01\t60\t61\n"),
    clinical("a label without its leading zero", "write '02'", f"{IDS}sub-01\t60\nsub-2\t61\n"),
    clinical(
        "a column of the same name as a measure", "already taken", "participant_id\timages_status\nsub-01\tgood\n"
    ),
    clinical("a label in other case", "write '02'", f"{IDS}sub-01\t60\nSUB-02\t61\n"),
    clinical("participants that no image has", "is '01' meant by 'P1'?", f"{IDS}P1\t60\nP2\t61\n"),
    clinical(
        "ratings with session 1 for 01",
        "write '01'",
        "participant_id\tsession_id\treader\tfazekas\nsub-01\tses-1\tA\t2\n",
        "ratings",
    ),
    clinical(
        "ratings of a session that no image has",
        "none of its 1 rows has a session",
        "participant_id\tsession_id\treader\tfazekas\nsub-01\tses-baseline\tA\t2\n",
        "ratings",
    ),
    clinical("an empty participants.tsv", "is empty", ""),
    clinical(
        "a reader who rated one session twice",
        "stands in row 2 already",
        "participant_id\tsession_id\treader\tfazekas\n" + "sub-01\tses-01\tA\t2\n" * 2,
        "ratings",
    ),
    clinical("ratings without their subjects", "no column 'participant_id'", "reader\tfazekas\nA\t2\n", "ratings"),
    Case("names and birth dates among the covariates", TOLD, "name persons", names_left_out),
    study("text among numbers", "is not a number", TWO.replace("61", "sixty")),
    study("a comma that groups thousands or decimals", "1234 if its comma", "subject;age\n1;1,234\n2;61\n"),
    study("points that group thousands", "may be 1234", "subject;age\n1;1.234\n2;61,5\n"),
    study("a number with its unit", "write the number alone", TWO.replace("61", "61 y")),
    study("an open quotation mark", "row 2: a quotation mark", 'subject,note,age\n1,"left,60\n2,right,61\n'),
    study(
        "a quotation mark closed two rows on", "row 2: a quotation mark", 'subject,note,age\n1,"left,60\n2,"right",61\n'
    ),
    study("a line break within a cell", "row 2: a quotation mark", 'subject,note,age\n1,"left\nright",60\n2,no,61\n'),
    study("a row of another separator", "row 3: 1 cells for 2 columns", "subject,age\n1,60\n2;61\n"),
    study(
        "a date that can be read in two ways",
        "2024-02-01 if the day stands first, 2024-01-02",
        "subject,age,d0,d1,a,b\n1,60,01/02/2024,2025-01-01,1,2\n",
        severity="age",
        baseline_date="d0",
        followup_date="d1",
        changes={"m": {"baseline": "a", "followup": "b"}},
    ),
    study(
        "an outcome coded 1 and 2",
        "not 0 and 1: name the event",
        "subject,age,stroke\n1,60,1\n2,61,2\n3,70,1\n",
        outcome="stroke",
        predictors=["age"],
    ),
    study(
        "an outcome of yes and no in words",
        "name the event",
        "subject,age,stroke\n1,60,ja\n2,61,nein\n3,70,ja\n",
        outcome="stroke",
        predictors=["age"],
    ),
    study(
        "an outcome with a third value",
        "a yes/no outcome has two",
        "subject,age,stroke\n1,60,0\n2,61,1\n3,70,2\n",
        outcome="stroke",
        predictors=["age"],
    ),
    study(
        "an event that no row has",
        "has no value 'yes', only ja, nein",
        "subject,age,stroke\n1,60,ja\n2,61,nein\n",
        outcome="stroke",
        event="yes",
        predictors=["age"],
    ),
    study("999 among ages", "999 looks like a code for missing", "subject,age\n1,60\n2,61\n3,999\n"),
    study("-9 among ages", "-9 looks like a code for missing", "subject,age\n1,60\n2,61\n3,-9\n"),
    study(
        "9 among the grades of a category",
        "9 looks like a code for missing",
        "subject,age,fazekas\n1,60,0\n2,61,2\n3,70,3\n4,75,9\n",
        group="fazekas",
        categorical=["fazekas"],
        describe=["age"],
    ),
    study("a value below a detection limit", "detection limit", TWO.replace("61", "<5")),
    study("a formula as text in a .csv", "is not a number", TWO.replace("61", "=30+31")),
    Case("a formula that was never computed in a spreadsheet", ANALYSIS_OUT, "paste the value", formula),
    study("a spreadsheet that is none", "cannot be read as .xlsx", "not a spreadsheet", ".xlsx"),
    study("an old spreadsheet (.xls)", "give a .tsv, .csv or .xlsx", "x", ".xls"),
    study("a subject twice", "stands in row 2 already", TWO.replace("\n2,", "\n1,")),
    study("a column that is not there", "no column 'age'", "subject,agee\n1,60\n"),
    study("infinity in a table", "is not a number", TWO.replace("61", "inf")),
    study(
        "a group that is not known",
        "did you mean 'severe'",
        "subject,age,g\n1,60,sever\n",
        group="g",
        group_levels=["mild", "severe"],
    ),
    study(
        "a follow-up before its baseline",
        "must come after it",
        "subject,age,d0,d1,a,b\n1,60,2021-01-01,2020-01-01,1,2\n",
        severity="age",
        baseline_date="d0",
        followup_date="d1",
        changes={"m": {"baseline": "a", "followup": "b"}},
    ),
    Case("LDL in mmol/l under mg/dl", TOLD, "looks like mmol/l", other_unit),
)
