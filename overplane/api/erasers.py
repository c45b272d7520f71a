from overplane.api import idempotency
from overplane.database import erasure

erasure.register("stored answers", idempotency.erase_answers)
