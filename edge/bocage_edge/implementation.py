"""How the box names itself to DICOM peers, in file meta information, and to its console.

Source: PS3.7 D.3.3.2; PS3.5 B.2 (a UID made from a UUID needs no registered root).
"""

from __future__ import annotations

from importlib import metadata

IMPLEMENTATION_CLASS_UID = "2.25.334668049179377607922321284340117736074"
IMPLEMENTATION_VERSION = "BOCAGE_1"
# The release, as it is told to the console.
VERSION = metadata.version("bocage-edge")
