"""Takes webhooks and writes a line for each, before it answers: moment, path, event, customer, version.

    python -m bench.receiver PORT FILE

A path that begins with /hang is never answered; /sometimes answers one event in forty with 503, the first time.
"""

import asyncio
import json
import os
import sys
import time
import zlib

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


async def main(port: int, file: str) -> None:
    refused: set[str] = set()
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length:")[2].partition("\r\n")[0])
                event = json.loads(await reader.readexactly(length))
                path = head.split(" ")[1]
                if path.startswith("/hang"):
                    await asyncio.sleep(60)
                is_unlucky = path.startswith("/sometimes") and zlib.crc32(event["id"].encode()) % 40 == 0
                if is_unlucky and event["id"] not in refused:
                    refused.add(event["id"])
                    writer.write(REFUSAL)
                    await writer.drain()
                    continue
                shown = event["data"]["object"]
                owner = shown.get("id") or shown.get("customer_id")  # a new order of rows has no id of its own
                line = f"{time.time()} {path} {event['id']} {owner} {event['object_version']} {shown.get('website') or '0'}\n"
                os.write(handle, line.encode())
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, reuse_port=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
