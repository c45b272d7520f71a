"""What `q=` finds."""

from urllib.parse import quote

from tests.conftest import CUSTOMER, Api


def matching_names(api: Api, words: str) -> list[str]:
    """The names, newest first."""
    answer = api.get(f"{CUSTOMER}?q={quote(words)}")
    assert answer.status_code == 200, answer.content
    assert answer.json()["total"] == len(answer.json()["data"])
    return [one["customer_name"] for one in answer.json()["data"]]
