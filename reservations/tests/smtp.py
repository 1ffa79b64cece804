"""A local mail server that stores the messages it receives, or fails on request."""

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self, cast


class MailServer:
    """An SMTP server (RFC 5321) with just the commands needed to receive a message."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[str] = []
        """The addresses of the envelopes, in the order of ``received`` unless one is refused."""
        self.recipient_answer = "250 fine"
        self.hangs = threading.Event()
        """While set, the server receives messages but never acknowledges them."""
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.mails = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    mails: MailServer


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._mails = cast("_Server", self.server).mails
        try:
            self._answer("220 sink")
            while line := self.rfile.readline():
                self._handle_command(line.decode().strip())
        except OSError:
            pass  # The client was killed.

    def _handle_command(self, command: str) -> None:
        verb = command[:4].upper()
        if verb == "RCPT":
            self._mails.recipients.append(command.partition("<")[2].partition(">")[0])
            self._answer(self._mails.recipient_answer)
        elif verb == "DATA":
            self._answer("354 go on")
            self._read_message()
        elif verb == "QUIT":
            self._answer("221 bye")
        else:
            self._answer("250 fine")

    def _read_message(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        self._mails.received.append(message)
        if self._mails.hangs.is_set():
            self.rfile.read()  # returns when the client disconnects
        else:
            self._answer("250 fine")

    def _answer(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
