"""The forms for a code of the second factor."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from overplane.people import recovery

CODE_INPUT = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True})


class CodeForm(forms.Form):
    code = forms.CharField(label=_("Code from your authenticator app"), max_length=10, widget=CODE_INPUT)

    def __init__(self, user: Any, device: TOTPDevice, *args: Any) -> None:
        super().__init__(*args)
        self.user, self.device = user, device

    def clean_code(self) -> str:
        """Counts wrong codes: each doubles the time until the next try."""
        code = self.cleaned_data["code"].replace(" ", "")
        allowed, refusal = self.device.verify_is_allowed()
        if not allowed:
            message = _("Too many wrong codes. Wait until %(time)s, then try again.")
            until = refusal.get("locked_until") if refusal else None
            raise forms.ValidationError(message, params={"time": f"{until:%H:%M:%S} UTC" if until else "…"})
        if not self._is_right(code):
            raise forms.ValidationError(
                _(
                    "This code is not right (any more). Enter the one that the app shows now; is your phone's clock right?"
                )
            )
        return code

    def _is_right(self, code: str) -> bool:
        return code.isascii() and code.isdigit() and self.device.verify_token(code)


class SignInCodeForm(CodeForm):
    """Takes a recovery code in place of the app's."""

    code = forms.CharField(
        label=_("Code from your authenticator app, or a recovery code"), max_length=30, widget=CODE_INPUT
    )
    used_recovery_code = False

    def _is_right(self, code: str) -> bool:
        if not recovery.looks_like_one(code):
            return super()._is_right(code)
        self.used_recovery_code = recovery.spend(self.user, code)
        if not self.used_recovery_code:
            self.device.throttle_increment()
        return self.used_recovery_code
