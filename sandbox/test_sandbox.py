"""python3 -m unittest discover --start-directory sandbox"""

import socket
import struct
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "code"))
import kafka  # noqa: E402


class FakeBroker:
    """Answers one connection after another: what it is told for each kind of request. Keeps the requests."""

    def __init__(self, answers: dict):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.answers = answers
        self.requests = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rb") as stream:
                while head := stream.read(4):
                    request = stream.read(struct.unpack(">i", head)[0])
                    api, version, correlation = struct.unpack(">hhi", request[:8])
                    self.requests.append((api, version, request[8 + 2 + len("longshore-sandbox") :]))
                    answer = struct.pack(">i", correlation) + self.answers[api](self)
                    connection.sendall(struct.pack(">i", len(answer)) + answer)

    def metadata(self) -> bytes:
        """One broker, number 7, which is the controller and leads partition 0 of the topic `known`."""
        host, port = self.address.split(":")
        partition = struct.pack(">hii", 0, 0, 7) + kafka.array([struct.pack(">i", 7)]) * 2
        topic = struct.pack(">h", 0) + kafka.string("known") + b"\0" + kafka.array([partition])
        broker = struct.pack(">i", 7) + kafka.string(host) + struct.pack(">i", int(port)) + kafka.string(None)
        return kafka.array([broker]) + struct.pack(">i", 7) + kafka.array([topic])


def created(*topics) -> bytes:
    return struct.pack(">i", 0) + kafka.array(
        [kafka.string(name) + struct.pack(">h", error) + kafka.string(None) for name, error in topics]
    )


def produced(error: int, offset: int) -> bytes:
    partition = struct.pack(">ihqq", 0, error, offset, -1)
    return kafka.array([kafka.string("known") + kafka.array([partition])]) + struct.pack(">i", 0)


class Sandbox(unittest.TestCase):
    def broker(self, api: int, answer: bytes) -> FakeBroker:
        return FakeBroker({kafka.METADATA: FakeBroker.metadata, api: lambda _: answer})

    def test_the_checksum_is_castagnolis(self):
        self.assertEqual(kafka.crc32c(b"123456789"), 0xE3069283)

    def test_numbers_are_zigzag(self):
        self.assertEqual([kafka.varint(number) for number in (0, -1, 1, 64, 300)], [b"\0", b"\1", b"\2", b"\x80\1", b"\xd8\4"])

    def test_a_batch_is_as_long_as_it_says_and_holds_the_value(self):
        batch = kafka.batch(b"value", 1_700_000_000_000)
        self.assertEqual(struct.unpack_from(">i", batch, 8)[0], len(batch) - 12)
        self.assertEqual(struct.unpack_from(">I", batch, 17)[0], kafka.crc32c(batch[21:]))
        self.assertTrue(batch.endswith(b"\x16\0\0\0\1\x0avalue\0"))

    def test_topics_are_made_and_those_that_are_there_are_fine(self):
        broker = self.broker(kafka.CREATE_TOPICS, created(("one", 0), ("two", kafka.TOPIC_ALREADY_EXISTS)))
        kafka.create_topics(broker.address, None, ["one", "two"])
        api, version, body = broker.requests[-1]
        self.assertEqual((api, version), (kafka.CREATE_TOPICS, 4))
        self.assertTrue(body.startswith(b"\0\0\0\2\0\3one\0\0\0\1\xff\xff\0\0\0\0\0\0\0\0\0\3two"))

    def test_a_topic_that_is_refused_is_an_error(self):
        broker = self.broker(kafka.CREATE_TOPICS, created(("one", 29)))
        with self.assertRaisesRegex(kafka.KafkaError, "topic one .* error 29"):
            kafka.create_topics(broker.address, None, ["one"])

    def test_a_record_is_sent_to_the_leader(self):
        broker = self.broker(kafka.PRODUCE, produced(0, 42))
        self.assertEqual(kafka.send(broker.address, None, "known", b"value"), 42)

    def test_a_record_that_is_refused_is_an_error(self):
        broker = self.broker(kafka.PRODUCE, produced(10, -1))
        with self.assertRaisesRegex(kafka.KafkaError, "error 10"):
            kafka.send(broker.address, None, "known", b"value")

    def test_a_topic_that_is_not_there_is_an_error(self):
        broker = self.broker(kafka.PRODUCE, produced(0, 0))
        with self.assertRaisesRegex(kafka.KafkaError, "no topic other"):
            kafka.send(broker.address, None, "other", b"value")


if __name__ == "__main__":
    unittest.main()
