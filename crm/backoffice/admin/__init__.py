"""The back office of customers. Forms parse, `Customer.clean` judges, and nothing is written but by the services."""

from crm.backoffice.admin import changes, customers

__all__ = ["changes", "customers"]
