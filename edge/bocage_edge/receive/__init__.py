"""DICOM from the site becomes sealed objects in the spool."""
