"""The box: takes DICOM from the site, keeps it sealed, relays it with proof, delivers it."""
