from django import template

from crm.backoffice.page_words import as_on_a_page, column_on_a_page

register = template.Library()
register.filter("as_on_a_page", as_on_a_page)
register.filter("column_on_a_page", column_on_a_page)
