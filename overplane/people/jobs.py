from datetime import timedelta

from django.core.management import call_command
from django.utils.translation import gettext_lazy as _

from overplane.jobs.kinds import Kind, Run, register


def clear_sessions(run: Run) -> None:
    call_command("clearsessions")


register(Kind("people.clear_sessions", clear_sessions, _("Clear ended sessions"), every=timedelta(days=1)))
