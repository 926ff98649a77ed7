"""Masks compared with experts' masks: overlap, volumes, lesions and agreement of a run, another tool or a reader.

kinds    what can be compared, and which words of a file's name mean it
pairs    which truth belongs to which mask, and why a file was left out
metrics  overlap, volumes, lesions and surfaces of one pair
summary  scans together: means with intervals, agreement of volumes, tool against tool
session  one pair read, brought onto one grid and measured
picture  a scan with truth and masks
page     the page and its tables
"""
