"""The vessel wall on black-blood MRI: from readers' drawings to plaque metrics.

session      all lesions of a subject-session, reader by reader: rows of the plaque table
label_maps   readers' files (label maps, DICOM SEG, contours) -> one label map
polygons     contours of our own template and of Horos / OsiriX -> label map
parts        what readers' parts are called, and their labels
section_model what the scanner shows of a lumen and a wall, and the curves that explain it
tracing      the tool's own wall between two points, one more reader
drawing      label map -> lesions and reference segments, each checked
axis         which way a drawn vessel runs, and where its drawing ends
sections     cross-sections orthogonal to the vessel, with sub-voxel contours
contours     geometry of closed polygons in mm
thickness    wall thickness between two contours: Laplace, centre ray, closest point
metrics      cross-sections -> plaque metrics
enhancement  signal of the wall before and after contrast
surroundings what the CT says of the lesion: artery, side, calcium
consensus    the readers' common row of a lesion
culprit      which lesion of a patient is the culprit
points       points, voxel indices and matrices between them
"""
