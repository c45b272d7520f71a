import base64, hmac, http.server, time

KEY = base64.b64decode("whsec_...".removeprefix("whsec_"))


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        name, sent, given = (
            self.headers.get(f"webhook-{x}", "0") for x in ("id", "timestamp", "signature")
        )
        digest = hmac.digest(KEY, f"{name}.{sent}.".encode() + body, "sha256")
        own = "v1," + base64.b64encode(digest).decode()
        is_ours = any(hmac.compare_digest(own, one) for one in given.split())
        is_new = abs(time.time() - int(sent)) < 300
        self.send_response(204 if is_ours and is_new else 400)
        self.end_headers()
        if is_ours and is_new:
            print(body.decode(), flush=True)  # work with it later


http.server.HTTPServer(("127.0.0.1", 3000), Receiver).serve_forever()
