"""For pages of other origins, if `CORS_ALLOWED_ORIGINS` names any. What is allowed is in the settings."""

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest, HttpResponseBase

from overplane.api.errors import no_content


class Cors(CorsMiddleware):
    def check_preflight(self, request: HttpRequest) -> HttpResponseBase | None:
        return None if super().check_preflight(request) is None else no_content()
