"""A finished subject's measures as one file (`measures.json`): which of the subject's files go into it.

Imports nothing, since rules and the job that seals a subject have it.
"""

MEASURES = {  # kind -> how the names of its files end
    "checks": "desc-check_images.json",
    "calcification": "desc-calcification_patient.tsv",
    "calcification_arteries": "desc-calcification_arteries.tsv",
    "calcification_lesions": "desc-calcification_lesions.tsv",
    "small_vessel": "desc-smallvessel_metrics.tsv",
    "plaque": "desc-plaque_metrics.tsv",
    "change": "desc-change_metrics.tsv",
}
