"""The judges: what is right, per exercise; pure functions of plain data."""
