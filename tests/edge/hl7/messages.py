"""Messages as the systems of hospitals and practices write them."""

from __future__ import annotations

STUDY = "1.2.250.1.59.40211.12345.678.1"


def er7(*lines: str, charset: str = "utf-8", ending: str = "\r") -> bytes:
    """Join segments as they go on the wire."""
    return (ending.join(lines) + ending).encode(charset)


def order(said: str = "UNICODE UTF-8", *, control: str = "RIS0001", code: str = "NW") -> list[str]:
    """An order of a hospital's RIS: IHE's ORM with ZDS, French identity traits."""
    return [
        f"MSH|^~\\&|RIS|FLERS|BOCAGE|FLERS|20261124083000||ORM^O01|{control}|P|2.3.1||||||{said}",
        "PID|1||0042^^^CHFLERS&1.2.250.1.999.1&ISO^PI"
        "~279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.8&ISO^INS||"
        "LEMAÎTRE^Hélène^Zoé^^^^L||19790314|F",
        "PV1|1|O|IMAGERIE",
        f"ORC|{code}|A100^RIS|F200^RIS",
        f"OBR|1|A100^RIS|F200^RIS|RXTHO^Thorax de face^L{'|' * 9}Toux, fièvre"
        f"{'|' * 5}ACC77|RP5{'|' * 5}CR",
        f"ZDS|{STUDY}^RIS^Application^DICOM",
    ]


def result(
    *observations: str, state: str = "F", said: str = "8859/1", control: str = "CAB9"
) -> list[str]:
    """A report of a practice's RIS, without a Study UID."""
    return [
        f"MSH|^~\\&|XPLORE|THURY|PACS|FLERS|20261124110000||ORU^R01|{control}|P|2.5||||||{said}",
        "PID|||TH77^^^THURY||LEMAÎTRE^Hélène||19790314|F",
        f"OBR|1|A100|CAB-2026-11|RXTHO^Thorax^L{'|' * 21}{state}",
        *(observations or (f"OBX|1|TX|CR^Compte rendu||Pas d'anomalie décelée.||||||{state}",)),
    ]


def document(event: str, txa: str, *observations: str) -> list[str]:
    """A document of a system that speaks MDM."""
    return [
        f"MSH|^~\\&|DPI|THURY|PACS|FLERS|20261124110000||MDM^{event}^MDM_T02|M1|P|2.5",
        "PID|||TH77^^^THURY||LEMAITRE^HELENE||19790314|F",
        txa,
        *observations,
    ]
