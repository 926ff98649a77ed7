"""The cohort: from the measures of single sessions, or a user's own table, to the tables of a study.

collect.py      measure files, participants and ratings joined by keys: patients, lesions, change
external.py     a table of the user's own, read with checks that name file, row and column
dataset.py      the columns that an analysis uses, typed and checked; the same for every source
attrition.py    who is in an analysis, and why the others are not
describe.py     characteristics by group, with the test that the rule chooses
regression.py   single model fits with their safety checks;  associations.py  the table of models
correlations.py severity against markers;  change.py  change between visits;  agreement.py  raters
layout.py       the table of characteristics as it is printed
"""
