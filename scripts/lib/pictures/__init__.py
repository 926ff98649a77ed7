"""Pictures for checking one subject-session at a glance: registration, calcification, white matter, vessel wall.

planes   a plane in the patient: its points, its letters, image values on it
canvas   figure, panels with scale bar and letters, small PNG files
checks   the four pictures
"""
