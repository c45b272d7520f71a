"""Days first and 24 hours: nobody confuses months with days, or mornings with evenings."""

DATE_FORMAT = "j M Y"
SHORT_DATE_FORMAT = "j M Y"
DATETIME_FORMAT = r"j M Y, H:i \U\T\C"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
TIME_FORMAT = r"H:i \U\T\C"
