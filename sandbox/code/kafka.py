"""As much of Kafka's protocol as it takes to make topics and to send a record, with nothing but the standard library.

A client's library would have to be built into the function; this needs no build. Layouts: kafka.apache.org/protocol.
"""

import socket
import ssl
import struct
import time

PRODUCE, METADATA, SASL_HANDSHAKE, CREATE_TOPICS, SASL_AUTHENTICATE = 0, 3, 17, 19, 36
TOPIC_ALREADY_EXISTS = 36
TIMEOUT_MS = 20_000


class KafkaError(Exception):
    """A broker refused."""


def string(text: str | None) -> bytes:
    if text is None:
        return struct.pack(">h", -1)
    encoded = text.encode()
    return struct.pack(">h", len(encoded)) + encoded


def sized(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


def array(items: list[bytes]) -> bytes:
    return struct.pack(">i", len(items)) + b"".join(items)


def varint(number: int) -> bytes:
    """Zigzag, seven bits a byte."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes(out) + bytes([rest])


def crc32c(content: bytes) -> int:
    """Castagnoli's polynomial, which zlib does not have."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(value: bytes, now_ms: int) -> bytes:
    """A record batch (version 2) of one record without key and headers."""
    record = b"\0" + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + varint(0)
    record = varint(len(record)) + record
    # Attributes, last offset, first and last time, no producer, one record.
    covered = struct.pack(">hiqqqhii", 0, 0, now_ms, now_ms, -1, -1, -1, 1) + record
    rest = struct.pack(">ibI", -1, 2, crc32c(covered)) + covered
    return struct.pack(">qi", 0, len(rest)) + rest


class Answer:
    """Reads an answer from its beginning."""

    def __init__(self, content: bytes):
        self.content = content
        self.at = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(">" + form, self.content, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def string(self) -> str | None:
        length = self.number("h")
        if length < 0:
            return None
        self.at += length
        return self.content[self.at - length : self.at].decode()

    def array(self, read) -> list:
        return [read() for _ in range(max(self.number("i"), 0))]


class Broker:
    """A connection to a broker, logged in with a token of MSK's IAM unless there is none."""

    def __init__(self, address: str, token: str | None):
        host, _, port = address.rpartition(":")
        self.token = token
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_MS / 1000 + 5)
        if token is not None:
            self.socket = ssl.create_default_context().wrap_socket(self.socket, server_hostname=host)
            self.log_in(token)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def call(self, api: int, version: int, body: bytes) -> Answer:
        request = struct.pack(">hhi", api, version, 1) + string("longshore-sandbox") + body
        self.socket.sendall(sized(request))
        (length,) = struct.unpack(">i", self.receive(4))
        answer = Answer(self.receive(length))
        answer.number("i")
        return answer

    def receive(self, length: int) -> bytes:
        content = b""
        while len(content) < length:
            part = self.socket.recv(length - len(content))
            if not part:
                raise KafkaError("the broker hung up")
            content += part
        return content

    def log_in(self, token: str) -> None:
        error = self.call(SASL_HANDSHAKE, 1, string("OAUTHBEARER")).number("h")
        if error:
            raise KafkaError(f"no login by OAUTHBEARER, error {error}")
        answer = self.call(SASL_AUTHENTICATE, 0, sized(f"n,,\x01auth=Bearer {token}\x01\x01".encode()))
        if error := answer.number("h"):
            raise KafkaError(f"the login was refused, error {error}: {answer.string()}")

    def metadata(self, topics: list[str]) -> tuple[dict, int, dict]:
        """Addresses of brokers, the controller's number, and leaders by topic and partition."""
        answer = self.call(METADATA, 1, array([string(topic) for topic in topics]))
        brokers = {}
        for node, host, port, _ in answer.array(
            lambda: (answer.number("i"), answer.string(), answer.number("i"), answer.string())
        ):
            brokers[node] = f"{host}:{port}"
        controller = answer.number("i")
        leaders = {}

        def partition(topic: str) -> None:
            answer.number("h")
            index, leader = answer.number("i"), answer.number("i")
            answer.array(lambda: answer.number("i"))
            answer.array(lambda: answer.number("i"))
            leaders[topic, index] = leader

        def one_topic() -> None:
            answer.number("h")
            topic = answer.string()
            answer.number("b")
            answer.array(lambda: partition(topic))

        answer.array(one_topic)
        return brokers, controller, leaders


def create_topics(bootstrap: str, token: str | None, topics: list[str]) -> None:
    """Makes topics of one partition, where they are not there yet. The controller does that."""
    with Broker(bootstrap, token) as broker:
        brokers, controller, _ = broker.metadata([])
    # -1: as many replicas as the cluster has by default. No assignments, no settings.
    wanted = [string(topic) + struct.pack(">ih", 1, -1) + array([]) + array([]) for topic in topics]
    with Broker(brokers[controller], token) as broker:
        answer = broker.call(CREATE_TOPICS, 4, array(wanted) + struct.pack(">ib", TIMEOUT_MS, 0))
    answer.number("i")
    for topic, error, message in answer.array(lambda: (answer.string(), answer.number("h"), answer.string())):
        if error not in (0, TOPIC_ALREADY_EXISTS):
            raise KafkaError(f"topic {topic} was not made, error {error}: {message}")


def send(bootstrap: str, token: str | None, topic: str, value: bytes) -> int:
    """Appends a record to a topic's first partition, on all its replicas. Its offset."""
    with Broker(bootstrap, token) as broker:
        brokers, _, leaders = broker.metadata([topic])
    if (topic, 0) not in leaders:
        raise KafkaError(f"there is no topic {topic}")
    records = array([struct.pack(">i", 0) + sized(batch(value, int(time.time() * 1000)))])
    body = string(None) + struct.pack(">hi", -1, TIMEOUT_MS) + array([string(topic) + records])
    with Broker(brokers[leaders[topic, 0]], token) as broker:
        answer = broker.call(PRODUCE, 3, body)
    # One topic, one partition.
    answer.number("i"), answer.string(), answer.number("i"), answer.number("i")
    if error := answer.number("h"):
        raise KafkaError(f"the record was refused, error {error}")
    return answer.number("q")
