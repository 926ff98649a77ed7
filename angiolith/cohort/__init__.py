"""The cohort: from the measures of single sessions, or a user's own table, to the tables of a study.

collect.py       measure files, participants and ratings joined by keys: patients, lesions, change
external.py      a table of the user's own, wide or long, read with checks that name file, row and column
dataset.py       the columns that an analysis uses, typed and checked; plausibility.py  units and doubtful values
attrition.py     who is in an analysis, and why the others are not; flow.py  the same as a picture
describe.py      characteristics by group, with the test that the rule chooses; layout.py, publish.py  as printed
regression.py    single model fits with their safety checks; imputation.py  missing covariates
associations.py  the table of models; diagnostics.py  what a reviewer asks of each
correlations.py  severity against markers; marker_models.py  grades and counts
change.py        change between visits; mixed.py  random intercepts; power.py  the size of a study to come
agreement.py     raters; ratings.py  their ratings
audit_table.py   a printed table checked against itself; printed.py  its numbers; summaries.py  tests from summaries
"""
