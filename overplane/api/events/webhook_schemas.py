"""What is sent to an endpoint, in the top-level `webhooks` of the API's description."""

from overplane.api.schemas import COMPONENTS, MOMENT, TEXT, Schema
from overplane.events import types

TIMESTAMP: Schema = MOMENT | {"description": "The same as `created_at`: where Standard Webhooks has it."}
HEADERS = {
    "webhook-id": "The event's id: the same on every attempt, so that you can tell what you have already.",
    "webhook-timestamp": "When this attempt was made: seconds since 1970.",
    "webhook-signature": "`v1,` and base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`; after a roll of the secret two of"
    " them, with a blank between.",
}  # fmt: skip
ANSWERS = {
    "2XX": "It has arrived. The body is not read.",
    "410": "Disables the endpoint: it wants no more.",
    "default": "It is sent again later, and what follows of the same object, or of what it belongs to, waits for it. Redirects are not followed.",
}


def _also_thin(type_: str, data: Schema) -> Schema:
    """The data of an event, of whose object only the ids need be there: nothing else is with the payload `thin`."""
    object_schema = data["properties"]["object"]
    whole = COMPONENTS[object_schema["$ref"].rpartition("/")[2]] if "$ref" in object_schema else object_schema
    ids = [name for name in whole["required"] if name in ("id", types.subject_names.get(type_))]
    if ids == whole["required"]:
        return data
    return data | {"properties": data["properties"] | {"object": whole | {"required": ids}}}


def webhook(type_: str, event: Schema) -> Schema:
    """A POST of an event of this type, as it stands in the description."""
    properties = event["properties"] | {"data": _also_thin(type_, event["properties"]["data"]), "timestamp": TIMESTAMP}
    body = event | {"properties": properties, "required": [*event["required"], "timestamp"]}
    words = type_.replace("_", " ").replace(".", ": ")
    return {
        "post": {
            "operationId": "on" + "".join(part.title() for part in type_.replace(".", "_").split("_")),
            "summary": f"{words[:1].upper()}{words[1:]}",
            "description": f"{event['description']} Sent to the endpoints that chose `{type_}`; to those with the payload `thin` without values.",
            "tags": ["Webhook endpoints"],
            "security": [],
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": TEXT, "description": text}
                for name, text in HEADERS.items()
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {status: {"description": text} for status, text in ANSWERS.items()},
        }
    }
