"""The report: pages of the cohort, of every subject, of what went wrong, of the methods, and of the pictures' review.

texts          every text, from one file that a translation replaces
sessions       what is shown of every subject-session, from the cohort's tables
subjects       a subject's visits beside each other
analyses       the cohort's analyses as printed tables and plots
plots          coordinates of the forest plots that the templates draw as SVG
distributions  the same of plots by group
methods        the methods section, from settings and versions
volumes        what the interactive viewer loads
page           content -> HTML
"""
