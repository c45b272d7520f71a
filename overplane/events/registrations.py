"""How the log is erased."""

from overplane.database import erasure
from overplane.events import log

erasure.register("log", log.erase_values)
