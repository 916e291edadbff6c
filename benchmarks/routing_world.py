"""What the routing benchmark asks and what it must hear: mappings in a database, and requests with their answers."""

from __future__ import annotations

import json
import sqlite3
import uuid
from pathlib import Path
from typing import Any

from trunkline.db.migrate import upgrade

SECRET = "the-secret-of-the-benchmark"
ASSISTANT = "5f1c0f0e-63a4-4c0e-8f4e-6f5a1b1d9c77"
WITHOUT_NUMBER = 2000
AT = "2026-01-01 00:00:00.000000"


def number_of(index: int) -> str:
    return f"+1{2000000000 + index}"


def voice_id_of(index: int) -> str:
    return str(uuid.UUID(int=(index + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4))


def restaurant_of(index: int) -> tuple[str, str]:
    return f"rst_{index:016d}", f"Trattoria No. {index}"


def database(folder: Path, numbers: int) -> str:
    """The URL of an SQLite file with so many mappings, and some restaurants that a batch can serve."""
    file = folder / f"{numbers}.sqlite"
    url = f"sqlite:///{file}"
    if file.exists():
        return url
    upgrade(url)
    connection = sqlite3.connect(file)
    connection.executescript("PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF")
    everyone = range(numbers + WITHOUT_NUMBER)
    connection.executemany(
        "INSERT INTO restaurants (id, name, api_key_hash, created_at) VALUES (?, ?, ?, ?)",
        ((*restaurant_of(i), f"{i:064d}", AT) for i in everyone),
    )
    connection.executemany(
        "INSERT INTO numbers (number, state, carrier, voice_id, put_aside_times, protected, created_at, updated_at)"
        " VALUES (?, 'in_service', 'twilio', ?, 0, FALSE, ?, ?)",
        ((number_of(i), voice_id_of(i), AT, AT) for i in range(numbers)),
    )
    connection.executemany(
        "INSERT INTO mappings (id, number, restaurant_id, active, source, created_at) VALUES (?, ?, ?, 1, 'owned', ?)",
        ((f"map_{i:016d}", number_of(i), restaurant_of(i)[0], AT) for i in range(numbers)),
    )
    connection.commit()
    connection.close()
    return url


def message(index: int) -> dict[str, Any]:
    """An assistant-request of about 3 kB, with the fields that recorded ones have."""
    number, voice_id = number_of(index), voice_id_of(index)
    org, call = str(uuid.UUID(int=7)), str(uuid.UUID(int=index + 10**6, version=4))
    unset = ("squadId", "workflowId", "credentialId", "server", "serverUrl", "fallbackDestination", "hooks", "sipUri")
    row = {
        "id": voice_id,
        "orgId": org,
        "assistantId": None,
        **dict.fromkeys(unset),
        "number": number,
        "createdAt": "2026-01-05T10:11:12.131Z",
        "updatedAt": "2026-02-05T10:11:12.131Z",
        "name": f"trunkline-1a2b3c4d-asg_{index:016d}",
        "provider": "twilio",
        "status": "active",
        "twilioAccountSid": "AC" + "0" * 32,
        "twilioAuthToken": "x" * 32,
        "providerResourceId": str(uuid.UUID(int=8)),
        "smsEnabled": False,
    }
    headers = {
        f"x-carrier-header-{n}": f"<sip:{number};user=phone@203.0.113.{n}:5060>;tag=as{n:032x}" for n in range(14)
    }
    return {
        "timestamp": 1772474405120,
        "type": "assistant-request",
        "call": {
            "id": call,
            "orgId": org,
            "createdAt": "2026-03-02T18:00:01.310Z",
            "updatedAt": "2026-03-02T18:00:01.310Z",
            "type": "inboundPhoneCall",
            "status": "ringing",
            "phoneCallProvider": "twilio",
            "phoneCallProviderId": "CA" + "0" * 32,
            "phoneCallTransport": "pstn",
            "phoneNumberId": voice_id,
            "assistantId": None,
            "squadId": None,
            "customer": {"number": "+14155550142"},
            "assistantOverrides": {"variableValues": headers},
        },
        "phoneNumber": row,
        "customer": {"number": "+14155550142"},
    }


def exchange(index: int, assistant: str) -> tuple[bytes, bytes]:
    """A request as it goes over the wire, and the body that must come back, built without the code under test."""
    body = json.dumps({"message": message(index)}, separators=(",", ":")).encode()
    head = (
        "POST /api/vapi/server HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nUser-Agent: axios/1.7.9\r\n"
        f"Accept: application/json\r\nX-Vapi-Secret: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    restaurant_id, name = restaurant_of(index)
    values = {"restaurant_id": restaurant_id, "restaurant_name": name, "called_number": number_of(index)}
    answer = {"assistantId": assistant, "assistantOverrides": {"variableValues": values, "metadata": values}}
    return head.encode() + body, json.dumps(answer, separators=(",", ":")).encode()
