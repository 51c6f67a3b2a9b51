"""How the box names itself to DICOM peers and in file meta information.

Source: PS3.7 D.3.3.2; PS3.5 B.2 (a UID made from a UUID needs no registered root).
"""

from __future__ import annotations

IMPLEMENTATION_CLASS_UID = "2.25.334668049179377607922321284340117736074"
IMPLEMENTATION_VERSION = "BOCAGE_1"
