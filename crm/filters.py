"""The closed tables of filters of both lists."""

import django_filters

from crm.models import Customer, SupplierNumberAtCustomer
from overplane.api.filtering import filter_table

CUSTOMER_FILTERS = filter_table(Customer, timestamps=["created_at", "updated_at"])
SUPPLIER_NUMBER_FILTERS = filter_table(SupplierNumberAtCustomer)
# As filter sets, for the API description.
CustomerFilter = type("CustomerFilter", (django_filters.FilterSet,), dict(CUSTOMER_FILTERS))
SupplierNumberFilter = type("SupplierNumberFilter", (django_filters.FilterSet,), dict(SUPPLIER_NUMBER_FILTERS))
