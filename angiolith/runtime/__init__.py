"""What runs and records jobs: everything that only talks to Snakemake, and nothing that a result depends on.

| module | what it does |
|---|---|
| `job` | wraps a job: log, failures, versions, record |
| `records` | a job's record: SHA-256 of what it read and wrote |
| `seals` | finished subjects, left out of the graph of jobs |
| `code_digest` | digest of the science behind a rule |
| `snakemake_adapter` | all use of Snakemake's internals |
| `paths`, `version` | where the workflow's files are; version of project and runtime |

These modules are outside the code digests: an edit here reruns nothing. Each job's record says with which runtime it
ran (`version.runtime_version`). So a number, a table's text or a picture must not be decided here. What results depend
on besides the code, seed and threads, is in `angiolith.core.reproducible`, which every digest covers. The bytes of
records and seals are book-keeping: the audit compares them by what they say.
"""
