"""What the commands that move files have in common."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class FileCommand(BaseCommand):
    """Its `epilog` keeps its lines."""

    # Those load the whole site, half a second. `prepare` and the service make them.
    requires_system_checks: list[str] = []
    epilog = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, epilog=self.epilog, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser
