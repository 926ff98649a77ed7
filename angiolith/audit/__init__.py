"""What was made from what: every byte of a finished run accounted for.

records    what each job leaves beside its log: hashes of its inputs and outputs, settings, code digest, versions
inventory  every file, setting, digest, version and host fact of a run, in one table
verify     the run as it lies there against inventory and records: changed, lost, added, stale
rerun      one subject made again elsewhere, and its bytes compared
trace      a cell of a table, found and traced: lineage (the files behind it), columns (what its number was made from),
           trace_text, trace_picture
files      a subject's measures and seal, the inventory, and all that a run is for
findings   what verify and deidentify found, summed up
cell       how a cell is called, for the report
crate      the run as an RO-Crate, and the BIDS description of the derivatives
deidentify what names a person in a folder that is to be shared
withdraw   a subject's data purged, and what still names the subject
"""
