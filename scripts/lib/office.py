"""A small office around a box, for tests of binaries and images: a provider with a mailbox, a smarthost, a time server, and
people who send and read mail. Everything on loopback; every wait has a deadline. Standard library only."""

import poplib
import re
import smtplib
import socket
import socketserver
import ssl
import struct
import threading
import time

USER, PASSWORD = "anna", "geheim-fuer-tests"
PROVIDER_USER, PROVIDER_PASSWORD = "office", "geheim-beim-provider"

# The box's own certificate is made by itself.
TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname = False
TRUSTING.verify_mode = ssl.CERT_NONE


class Failed(Exception):
    pass


def wait_for(what, seconds, ask):
    """What `ask` gives, once it is true; errors of the network mean: not yet."""
    until = time.monotonic() + seconds
    last = None
    while time.monotonic() < until:
        try:
            got = ask()
            if got:
                return got
        except (OSError, smtplib.SMTPException, poplib.error_proto, EOFError) as error:
            last = error
        time.sleep(0.2)
    raise Failed(f"{what}: not within {seconds} s" + (f" ({last!r})" if last else ""))


def serve(handler, host="127.0.0.1"):
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server((host, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Lines(socketserver.StreamRequestHandler):
    timeout = 120

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        try:
            self.talk()
        except (OSError, ConnectionError):
            pass


class Provider:
    """A POP3 mailbox. `messages` maps unique ids to bytes with CR LF."""

    def __init__(self):
        self.messages = {}
        provider = self

        class Pop3(Lines):
            def talk(self):
                self.say("+OK provider")
                kept, gone = list(provider.messages.items()), set()
                for line in self.rfile:
                    words = line.decode("latin-1").split()
                    verb = words[0].upper() if words else ""
                    number = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
                    alive = [(n, uid, text) for n, (uid, text) in enumerate(kept, 1) if n not in gone]
                    one = [row for row in alive if row[0] == number]
                    if verb == "CAPA":
                        self.say("+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.")
                    elif verb == "PASS":
                        self.say("+OK" if words[1:] == [PROVIDER_PASSWORD] else "-ERR wrong")
                    elif verb == "STAT":
                        self.say(f"+OK {len(alive)} {sum(len(text) for _, _, text in alive)}")
                    elif verb in ("UIDL", "LIST") and not number:
                        rows = [f"{n} {uid if verb == 'UIDL' else len(text)}" for n, uid, text in alive]
                        self.say("\r\n".join(["+OK", *rows, "."]))
                    elif verb in ("UIDL", "LIST", "RETR", "TOP", "DELE") and not one:
                        self.say("-ERR no such message")
                    elif verb in ("UIDL", "LIST"):
                        self.say(f"+OK {number} {one[0][1] if verb == 'UIDL' else len(one[0][2])}")
                    elif verb in ("RETR", "TOP"):
                        self.say("+OK")
                        self.wfile.write(re.sub(rb"(?m)^\.", b"..", one[0][2]) + b".\r\n")
                    elif verb == "DELE":
                        gone.add(number)
                        self.say("+OK")
                    elif verb == "QUIT":
                        for n in gone:
                            provider.messages.pop(kept[n - 1][0], None)
                        self.say("+OK")
                        return
                    else:
                        self.say("+OK" if verb in ("USER", "NOOP", "RSET") else "-ERR unknown")

        self.port = serve(Pop3).server_address[1]


class Smarthost:
    """Takes everything. `mails` are the texts as they came."""

    def __init__(self):
        self.mails = []
        smarthost = self

        class Smtp(Lines):
            def talk(self):
                self.say("220 smarthost ESMTP")
                for line in self.rfile:
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb == b"EHLO":
                        self.say("250-smarthost\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000")
                    elif verb == b"DATA":
                        self.say("354 go on")
                        text = []
                        for part in self.rfile:
                            if part == b".\r\n":
                                break
                            text.append(part[1:] if part.startswith(b".") else part)
                        smarthost.mails.append(b"".join(text))
                        self.say("250 taken")
                    elif verb == b"QUIT":
                        self.say("221 good-bye")
                        return
                    else:
                        self.say("250 fine")

        self.port = serve(Smtp).server_address[1]

    def got(self, mark):
        return sum(mark.encode() in mail for mail in self.mails)


class TimeServer:
    """SNTP with this machine's time."""

    def __init__(self):
        self.asked = 0
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]

        def answer():
            while True:
                question, peer = sock.recvfrom(512)
                if len(question) < 48:
                    continue
                seconds = time.time() + 2208988800
                now = struct.pack("!II", int(seconds), int(seconds % 1 * 2**32))
                head = bytes([0b00100100, 2, 6, 0xEC]) + bytes(12)
                sock.sendto(head + now + question[40:48] + now + now, peer)
                self.asked += 1

        threading.Thread(target=answer, daemon=True).start()


class Office:
    """The world around one box, and what its people do."""

    def __init__(self):
        self.provider, self.smarthost, self.clock = Provider(), Smarthost(), TimeServer()
        # Where the box is reached: service -> port on 127.0.0.1.
        self.ports = {}
        self.count = 0

    def settings(self, provider_host="127.0.0.1", more="", listen=""):
        """A file of settings; `provider_host` is how the box reaches this machine."""
        return f"""
[general]
host_name = "mail.office.example"
default_domain = "office.example"
local_domains = ["office.example"]
main_administrator = "{USER}"
{more}
[[users]]
name = "{USER}"
administrator = true
password = "{PASSWORD}"

[[connections]]
name = "Our provider"

[connections.sender]
hosts = [{{ host = "{provider_host}", port = {self.smarthost.port} }}]
encryption = "none"

[[collectors]]
name = "Office mailbox"
host = "{provider_host}"
port = {self.provider.port}
encryption = "none"
login = {{ user = "{PROVIDER_USER}", password = "{PROVIDER_PASSWORD}" }}
routing = {{ send-to = "{USER}" }}
{listen}"""

    def mark(self, what):
        self.count += 1
        return f"mark-{what}-{self.count}-{int(time.time() * 1000)}"

    @staticmethod
    def mail(to, mark, size=0):
        filling = "\r\n".join(["x" * 70] * (size // 72))
        return (
            f"From: someone@example.net\r\nTo: {to}\r\nSubject: {mark}\r\nMessage-ID: <{mark}@example.net>\r\n"
            f"\r\nBody of {mark}\r\n.dot\r\n{filling}\r\n"
        )

    def greeting(self, service="smtp", patience=10):
        with socket.create_connection(("127.0.0.1", self.ports[service]), timeout=patience) as sock:
            greeting = sock.recv(512)
            if greeting:
                sock.sendall(b"QUIT\r\n")
            return greeting

    def send_in(self, mark, patience=60):
        """As another mail server: port 25, STARTTLS."""
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"], timeout=patience) as smtp:
            smtp.starttls(context=TRUSTING)
            smtp.sendmail("someone@example.net", [f"{USER}@office.example"], self.mail(f"{USER}@office.example", mark))

    def send_out(self, mark, patience=60):
        """As somebody of the office: submission with login."""
        with smtplib.SMTP("127.0.0.1", self.ports["submission"], timeout=patience) as smtp:
            smtp.starttls(context=TRUSTING)
            smtp.login(USER, PASSWORD)
            smtp.sendmail(f"{USER}@office.example", ["customer@example.net"], self.mail("customer@example.net", mark))

    def read(self, delete=False, patience=60):
        """All mails of the mailbox, by POP3 over TLS."""
        pop3 = poplib.POP3_SSL("127.0.0.1", self.ports["pop3s"], timeout=patience, context=TRUSTING)
        pop3.user(USER)
        pop3.pass_(PASSWORD)
        mails = []
        for number in range(1, pop3.stat()[0] + 1):
            mails.append(b"\r\n".join(pop3.retr(number)[1]) + b"\r\n")
            if delete:
                pop3.dele(number)
        pop3.quit()
        return mails

    def has(self, mark):
        """Whether a mail is in the mailbox; wrong when it is not what was sent."""
        mails = [mail for mail in self.read() if mark.encode() in mail]
        for mail in mails:
            if f"\r\nBody of {mark}\r\n.dot\r\n".encode() not in mail:
                raise Failed(f"{mark} is not what was sent: {mail!r}")
        return mails

    def page(self, patience=10):
        """Status of the page's answer, 0 when there is none yet."""
        with socket.create_connection(("127.0.0.1", self.ports["web"]), timeout=patience) as sock:
            with TRUSTING.wrap_socket(sock) as tls:
                tls.sendall(b"GET / HTTP/1.1\r\nHost: pillarbox.local\r\nConnection: close\r\n\r\n")
                answer = tls.recv(64).split()
                return int(answer[1]) if len(answer) > 1 else 0
