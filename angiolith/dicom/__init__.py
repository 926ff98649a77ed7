"""From a PACS export (a folder of DICOM) to a BIDS folder: sorted, decided with a reason, converted and compared."""
