"""Columns that are parts of one address. They are offered to be joined where the file has no column of the whole."""

from collections.abc import Mapping, Sequence

from crm.transfer.headings import plain

ADDRESS = "primary_address"
# Of a first address; what is headed "Shipping street" is another one.
STREETS = (
    "street, street address, street 1, address 1, address line 1, straße, strasse, strasse und hausnummer, anschrift"
)
CITIES = "city, town, post town, suburb, locality, ort, stadt, wohnort"
OTHERS = (
    "house number, house no, hausnummer, hausnr, street 2, address 2, address line 2, adresszusatz, zip, zip code, postcode,"
    " postal code, plz, postleitzahl, state, province, county, region, bundesland, country, land"
)
# What may stand before them, as in "RegAddress.PostTown".
ADDRESSES = (
    "address, adresse, reg address, registered address, main address, primary address, hauptadresse, billing address"
)


def _known(texts: str) -> frozenset[str]:
    return frozenset(map(plain, texts.split(",")))


def with_address(fields: Mapping[str, str], headings: Sequence[str]) -> dict[str, str]:
    """`fields` by heading, and the parts of an address that nothing else is made of."""
    free = [heading for heading in headings if heading and not fields.get(heading)]
    words = {heading: _part(heading) for heading in free}
    is_whole = all(_known(part).intersection(words.values()) for part in (STREETS, CITIES))
    if ADDRESS in fields.values() or not is_whole:
        return dict(fields)
    parts = _known(f"{STREETS},{CITIES},{OTHERS}")
    return {**fields, **{heading: ADDRESS for heading in free if words[heading] in parts}}


def _part(heading: str) -> str:
    before, _, part = heading.rpartition(".")
    return plain(part if plain(before) in _known(ADDRESSES) else heading)
