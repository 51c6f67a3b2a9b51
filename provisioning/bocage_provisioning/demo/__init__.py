"""The demonstration: real exams travel from a modality to a reading station, and reports back."""
