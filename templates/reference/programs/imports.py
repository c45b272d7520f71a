import requests

API = "https://api.overplane.dev/api/crm/import"
KEY = {"Authorization": "Bearer sk_test_..."}


def send(method, path="", **options):
    response = requests.request(
        method, API + path, headers=KEY, timeout=60, **options
    )
    response.raise_for_status()
    return response


def wait_for(run, status):
    while run["status"] != status:
        run = send("GET", f"/{run['id']}?wait=25").json()
    return run


# 1. Upload it as a dry run, and wait for what comes of it.
file = b"name,email_id\nAcme,info@acme.example\nBravo,nobody\n"
options = {"dry_run": "true", "file_name": "new.csv"}
first = send("POST", params=options, data=file).json()
path = "/" + first["id"]
wait_for(first, "checked")

# 2. Every problem of the file.
for problem in send("GET", path + "/problem").json()["data"]:
    print(problem["row"], problem["column"], problem["message"])

# 3. Write the good rows.
applied = send("POST", path + "/apply", json={"skip_errors": True})
wait_for(applied.json(), "done")
print(send("GET", path + "/result").text)

# 4. Mend the others, and upload their file.
refused = send("GET", path + "/refused").content
mended = refused.replace(b"nobody", b"info@bravo.example")
wait_for(send("POST", data=mended).json(), "done")

# 5. Take the first one back.
wait_for(send("POST", path + "/undo").json(), "undone")
