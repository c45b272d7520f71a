"""The types of events that there are. The platform knows no domain: its apps put them here when they start."""

known: list[str] = []
