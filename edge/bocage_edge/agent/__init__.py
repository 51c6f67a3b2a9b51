"""The unit that speaks with the console: what it is told, what it tells, and nothing of exams."""
