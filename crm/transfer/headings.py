"""What people and programs write over their columns, and how headings are compared.

Of programs: Google Contacts, Outlook (English and German), HubSpot, Salesforce, Shopify, Pipedrive, QuickBooks, Xero, Zoho,
DATEV, Lexware, sevDesk, SAP, and lists of samples.
"""

import re
from collections.abc import Mapping, Sequence

from overplane.database.text import fold

SYNONYMS = {
    "customer_name": "name, company, company name, firm, business name, account name, customer, organisation, organization,"
    " kunde, kundenname, firma, firmenname, organization name, organization 1 - name, associated company,"
    " default address company, unternehmen, unternehmensname, name 1, firma 1, firmenname 1, person - organization,"
    " name (adressattyp unternehmen), customer full name",
    "customer_type": "type, art, kundenart, typ",
    "customer_group": "group, segment group, gruppe, kundengruppe",
    "territory": "sales territory, sales region, gebiet, vertriebsgebiet",
    "account_manager": "owner, account owner, contact owner, company owner, lead owner, sales rep, betreuer, kundenbetreuer,"
    " person - owner, organization - owner",
    "email_id": "mail, email, e-mail, e-mail address, email address, mail address, e-mail-adresse, mailadresse,"
    " e-mail 1 - value, email 1, e-mail 1, e-mail: adresse, e-mail 1: adresse, main email, person - email,"
    " person - email - work",
    "mobile_no": "phone, mobile, tel, tel., telephone, phone number, phone no., mobile phone, mobile number, cell, telefon,"
    " telefonnummer, mobil, handy, phone 1 - value, phone 1, mobile phone number, mobilnummer, handynummer,"
    " mobiltelefon, telefon mobil, telefon 1, person - phone, person - phone - mobile",
    "tax_id": "vat, vat id, vat no., vat number, tax no., tax number, tin, ust-id, ust-idnr., ustid, uid, steuernummer,"
    " umsatzsteuer-id, umsatzsteuer-idnr., umsatzsteuer-identifikationsnummer, vat registration number, vat reg. no.",
    "website": "web, url, web site, homepage, internet, webseite, web page, website url, website 1 - value,"
    " webseiten, internetadresse",
    "default_currency": "currency, billing currency, währung",
    "default_price_list": "price list, preisliste",
    "language": "sprache, lang",
    "customer_primary_contact": "contact, contact name, contact person, primary contact, ansprechpartner, kontakt",
    "primary_address": "address, street address, billing address, adresse, anschrift, address 1 - formatted, mailing address,"
    " bill address, organization - address",
    "customer_details": "notes, note, details, comment, comments, remarks, bemerkung, bemerkungen, notiz, notizen,"
    " anmerkung, kommentar",
    "first_name": "given name, vorname, vorname (adressattyp natürl. person)",
    "last_name": "surname, family name, nachname, name (adressattyp natürl. person)",
    "customer_pos_id": "pos, pos id, customer number, customer no., kundennummer, kunden-nr., kundennr., debitor,"
    " debitorennummer, debitoren-nr.",
    "industry": "sector, branche",
    "payment_terms": "terms, terms of payment, payment term, zahlungsbedingungen, zahlungsbedingung, zahlungsbed.",
    "default_commission_rate": "commission, commission rate, provision",
    "gender": "sex, geschlecht, anrede",
    "disabled": "inactive, is disabled, inaktiv, gesperrt",
    "is_frozen": "frozen, eingefroren",
    "is_internal_customer": "internal, internal customer, intern",
}
# Of these words any other of the same field comes first, wherever it stands: a "Phone" beside a "Mobile" is no mobile phone,
# and a "Kunde" beside a "Name 1" is a number.
YIELDING = {
    "customer_name": "kunde, customer",
    "mobile_no": "phone, tel, tel., telephone, phone number, phone no., telefon, telefonnummer, phone 1 - value, phone 1,"
    " telefon 1, person - phone",
    "gender": "anrede",
    "tax_id": "tax no., tax number, steuernummer",
}
# What counts where no other heading names the field: of several telephone numbers that of the pocket comes first.
SECOND_BEST = {
    "customer_name": "full name, display name, person - name",
    "mobile_no": "business phone, company main phone, primary phone, home phone, default address phone, work phone,"
    " telefon geschäftlich, telefon (geschäftlich), telefon firma, haupttelefon, telefon privat, telefon (privat),"
    " main phone, person - phone - work, phone numbers",
    "customer_details": "description, beschreibung",
    "image": "photo",
    "website": "company domain name",
}
# Where people have a column of their own for the first name, "Name" is the last one.
LAST_NAME_BESIDE_FIRST = "name"
# A star marks what a form of Xero requires; there the contact is the customer.
REQUIRED_CONTACT = "*ContactName"
# The words of a heading for line items, by the name of their kind.
LINE_ITEM_SYNONYMS = {
    "supplier_numbers": {
        "company": "company name, firm, firma, firmenname, gesellschaft",
        "supplier_number": "supplier no., supplier id, vendor number, vendor no., vendor id, lieferantennr.,"
        " lieferanten-nr., kreditorennummer",
    },
}
PARENT_SYNONYMS = {"customer_id": "id of customer, id of the customer, kunden-id, id des kunden"}


MOST_NAMED = 50  # headings in one sentence; exporters of contacts write about as many that no customer has


def listed(headings: Sequence[str]) -> str:
    """As a sentence names them."""
    return ", ".join(map(repr, headings[:MOST_NAMED])) + (" …" if len(headings) > MOST_NAMED else "")


def plain(heading: str) -> str:
    """Headings are compared without case, accents, blanks and punctuation: "E-Mail" and "e mail" are one."""
    return re.sub(r"[\W_]+", "", fold(heading))


def words(synonyms: Mapping[str, str]) -> dict[str, str]:
    """The field of each of these words, as headings are compared."""
    return {plain(word): name for name, listed in synonyms.items() for word in listed.split(",")}


def quoted(text: str) -> str:
    """For the command line, as every shell understands it, whatever a heading holds."""
    return "'" + text.replace("'", "'\"'\"'") + "'"
