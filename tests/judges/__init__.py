"""The judges under test: per course, the answers each exercise must accept and reject (cases_1 to cases_4)."""
