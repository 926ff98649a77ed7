"""A BIDS folder: which files lie where, what their names and sidecars say, and when each visit was.

walk      every file under a subject, and folders that hold this project's own results
names     what a file's folder, suffix and entities make it, with a hint for what is nearly right
choose    which of several images serves one column of the manifest
sidecars  JSON by the inheritance principle
dates     dates in any unambiguous form
visits    the order of a subject's visits
"""
