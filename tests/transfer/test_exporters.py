"""Files as other programs export them: their own heading rows, with the least that a person would have to say."""

from typing import Any

import pytest

from crm.models import Customer

pytestmark = pytest.mark.django_db

GOOGLE = (
    "First Name,Middle Name,Last Name,Phonetic First Name,Phonetic Middle Name,Phonetic Last Name,Name Prefix,Name Suffix,"
    "Nickname,File As,Organization Name,Organization Title,Organization Department,Birthday,Notes,Photo,Labels,"
    "E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Address 1 - Label,Address 1 - Formatted,"
    "Address 1 - Street,Address 1 - City,Website 1 - Label,Website 1 - Value"
)
GOOGLE_OLD = (
    "Name,Given Name,Additional Name,Family Name,Birthday,Gender,Notes,Language,Photo,Group Membership,E-mail 1 - Type,"
    "E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value,Address 1 - Formatted,Organization 1 - Name,Website 1 - Value"
)
OUTLOOK = (
    "Title,First Name,Middle Name,Last Name,Suffix,Company,Department,Job Title,Business Street,Business City,"
    "Business Fax,Business Phone,Home Phone,Mobile Phone,Other Phone,Account,Categories,E-mail Address,E-mail Type,"
    "E-mail Display Name,E-mail 2 Address,Gender,Language,Notes,Private,Web Page"
)
OUTLOOK_GERMAN = (
    "Anrede;Vorname;Weitere Vornamen;Nachname;Suffix;Firma;Abteilung;Position;Straße geschäftlich;Ort geschäftlich;"
    "Telefon geschäftlich;Telefon (privat);Mobiltelefon;E-Mail-Adresse;E-Mail-Typ;E-Mail: Angezeigter Name;"
    "E-Mail 2: Adresse;Notizen;Sprache;Webseite"
)
HUBSPOT = "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lead Status,Associated Company,Create Date"
HUBSPOT_COMPANIES = (
    "Record ID,Company name,Company owner,Phone Number,City,Country/Region,Industry,Website URL,Street address"
)
SALESFORCE = "Salutation,First Name,Last Name,Title,Account Name,Mailing Street,Mailing City,Phone,Email,Account Owner"
SALESFORCE_DATA = "Id,IsDeleted,Name,Type,BillingStreet,BillingCity,Phone,Fax,Website,Industry,Description,OwnerId"
SHOPIFY = (
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,"
    "Default Address City,Default Address Zip,Default Address Phone,Phone,Total Spent,Total Orders,Note,Tax Exempt,Tags"
)
DATABLIST = (
    "Index,Customer Id,First Name,Last Name,Company,City,Country,Phone 1,Phone 2,Email,Subscription Date,Website"
)
ORGANIZATIONS = "Index,Organization Id,Name,Website,Country,Description,Founded,Industry,Number of employees"
SALESFORCE_CONTACTS = "First Name,Last Name,Account Name,Phone,Mobile,Fax,Email"
ZOHO = "Record Id,Contact Owner.id,Contact Owner,First Name,Last Name,Account Name.id,Account Name,Email,Phone,Mobile"
PIPEDRIVE = (
    "Person - ID,Person - Name,Person - Label,Person - Organization,Person - Email - Work,Person - Email - Home,"
    "Person - Phone - Work,Person - Phone - Mobile,Person - Owner,Person - Closed deals"
)
PIPEDRIVE_NAMES = "Person - ID,Person - Name,Person - Phone,Person - Email"
XERO = (
    "*ContactName,AccountNumber,EmailAddress,FirstName,LastName,POAddressLine1,POCity,PhoneNumber,MobileNumber,"
    "TaxNumber,Website,Discount,CompanyNumber"
)
QUICKBOOKS = (
    "Our Company Inc,,,,,,\nCustomer Contact List,,,,,,\n,,,,,,\n"
    ",Customer full name,Phone numbers,Email,Full name,Bill address,Ship address"
)
DATEV = (
    '"EXTF";700;16;"Debitoren/Kreditoren";5;20241126100000000\n'
    "Konto;Name (Adressattyp Unternehmen);Name (Adressattyp natürl. Person);Vorname (Adressattyp natürl. Person);"
    "Adressattyp;EU-USt-IdNr.;Ort;Telefon;E-Mail;Internet;Zahlungsbedingung"
)
LEXWARE = (
    "Kundennr.;Anrede;Firma;Name;Vorname;PLZ;Ort;Telefon1;Telefax;Mobil;E-Mail;Internet;UStIdNr;Provision;Bemerkung"
)
SEVDESK = (
    "Kunden-Nr.;Anrede;Nachname;Vorname;Organisation;Umsatzsteuer-ID;Ort;Telefon;Mobil;E-Mail;Webseiten;Steuernummer"
)
SAP = "Kunde\tName 1\tName 2\tOrt\tPostleitzahl\tTelefon 1\tUSt-Id.Nr.\tZahlungsbed.\tSteuernummer 1"
PEOPLE_GERMAN = "Name;Vorname;Telefon;E-Mail"

# By program: the heading row, two rows, what a person must say, and what stands in the customers then.
EXPORTS: dict[str, tuple[str, list[str], list[str], list[dict[str, Any]]]] = {
    "Google Contacts": (
        GOOGLE,
        ["Ada,,Lovelace,,,,,,,,Engines Ltd,Countess,,,A note,,* myContacts,* Work,ada@b,Mobile,+44 1,Home,\"1 Main St\nLondon\","
         "1 Main St,London,Profile,https://a.example",
         "Alan,,Turing,,,,,,,,,,,,,,* myContacts,* ,t@b,,,,,,,,"],
        [],
        [{"customer_name": "Engines Ltd", "first_name": "Ada", "email_id": "ada@b", "mobile_no": "+44 1",
          "primary_address": "1 Main St\nLondon", "website": "https://a.example", "customer_details": "A note"},
         {"customer_name": "Alan Turing", "last_name": "Turing", "email_id": "t@b"}],
    ),
    "Google Contacts, before 2023": (
        GOOGLE_OLD,
        ["Ada Lovelace,Ada,,Lovelace,,Female,,en,,* My Contacts,* Work,ada@b,Mobile,+44 1,1 Main St,Engines,a.example",
         "Alan Turing,Alan,,Turing,,,,,,,,,,,,,"],
        [],
        [{"customer_name": "Ada Lovelace", "gender": "Female", "email_id": "ada@b", "primary_address": "1 Main St"},
         {"customer_name": "Alan Turing"}],
    ),
    "Outlook": (
        OUTLOOK,
        ["Ms.,Ada,,Lovelace,,Engines Ltd,,,1 Main St,London,,+44 2,,+44 1,,,,ada@b,SMTP,Ada (ada@b),,Female,,,FALSE,a.example",
         ",Alan,,Turing,,,,,,,,+44 3,,,,,,t@b,SMTP,Alan (t@b),,,,,FALSE,"],
        ["--map", "Mobile Phone+Business Phone=mobile_no"],
        [{"customer_name": "Engines Ltd", "mobile_no": "+44 1 +44 2", "email_id": "ada@b", "website": "a.example"},
         {"customer_name": "Alan Turing", "mobile_no": "+44 3"}],
    ),
    "Outlook in German": (
        OUTLOOK_GERMAN,
        ["Frau;Ada;;Müller;;Maschinen GmbH;;;Hauptstr. 1;Köln;+49 2;;+49 1;ada@b;SMTP;Ada;;Notiz;;a.example",
         "Herr;Alan;;Groß;;;;;;;+49 3;;;t@b;SMTP;Alan;;;;"],
        [],
        [{"customer_name": "Maschinen GmbH", "gender": "Frau", "mobile_no": "+49 1", "email_id": "ada@b",
          "customer_details": "Notiz", "website": "a.example"},
         {"customer_name": "Alan Groß", "gender": "Herr", "email_id": "t@b"}],
    ),
    "HubSpot": (
        HUBSPOT,
        ["101,Ada,Lovelace,ada@b,+44 1,Olga Owner,New,Engines Ltd,2024-01-01 10:00", "102,Alan,Turing,t@b,,,,,"],
        [],
        [{"customer_name": "Engines Ltd", "account_manager": "Olga Owner", "mobile_no": "+44 1"},
         {"customer_name": "Alan Turing", "email_id": "t@b"}],
    ),
    "HubSpot companies": (
        HUBSPOT_COMPANIES,
        ["201,Engines Ltd,Olga Owner,+44 1,London,UK,Machinery,engines.example,1 Main St", "202,Beta,,,,,,,"],
        ["--map", "Street address+City+Country/Region=primary_address", "--map", "Record ID=customer_pos_id"],
        [{"customer_name": "Engines Ltd", "primary_address": "1 Main St, London, UK", "website": "engines.example",
          "industry": "Machinery", "customer_pos_id": "201"},
         {"customer_name": "Beta", "customer_pos_id": "202"}],
    ),
    "Salesforce report": (
        SALESFORCE,
        ["Ms.,Ada,Lovelace,CTO,Engines Ltd,1 Main St,London,+44 1,ada@b,Olga Owner", ",Alan,Turing,,Beta,,,,,"],
        [],
        [{"customer_name": "Engines Ltd", "account_manager": "Olga Owner", "email_id": "ada@b", "first_name": "Ada"},
         {"customer_name": "Beta", "last_name": "Turing"}],
    ),
    "Salesforce data export": (
        SALESFORCE_DATA,
        ["0015e00000AbCdE,false,Engines Ltd,Customer,1 Main St,London,+44 1,,engines.example,Machinery,Makes engines,0055e",
         "0015e00000AbCdF,false,Beta,Prospect,,,,,,,,0055e"],
        ["--map", "Id=customer_pos_id", "--map", "Type=customer_group"],
        [{"customer_name": "Engines Ltd", "customer_pos_id": "0015e00000AbCdE", "customer_group": "Customer",
          "customer_details": "Makes engines", "website": "engines.example"},
         {"customer_name": "Beta", "customer_group": "Prospect"}],
    ),
    "Shopify": (
        SHOPIFY,
        ["'7210448301122,Ada,Lovelace,ada@b,yes,Engines Ltd,1 Main St,London,E1,+44 2,+44 1,10.00,2,A note,no,vip",
         "'7210448301123,Alan,Turing,t@b,no,,,,,,,0.00,0,,no,"],
        ["--map", "Customer ID=customer_pos_id"],
        [{"customer_name": "Engines Ltd", "mobile_no": "+44 1", "customer_details": "A note"},
         {"customer_name": "Alan Turing", "email_id": "t@b"}],
    ),
    "Salesforce contacts": (
        SALESFORCE_CONTACTS,
        ["Ada,Lovelace,Engines Ltd,+44 1,+44 2,,ada@b", "Alan,Turing,,,,,"],
        [],
        [{"customer_name": "Engines Ltd", "mobile_no": "+44 2"}, {"customer_name": "Alan Turing"}],
    ),
    "Zoho contacts": (
        ZOHO,
        ["zcrm_1,zcrm_9,Olga,Ada,Lovelace,zcrm_5,Engines Ltd,ada@b,+44 1,+44 2", "zcrm_2,zcrm_9,Olga,,Turing,,,,+44 3,"],
        [],
        [{"customer_name": "Engines Ltd", "mobile_no": "+44 2", "account_manager": "Olga"}, {"customer_name": "Turing"}],
    ),
    "Pipedrive people": (
        PIPEDRIVE,
        ["1,Ada Lovelace,,Engines Ltd,ada@b,,+44 1,+44 2,Olga,0", "2,Alan Turing,,Beta,t@b,,,,Olga,0"],
        [],
        [{"customer_name": "Engines Ltd", "email_id": "ada@b", "mobile_no": "+44 2", "account_manager": "Olga"},
         {"customer_name": "Beta"}],
    ),
    "Pipedrive people without organizations": (
        PIPEDRIVE_NAMES,
        ["1,Ada Lovelace,+44 1,ada@b", "2,Alan Turing,,"],
        [],
        [{"customer_name": "Ada Lovelace", "email_id": "ada@b", "mobile_no": "+44 1"}, {"customer_name": "Alan Turing"}],
    ),
    "Xero": (
        XERO,
        ["Engines Ltd,00815,ada@b,Ada,Lovelace,1 Main St,London,+44 1,+44 2,GB123,engines.example,5.00,01234567",
         "Beta,,,,,,,,,,,,"],
        [],
        [{"customer_name": "Engines Ltd", "first_name": "Ada", "mobile_no": "+44 2", "tax_id": "GB123",
          "customer_primary_contact": None},
         {"customer_name": "Beta"}],
    ),
    "QuickBooks contact list": (
        QUICKBOOKS,
        [",Engines Ltd,Phone: (020) 7946,ada@b,Ada Lovelace,1 Main St,", ",Beta,,,,,"],
        [],
        [{"customer_name": "Engines Ltd", "email_id": "ada@b", "primary_address": "1 Main St"}, {"customer_name": "Beta"}],
    ),
    "DATEV": (
        DATEV,
        ["10001;Müller GmbH;;;2;123456789;Köln;0221 1;info@m;www.m.example;30", "10002;;Groß;Jörg;1;;;;;;"],
        [],
        [{"customer_name": "Müller GmbH", "mobile_no": "0221 1", "payment_terms": "30", "last_name": None},
         {"customer_name": "Jörg Groß", "last_name": "Groß", "first_name": "Jörg"}],
    ),
    "Lexware": (
        LEXWARE,
        ["10001;Firma;Müller GmbH;;;01067;Dresden;0351 1;;;info@m;www.m.example;DE123;7,5;Stammkunde",
         "10002;Herr;;Groß;Jörg;50667;Köln;0221 2;;0170 1;j@g;;;0,00;"],
        [],
        [{"customer_name": "Müller GmbH", "tax_id": "DE123", "default_commission_rate": 7.5, "customer_pos_id": "10001"},
         {"customer_name": "Jörg Groß", "last_name": "Groß", "mobile_no": "0170 1"}],
    ),
    "sevDesk": (
        SEVDESK,
        ["1001;;;;Müller GmbH;DE123;Dresden;0351 1;;info@m;www.m.example;", "1002;Herr;Groß;Jörg;;;;0221 2;0170 1;;;77/8"],
        [],
        [{"customer_name": "Müller GmbH", "tax_id": "DE123", "website": "www.m.example"},
         {"customer_name": "Jörg Groß", "tax_id": None, "mobile_no": "0170 1"}],
    ),
    "SAP": (
        SAP,
        ["0000100001\tMüller & Söhne\tGmbH\tDresden\t01067\t0351 1\tDE123\t0001\t", "0000100002\tBeta\t\tWien\t\t\t\t\t77/8"],
        ["--map", "Kunde=customer_pos_id"],
        [{"customer_name": "Müller & Söhne", "customer_pos_id": "0000100001", "mobile_no": "0351 1", "tax_id": "DE123"},
         {"customer_name": "Beta", "tax_id": None}],
    ),
    "German lists of people": (
        PEOPLE_GERMAN,
        ["Groß;Jörg;0221 2;j@g", "Müller;Änne;;"],
        [],
        [{"customer_name": "Jörg Groß", "last_name": "Groß", "first_name": "Jörg"}, {"customer_name": "Änne Müller"}],
    ),
    "Datablist customers": (
        DATABLIST,
        ["1,DD37Cf93aecA6Dc,Sheryl,Baxter,Rasmussen Group,East Leonard,Chile,229.077.5154,397.884.0519x718,z@b,2020-08-24,"
         "http://www.stephenson.com/",
         "2,1Ef7b82A4CAAD10,Preston,Lozano,,East Jimmy,Djibouti,5153435776,686-620-1820x944,v@b,2021-04-23,"],
        [],
        [{"customer_name": "Rasmussen Group", "mobile_no": "229.077.5154", "website": "http://www.stephenson.com/"},
         {"customer_name": "Preston Lozano", "email_id": "v@b"}],
    ),
    "Datablist organizations": (
        ORGANIZATIONS,
        ["1,FAB0d41d5b5d22c,Ferrell LLC,https://price.net/,Papua,Horizontal empowering,1990,Plastics,3498",
         "2,6A7EdDEa9FaDC52,Mckinney,http://hall.com/,Finland,User-centric,2015,Glass,4952"],
        [],
        [{"customer_name": "Ferrell LLC", "industry": "Plastics", "customer_details": "Horizontal empowering"},
         {"customer_name": "Mckinney", "website": "http://hall.com/"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", EXPORTS)
def test_goes_in_with_the_least_mapping(imported: Any, program: str) -> None:
    headings, rows, options, wanted = EXPORTS[program]
    ran = imported("\n".join([headings, *rows]) + "\n", "--ignore-unknown", *options)
    assert (ran.code, ran.counts) == (0, {"created": 2}), ran.said or ran.report
    stored = list(Customer.objects.order_by("created_at").values())
    assert [{name: one[name] for name in few} for one, few in zip(stored, wanted, strict=True)] == wanted
    unknown = [heading for heading, name in ran.report["mapping"].items() if not name]
    assert (unknown == []) is not any("left out, because" in warning for warning in ran.report["warnings"])


def test_of_several_telephone_numbers_the_best_known_is_taken(imported: Any) -> None:
    imported("Name,Business Phone,Mobile Phone\nA,1,2\n", "--ignore-unknown")
    imported("Name,Business Phone\nB,1\n")
    assert dict(Customer.objects.values_list("customer_name", "mobile_no")) == {"A": "2", "B": "1"}


@pytest.mark.parametrize(
    ("headings", "wanted"),
    [
        ("Phone,Mobile", "+2"),
        ("Mobile,Phone", "+1"),
        ("Telefon,Mobiltelefon", "+2"),
        ("Phone,Business Phone", "+1"),
        ("Phone,mobile_no", "+2"),
    ],
)
def test_a_mobile_phone_is_preferred_wherever_it_stands(imported: Any, headings: str, wanted: str) -> None:
    imported(f"Name,{headings}\nA,+1,+2\n", "--ignore-unknown")
    assert Customer.objects.get().mobile_no == wanted


def test_the_other_phones_are_told_with_how_to_keep_them(imported: Any) -> None:
    text = "Name,Phone,Mobile\nA,+1,+2\nB,+3,\n"
    ran = imported(text, "--ignore-unknown")
    assert ran.report["warnings"] == [
        "1 column was left out, because its meaning cannot be told: 'Phone'.",
        "mobile_no is taken from 'Mobile'. To keep the others beside it join them (--map 'Mobile+Phone=mobile_no').",
    ]
    imported(text, "--map", "Mobile+Phone=mobile_no", "--again")
    assert Customer.objects.filter(mobile_no__in=["+2 +1", "+3"]).count() == 2


def test_a_name_beside_no_first_name_is_the_customers(imported: Any) -> None:
    imported("Name,Nachname\nA,B\n")
    imported("Name,First name,Last name\nC,D,E\n")
    assert set(Customer.objects.values_list("customer_name", flat=True)) == {"A", "C"}


def test_what_was_left_out_is_named(imported: Any) -> None:
    ran = imported("Name,Colour,,Shape\nA,red,,round\n", "--ignore-unknown", "--map", "Shape=")
    assert ran.report["warnings"] == ["1 column was left out, because its meaning cannot be told: 'Colour'."]
    ran = imported("Name,Colour,Shape\nA,red,round\n", "--ignore-unknown")
    assert ran.report["warnings"] == [
        "2 columns were left out, because their meaning cannot be told: 'Colour', 'Shape'."
    ]
