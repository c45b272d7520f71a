"""What the same question costs at 10,000 and at 1,000,000 customers, and whether its plan reads the table from end to end.

Each line: median milliseconds through the whole application (Django's test client, no network) at both
sizes, their ratio, and the scans in the plans of all its statements.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import django
import psycopg
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.databases import start_postgresql

ROOT = Path(__file__).parent.parent
SIZES = (10_000, 1_000_000)
ROUNDS = 15
LIST = "/api/crm/customer"
WORDS = (
    "ARRAY['Alfa','Bravo','Delta','Echo','Foxtrot','Golf','Hotel','India','Kilo','Lima','Mike','Nordic','Oscar','Papa']"
)
FILL = f"""
INSERT INTO crm_customer (id, created_at, updated_at, customer_name, customer_type, customer_group, territory, tax_id, email_id, mobile_no,
  disabled, is_internal_customer, is_frozen, so_required, dn_required, version, search_text)
SELECT id, t, t, name, 'Company', 'group ' || i %% 12, 'territory ' || i %% 40, tax, mail, phone, i %% 50 = 0, false, false, false, false, 1,
  ' ' || upper(name) || E'\\n ' || upper(mail) || E'\\n ' || phone || E'\\n ' || tax || E'\\n '
  || regexp_replace(upper(name || ' ' || mail || ' ' || phone || ' ' || tax), '[^A-Z0-9]+', ' ', 'g')
FROM (SELECT i, 'customer_' || lpad(i::text, 26, '0') AS id, timestamptz '2020-01-01' + i * interval '97 seconds' AS t,
  ({WORDS})[1 + i %% 14] || ' ' || substr(md5(i::text), 1, 8) || ' ' || ({WORDS})[1 + (i / 14) %% 14] AS name,
  'DE' || lpad((i * 7919 %% 100000000)::text, 9, '0') AS tax, 'info' || i || '@c' || i %% 1000 || '.example' AS mail,
  '+49 30 ' || lpad((i * 31 %% 10000000)::text, 7, '0') AS phone
  FROM generate_series(1, %s::bigint) AS i) AS made
"""
QUESTIONS = {
    "retrieve": f"{LIST}/{{middle}}",
    "list, first page": LIST,
    "list, 100": f"{LIST}?limit=100",
    "cursor at the middle": f"{LIST}?starting_after={{middle}}",
    "cursor near the end": f"{LIST}?starting_after={{early}}",
    "cursor backwards": f"{LIST}?ending_before={{middle}}",
    "offset 0.9 n": f"{LIST}?offset={{far}}",
    "q, a rare word": f"{LIST}?q={{rare}}",
    "q, two words": f"{LIST}?q=nordic+{{rare}}",
    "q, a number's start": f"{LIST}?q={{tax}}",
    "email_id=": f"{LIST}?email_id=info4711@c711.example",
    "tax_id[in]=": f"{LIST}?tax_id[in]={{tax}},DE000000000",
    "customer_name=": f"{LIST}?customer_name=nobody",
    "customer_name[contains]=": f"{LIST}?customer_name[contains]={{rare}}",
    "customer_pos_id=": f"{LIST}?customer_pos_id=nobody",
    "id=": f"{LIST}?id={{middle}}",
    "created_at[gte]= (a day)": f"{LIST}?created_at[gte]=2020-01-05&created_at[lt]=2020-01-06",
    "updated_at[gte]= (a day)": f"{LIST}?updated_at[gte]=2020-01-05&updated_at[lt]=2020-01-06",
    "territory= (1 in 40)": f"{LIST}?territory=territory+7",
    "order_by=customer_name": f"{LIST}?order_by=customer_name",
    "order_by=-updated_at": f"{LIST}?order_by=-updated_at",
}
BACK_OFFICE = {
    "admin: list": "/admin/crm/customer/",
    "admin: list, a rare word": "/admin/crm/customer/?q={rare}",
    "admin: list, one territory": "/admin/crm/customer/?territory=territory+7",
    "admin: form": "/admin/crm/customer/{middle}/change/",
    "admin: dashboard": "/admin/",
}


def main() -> None:
    server = start_postgresql()
    try:
        results = [_at(server.url, size) for size in SIZES]
    finally:
        server.destroy()
    print(f"{'':28} {'10,000':>9} {'1,000,000':>10} {'ratio':>6}  plan at 1,000,000")
    for name in {**QUESTIONS, **BACK_OFFICE}:
        small, large = (result[name] for result in results)
        ratio = large["ms"] / small["ms"]
        queries = f"{large['queries']} queries, " if name in BACK_OFFICE else ""
        print(f"{name:28} {small['ms']:9.2f} {large['ms']:10.2f} {ratio:6.2f}  {queries}{large['plan']}")


def _at(url: str, size: int) -> dict[str, dict]:
    name = f"size_{size}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    own = url.rpartition("/")[0] + "/" + name
    environment = os.environ | {
        "DATABASE_URL": own,
        "DATA_DIR": f"/tmp/overplane-{name}",
        "DJANGO_SETTINGS_MODULE": "overplane.settings",
    }
    for command in ("migrate", "collectstatic"):
        arguments = [sys.executable, "manage.py", command, "--no-input", "-v", "0"]
        subprocess.run(arguments, cwd=ROOT, env=environment, check=True)
    with psycopg.connect(own, autocommit=True) as connection_:
        started = time.perf_counter()
        connection_.execute("DROP INDEX customer_search")
        connection_.execute(FILL, [size])
        connection_.execute("CREATE INDEX customer_search ON crm_customer USING gin (search_text gin_trgm_ops)")
        connection_.execute("VACUUM ANALYZE")
        print(f"filled {size} in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    output = subprocess.run(
        [sys.executable, "-m", "bench.growth", str(size)],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return json.loads(output)


def measure(size: int) -> dict[str, dict]:
    from overplane.api import keys  # noqa: PLC0415 (after django.setup)

    key = keys.mint("growth")[1]
    client = Client(headers={"authorization": f"Bearer {key}"}, SERVER_NAME="127.0.0.1")
    cursor = connection.cursor()

    def value(sql: str) -> str:
        cursor.execute(sql)
        return cursor.fetchone()[0]

    known = {
        "middle": f"customer_{size // 2:026d}",
        "early": f"customer_{50:026d}",
        "far": size * 9 // 10,
        "rare": value(f"SELECT substr(md5('{size // 3}'), 1, 8)"),
        "tax": value(f"SELECT tax_id FROM crm_customer WHERE id = 'customer_{size // 3:026d}'"),
    }
    staff = Client(SERVER_NAME="127.0.0.1")
    staff.force_login(get_user_model().objects.create_superuser("growth", password=None))
    answers = {name: _question(client, url.format(**known)) for name, url in QUESTIONS.items()}
    return answers | {name: _question(staff, url.format(**known)) for name, url in BACK_OFFICE.items()}


def _question(client: Client, url: str) -> dict:
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(url)
    assert answer.status_code == 200, answer.content
    scans, asked = set(), list(captured.captured_queries)
    with connection.cursor() as cursor:
        for query in asked:
            if "crm_customer" not in query["sql"] or not query["sql"].startswith("SELECT"):
                continue
            cursor.execute("EXPLAIN " + query["sql"])
            text = "\n".join(line for (line,) in cursor.fetchall())
            scans |= {
                match.strip()
                for match in re.findall(
                    r"(\w+ Only Scan|Seq Scan on crm_customer\b|Bitmap Heap Scan|Index Scan)[^\n]*? (?:using (?:\w+))?",
                    text,
                )
            }
            scans |= set(re.findall(r"(?:using|Bitmap Index Scan on) (\w+)", text))
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        client.get(url)
        times.append((time.perf_counter() - started) * 1000)
    return {"ms": statistics.median(times), "queries": len(asked), "plan": ", ".join(sorted(scans))}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(measure(int(sys.argv[1]))))
