"""The report: one HTML file of the cohort, its analyses, every subject-session, and what went wrong.

sessions   what is said of every subject-session, from the cohort's tables
analyses   the cohort's analyses as printed tables and plots
plots      coordinates of the plots that the templates draw as SVG
page       content -> HTML
"""
