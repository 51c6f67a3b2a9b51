"""What the demonstration's two sites agreed on, and what its day must cost them: by hand. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from bocage_contract.convention.model import Convention
from bocage_provisioning.lab.desired import LINK_ID, PRIOR_AET, ROUTINE_AET, URGENT_AET

TIMEZONE = "Europe/Paris"

# What the statement of the day must say, counted by a person from `exams.PLAN` and `day.Day`:
# the plan's five exams have reports, the two of the outage have none yet; a prior is not billed.
# modality -> exams, urgent %, reported, slots met, slots missed, overdue, billed, amount
BY_HAND: Mapping[str, tuple[str, ...]] = {
    "CR": ("3", "0", "2", "3", "0", "0", "3", "37.50"),
    "CT": ("2", "100", "1", "0", "0", "0", "2", "90.00"),
    "MR": ("1", "100", "1", "0", "0", "0", "1", "60.00"),
    "US": ("1", "100", "1", "0", "0", "0", "1", "25.00"),
    "TOTAL": ("7", "57", "5", "3", "0", "0", "7", "212.50"),
}
COLUMNS = ("exams", "urgent_pct", "reported", "slots_met", "slots_missed", "reports_overdue",
           "billed", "amount")  # fmt: skip


def agreement(today: datetime.date) -> Convention:
    """Write the convention: radiographs in two slots a day, everything else as an emergency."""
    everything: dict[str, Any] = {"modalities": ["CR", "DX", "CT", "MR", "US"]}
    return Convention.of(
        {
            "id": "flers-thury",
            "version": 1,
            "link": LINK_ID,
            "requesting_site": "Hôpital de Flers",
            "reading_site": "Cabinet de Thury",
            "valid_from": f"{today.year}-01-01",
            "valid_until": f"{today.year + 1}-12-31",
            "timezone": TIMEZONE,
            "services": {
                ROUTINE_AET: {"class": "routine", "eligible": {"modalities": ["CR", "DX"]}},
                URGENT_AET: {"class": "urgent", "eligible": everything},
                PRIOR_AET: {"class": "prior"},
            },
            "slots": [
                {"days": "mon-fri", "from": "08:30", "to": "10:00"},
                {"days": "mon-fri", "from": "14:00", "to": "16:00"},
            ],
            "arrive_before_min": 15,
            "request": "required",
            "report": {"due": "slot end + 60 min"},
            "volume": {"exams_per_month": 400, "above": "accept-with-alarm"},
            "tariff": {
                "exam": {"CR": "12.50", "DX": "12.50", "CT": "45.00", "MR": "60.00", "US": "25.00"}
            },
        }
    )
