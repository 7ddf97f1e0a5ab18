"""Adapter of the side-by-side harness for Pillarbox: writes its configuration and starts it in the foreground.

CANDIDATE_BIN names the binary. Everything is left as it comes out of the box, except what the workloads need: plain
ports on loopback, room for many sessions and large messages, and no page. With CANDIDATE_RULES=1 there are also a schedule,
domain filters, download rules, SMTP rules and mappings, of which each mail is asked and none matches. With
CANDIDATE_HOOKS=1 there is a script that is called for each mail that is sent.
"""
import os
import subprocess
from pathlib import Path

from harness import SINK_PORT, Adapter, Collector

BIN = os.environ.get("CANDIDATE_BIN", "")
WITH_HOOKS = bool(os.environ.get("CANDIDATE_HOOKS"))
WITH_RULES = bool(os.environ.get("CANDIDATE_RULES"))

# Argon2id of "pw", made beforehand, so that a start does not spend 50 ms on hashing.
PASSWORD = "$argon2id$v=19$m=19456,t=2,p=1$eDKC98EotoZXYNxIQVDiQA$ddg1hcKp49uKncELRVkDQqeebE6cAqgHMfyCUgL9lG0"

SMTP = """
[[smtp]]
listen = ["127.0.0.1:{port}"]
encryption = "none"
access = [{{ network = "127.0.0.0/8", no_auth = true }}]
max_message_size = 104857600
max_sessions = 6200
max_sessions_per_address = 0
"""

POP3 = """
[[pop3]]
listen = ["127.0.0.1:{port}"]
encryption = "none"
max_sessions = 1000
"""

CONNECTION = """
[[connections]]
name = "Smarthost"
paused = {paused}

[connections.sender]
hosts = [{{ host = "127.0.0.1", port = {sink} }}]
encryption = "none"
"""

COLLECTOR = """
[[collectors]]
name = "Provider"
host = "127.0.0.1"
port = {port}
encryption = "none"
login = {{ user = "bob", password = "pw" }}
leave_days = 0
routing = {{ send-to = "bob@sink.test" }}
"""

SMTP_RULES = """
[[smtp.rules]]
name = "Lottery"
action = "reject"
conditions = ["Subject: *you have won*", "MailFrom: *@lottery.example"]

[[smtp.rules]]
name = "Large and late"
action = "reject"
conditions = ["MessageSize: > 90000000", "TimeNow: 3:00-3:01"]
"""

FILTER = 'domain_filter = ["Skip: From=*@shop.example", "Skip: Header:X-Loop=*", "Skip: To=/^bounce-.*$/", "Attempt: All"]'

RULES = """
[[schedule.items]]
name = "Office hours"
every = 1

[[schedule.items]]
name = "Not at night"
connect_to = "deny-connection"
from = "03:00"
until = "03:01"

[[mappings]]
address = "sales-*@office.example"
target = "bob"

[[download_rules]]
name = "Lottery"
action = "silently-delete"
conditions = ["Subject: you have won", "From: /@lottery\\\\.example/"]

[[download_rules]]
name = "Huge"
action = "ignore"
conditions = ["MessageSize: > 90000000"]
"""

HOOK = """
function CheckFile(name, actions, size, created, from, recipients, headers, lines)
    return actions
end
"""

USER = f"""
[[users]]
name = "bob"
administrator = true
password = "{PASSWORD}"
"""


def general(local_domain):
    return f"""
[general]
host_name = "mx.bench.test"
default_domain = "{local_domain}"
local_domains = ["{local_domain}"]
main_administrator = "bob"

[web]
enabled = false
"""


def smtp(port):
    return SMTP.format(port=port) + (SMTP_RULES if WITH_RULES else "")


def connection(paused=False):
    text = CONNECTION.format(paused=str(paused).lower(), sink=SINK_PORT)
    return text + (FILTER + "\n" + RULES if WITH_RULES else "")


def collector(port):
    return COLLECTOR.format(port=port) + ("use_download_rules = true\n" if WITH_RULES else "")


def run(directory):
    return [BIN, "run", "--data", f"{directory}/data", "--config", f"{directory}/config.toml"]


class Candidate(Adapter):
    name, title, index = "candidate", "Pillarbox", 9
    caps = {"smtp", "relay", "pop3"}
    files = (BIN,)

    @staticmethod
    def available():
        return bool(BIN) and Path(BIN).exists()

    def configure(self, mode):
        (self.dir / "data").mkdir()
        text = general("sink.test" if mode == "serve" else "local.test") + smtp(self.smtp_port)
        if mode == "serve":
            text += POP3.format(port=self.pop3_port)
        else:
            text += connection(paused=mode == "accept")
        self.write("config.toml", text + USER)
        if WITH_HOOKS:
            (self.dir / "data" / "scripts").mkdir()
            self.write("data/scripts/relayout.lua", HOOK)

    def argv(self):
        return run(self.dir)

    def drain(self):
        subprocess.run([BIN, "queue", "retry", "--data", str(self.dir / "data")], capture_output=True, timeout=10)


class CandidateCollect(Collector):
    name, kinds = "candidate", ("smtp",)

    @staticmethod
    def available():
        return Candidate.available()

    def prepare(self, d, pop_port, kind):
        Path(d, "data").mkdir(exist_ok=True)
        # Services of its own on loopback: the usual ports may be taken.
        services = smtp(pop_port + 400) + POP3.format(port=pop_port + 401)
        text = general("local.test") + services + connection() + collector(pop_port) + USER
        Path(d, "config.toml").write_text(text)

    def argv(self, d):
        return run(d)

    def daemon(self):
        return True


PRODUCTS, COLLECTORS = [Candidate], [CandidateCollect]
