"""The routes of merging customers and of taking that back: parse, call a service, show."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from crm import merging, unmerging
from crm.api.listing import existing
from crm.api.merge_bodies import in_values, parse_merge, parse_unmerge
from crm.api.merge_descriptions import describe_merge, describe_unmerge
from crm.locking import check_version
from crm.models import CUSTOMERS
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.problems import Code, ObjectMissing, invalid

VERSION = CUSTOMERS.names.index("version")


class OnCustomer(ApiViewSet):
    """A call on one customer, which `If-Match` may name in a version."""

    def read(self, customer_id: str, parse: Any) -> Any:
        expected = self.expected_versions
        return self.read_values(parse, lambda: check_version(existing(CUSTOMERS, customer_id)[VERSION], expected))


@describe_merge()
class CustomerMergeViewSet(OnCustomer):
    def create(self, request: HttpRequest, id: str) -> HttpResponse:
        ids, values = self.read(id, lambda payload: parse_merge(id, payload))
        expected = self.expected_versions
        versions = {} if expected is None else {id: expected}
        try:
            output, version = merging.merge_customers(id, ids, values=values, origin=self.origin, expected=versions)
        except ObjectMissing as missing:
            if missing.object_id not in ids:
                raise
            name = f"from[{ids.index(missing.object_id)}]"
            raise ValidationError({name: invalid(Code.RESOURCE_MISSING, str(missing))}) from None
        except ValidationError as error:  # a rule that the new values break
            raise ValidationError(in_values(error)) if hasattr(error, "error_dict") else error from None
        return JsonResponse(output, version=version, subjects=[id])


@describe_unmerge()
class CustomerUnmergeViewSet(OnCustomer):
    def create(self, request: HttpRequest, id: str) -> HttpResponse:
        ids = self.read(id, parse_unmerge)
        done = unmerging.unmerge_customers(id, ids, origin=self.origin, expected=self.expected_versions)
        restored = [one.output for one in done.restored]
        output = done.survivor.output | {"restored": restored, "kept": done.not_reverted}
        return JsonResponse(output, version=done.survivor.version, subjects=[id, *ids])
