"""Pictures for checking one subject at a glance: registration, calcification, white matter, vessel wall, change.

planes         a plane in the patient: its points, its letters, image values on it
canvas         figure, panels with scale bar and letters, small PNG files
checks         registration, white matter and vessel wall
calcification  the calcified lesions
change         a subject's two visits
"""
