"""Which number an id of the voice platform is of, in 24 bytes each."""

from __future__ import annotations

HIGH = 0b11111  # with another byte, the bits that name one of 8,192 buckets
ID, RECORD = 16, 24  # bytes of a UUID; of one with its number behind it
Number = int | str


class VoiceIds:
    """A dictionary of UUIDs would take four times the memory. Here they lie side by side with their numbers, in the
    order in which they came, in buckets by their last bits, which are chance in every kind of UUID: an id is looked for
    in its bucket, of a million in three thousand bytes. What is no UUID, or is of no ordinary number, is kept apart."""

    def __init__(self) -> None:
        self._buckets: dict[int, bytearray] = {}
        self._odd: dict[str, Number] = {}

    def get(self, voice_id: str) -> Number | None:
        if self._odd and (odd := self._odd.get(voice_id)) is not None:
            return odd
        key = uuid_of(voice_id)
        bucket = self._buckets.get(_bucket(key)) if key else None
        if key is None or bucket is None or (at := _place(bucket, key)) < 0:
            return None
        return int.from_bytes(bucket[at + ID : at + RECORD])

    def set(self, voice_id: str, number: Number) -> None:
        key = uuid_of(voice_id)
        if key is None or isinstance(number, str):
            self._odd[voice_id] = number
            return
        if self._odd:
            self._odd.pop(voice_id, None)
        which = _bucket(key)
        bucket = self._buckets.get(which)
        if bucket is None:
            self._buckets[which] = bytearray(key + number.to_bytes(RECORD - ID))
        elif key not in bucket or (at := _place(bucket, key)) < 0:
            bucket += key + number.to_bytes(RECORD - ID)
        else:
            bucket[at + ID : at + RECORD] = number.to_bytes(RECORD - ID)


def uuid_of(voice_id: str) -> bytes | None:
    if len(voice_id) == 36:
        try:
            key = bytes.fromhex(voice_id.replace("-", ""))
        except ValueError:
            return None
        return key if len(key) == ID else None
    return None


def _bucket(key: bytes) -> int:
    return key[15] | (key[14] & HIGH) << 8


def _place(bucket: bytearray, key: bytes) -> int:
    """Where its record begins, -1 where it has none; the same bytes may lie across two others."""
    at = bucket.find(key)
    while at > 0 and at % RECORD:
        at = bucket.find(key, at + 1)
    return at
