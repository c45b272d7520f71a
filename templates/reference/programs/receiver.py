import base64, hmac, http.server, time

KEY = base64.b64decode("whsec_..."[6:])


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        name, sent, given = (self.headers.get(f"webhook-{x}", "0") for x in ("id", "timestamp", "signature"))
        own = base64.b64encode(hmac.digest(KEY, f"{name}.{sent}.".encode() + body, "sha256"))
        is_ours = any(hmac.compare_digest(b"v1," + own, one.encode()) for one in given.split())
        is_good = is_ours and abs(time.time() - int(sent)) < 300
        self.send_response(204 if is_good else 400)
        self.end_headers()
        print(body.decode() if is_good else "Refused.", flush=True)


http.server.HTTPServer(("127.0.0.1", 3000), Receiver).serve_forever()
