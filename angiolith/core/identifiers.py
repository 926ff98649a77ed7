"""What names a person: DICOM attributes, columns of clinical tables, and text that looks like a name tag.

The attributes are those of DICOM PS3.15 Table E.1-1 (Basic Application Level Confidentiality Profile) that dcm2niix and
other converters write into the JSON beside an image.
"""

from __future__ import annotations

import re

DICOM_NAMES = """
    AccessionNumber AcquisitionDate AcquisitionDateTime AcquisitionTime AcquisitionUID AdmissionID AdmittingDate
    ContentDate ContentTime CountryOfResidence CurrentPatientLocation DeviceSerialNumber EthnicGroup
    FrameOfReferenceUID InstanceCreationDate InstanceCreationTime InstitutionAddress InstitutionName
    InstitutionalDepartmentName IssuerOfPatientID MedicalRecordLocator MilitaryRank NameOfPhysiciansReadingStudy
    Occupation OperatorsName OtherPatientIDs OtherPatientIDsSequence OtherPatientNames PatientAddress PatientAge
    PatientBirthDate PatientBirthName PatientBirthTime PatientComments PatientID PatientInsurancePlanCodeSequence
    PatientMotherBirthName PatientName PatientReligiousPreference PatientSex PatientSize PatientTelephoneNumbers
    PatientWeight PerformedProcedureStepStartDate PerformedProcedureStepStartTime PerformingPhysicianName
    PhysiciansOfRecord ReferringPhysicianAddress ReferringPhysicianName ReferringPhysicianTelephoneNumbers
    RequestingPhysician SeriesDate SeriesInstanceUID SeriesTime SOPInstanceUID StationName StudyDate StudyID
    StudyInstanceUID StudyTime
"""
DICOM_KEYWORDS = frozenset(DICOM_NAMES.split())
HARMLESS_ALONE = frozenset({"PatientAge", "PatientSex", "PatientSize", "PatientWeight"})  # covariates, not names
IDENTIFYING_COLUMN = re.compile(
    r"(patient_?|first_?|last_?|family_?|given_?|birth_?|full_?|mother_?)?(name|surname|initials)s?"
    r"|(date_of_birth|birth_?date|birth_?day|dob)"
    r"|(mrn|medical_record_number|hospital_(number|id|no)|accession(_number)?|insurance_(number|id))"
    r"|(ssn|social_security(_number)?|national_id|nhs_number|passport(_number)?|id_card)"
    r"|(street|address|postcode|postal_code|zip(_?code)?|phone(_number)?|telephone|e_?mail)"
    r"|(referring_)?physician(_name)?"
)
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE)
DATE = re.compile(r"(?<![\d.-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")
BIDS_SHIFTED_BEFORE = 1925  # BIDS: dates that were shifted to protect privacy lie before this year
LONG_NUMBER = re.compile(r"\d{6,}")


def is_identifying_column(name: str) -> bool:
    """Whether a column of a clinical table is, by its name, one that names a person.

    Parameters
    ----------
    name : str
        Name of the column.

    Returns
    -------
    bool
        True for names such as `patient_name` or `date of birth`.
    """
    return IDENTIFYING_COLUMN.fullmatch(re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")) is not None


def is_identifying_attribute(key: str) -> bool:
    """Whether a key of a sidecar is a DICOM attribute that names a person, place or day.

    Parameters
    ----------
    key : str
        DICOM keyword.

    Returns
    -------
    bool
        True where the attribute names a person, place or day.
    """
    return key in DICOM_KEYWORDS and key not in HARMLESS_ALONE


def real_dates(text: str) -> list[str]:
    """ISO dates in a text that were not shifted into the years that BIDS sets aside.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list[str]
        Dates as they are written, `YYYY-MM-DD`.
    """
    found = (match for match in DATE.finditer(text))
    return [m[0] for m in found if int(m[1]) >= BIDS_SHIFTED_BEFORE and 1 <= int(m[2]) <= 12 and 1 <= int(m[3]) <= 31]
