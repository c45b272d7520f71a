"""Encodings that can only be guessed: the right one first, with words by which people recognize it."""

import random
import time
from pathlib import Path

import pytest

from overplane.files.sources import examined

WORDS = {
    "German": "Müller GmbH|Köln|Größe|Hauptstraße 5|Schröder & Söhne|Bäckerei Jäger|Würzburg|Österreich|Fußgänger|Lübeck",
    "French": "Société Générale|Électricité|Besançon|Hôtel de la Forêt|Château|Régie|Orléans|Noël|Lefèvre|François",
    "Polish": "Zakład Łódź|Kraków|Spółka Żółw|Gdańsk|Świętokrzyska|Poznań|Wrocław|Częstochowa|Źródło|Białystok|Wiśniewska",
    "Czech": "Dvořák|Český Krumlov|Plzeň|Příbram|Náměstí Míru|Škoda|Jiří Novák|Králové|Ústí nad Labem|Třebíč|Růžová|Žďár",
    "Russian": "Общество с ограниченной ответственностью|Ромашка|Москва|улица Ленина|Иванов Сергей|ООО «Заря»|Новосибирск",
    "Japanese": "株式会社山田製作所|東京都千代田区|大阪市北区|有限会社田中商店|鈴木一郎|ソフトウェア開発|サービス|さくら銀行|横浜市",
}
USUAL = {
    "German": ["cp1252", "mac-roman", "cp850"], "French": ["cp1252", "mac-roman", "cp850"], "Polish": ["cp1250", "iso8859-2"],
    "Czech": ["cp1250", "iso8859-2", "cp852"], "Russian": ["cp1251", "koi8-r", "cp866"], "Japanese": ["cp932", "euc-jp"],
}  # fmt: skip
CASES = [(language, encoding) for language, encodings in USUAL.items() for encoding in encodings]


def table(language: str, encoding: str, size: int) -> bytes:
    """Customers with such words, beside columns of ASCII."""
    dice, words = random.Random(language + encoding), WORDS[language].split("|")
    dice.shuffle(words)
    lines = ["name,mail,place"]
    while sum(map(len, lines)) < size:
        # Each word once, then at random.
        word = words[len(lines) - 1] if len(lines) <= len(words) else dice.choice(words)
        lines.append(f"{word},info@example.com,{dice.choice(['Main Street', *words])}" * max(1, size // 20_000))
    return "\n".join(lines).encode(encoding, "ignore")  # not all have the quotation marks


@pytest.mark.parametrize("size", [300, 1000, 1_000_000])
@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_the_right_encoding_comes_first(tmp_path: Path, language: str, encoding: str, size: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table(language, encoding, size))
    source = examined(path, "a.csv")
    first = source.readings[0]
    assert first.encoding == source.encoding
    assert path.read_bytes().decode(first.encoding) == path.read_bytes().decode(encoding)
    assert 1 <= len(first.words) <= 3
    assert all(word in path.read_bytes().decode(encoding) and not word.isascii() for word in first.words)
    assert len({reading.words for reading in source.readings}) == len(source.readings) <= 5


def test_what_a_guess_would_make_of_the_words_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("name\nMüller\nSöhne\n".encode("mac-roman"))
    source = examined(path, "a.csv")
    assert source.guess.startswith(
        "a.csv is not UTF-8. It seems to be mac-roman (Müller, Söhne); other encodings would"
    )
    assert "cp1252 (MŸller, Sšhne)" in source.guess


@pytest.mark.parametrize("content", ["a\n1\n", "a\nMüller\n", "a\nMüller\n" * 9 + "M\udcfcller\n"])
def test_utf_8_needs_no_confirmation(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    source = examined(path, "a.csv")
    assert (source.encoding, source.readings, source.guess) == ("utf-8-sig", (), "")


@pytest.mark.slow
def test_a_large_file_takes_no_longer_to_guess_than_to_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table("German", "cp1252", 1_000_000) * 20)
    began = time.process_time()
    assert examined(path, "a.csv").encoding == "cp1252"
    assert time.process_time() - began < 5  # it takes 1
