"""Pure rules about exams: who is who, what is the same, what belongs together."""
