"""A small name server, which can be told to misbehave.  For tests only; the
Python standard library only.

    dns = Dns()                              # 127.0.0.1, UDP and TCP, PORT
    dns.add("far.example", MX="10 mx1.far.example")
    dns.add("mx1.far.example", A=["127.0.0.2"], AAAA="::1")
    dns.fault("slow.example", "silent")
    dns.queries                              # [(name, type, "udp"|"tcp")]

It answers as a forwarder does: CNAMEs are followed.  A name that is not
known is NXDOMAIN, one without the type has no records.  Values are text, or
bytes, which are the rdata as they are.  Faults of a name: nxdomain servfail
refused silent wrong-id cut (TC by UDP, all by TCP) truncated (TC always)
garbage empty loop (a compression pointer to itself) short (rdata cut off).
"""

import socket
import struct
import threading

PORT = 5300
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16,
         "AAAA": 28, "TLSA": 52}
NAMES = {v: k for k, v in TYPES.items()}
CHAIN_MAX = 12                  # CNAMEs in one answer


def name_bytes(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            label = label.encode("latin-1")
            out += bytes([len(label)]) + label
    return out + b"\0"


def rdata(kind, value):
    if isinstance(value, bytes):
        return value
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        preference, host = value.split(" ", 1)
        return struct.pack(">H", int(preference)) + name_bytes(host)
    if kind in ("CNAME", "NS"):
        return name_bytes(value)
    if kind == "TXT":
        data = value.encode()
        return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255]
                        for i in range(0, max(len(data), 1), 255))
    raise ValueError(kind)


class Dns:
    def __init__(self, host="127.0.0.1", port=PORT, ttl=60):
        self.names = {}
        self.faults = {}
        self.queries = []
        self.ttl = ttl
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((host, port))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((host, port))
        self.tcp.listen(64)
        threading.Thread(target=self._udp, daemon=True).start()
        threading.Thread(target=self._tcp, daemon=True).start()

    def add(self, name, **records):
        known = self.names.setdefault(name.lower(), {})
        for kind, values in records.items():
            if isinstance(values, (str, bytes)):
                values = [values]
            known.setdefault(kind, []).extend(values)

    def drop(self, name):
        self.names.pop(name.lower(), None)

    def fault(self, name, what):
        self.faults[name.lower()] = what

    def count(self, name, kind=None):
        return sum(q[0] == name and kind in (None, q[1])
                   for q in list(self.queries))

    def _answers(self, name, kind):
        """[(owner, type, rdata)], or None: no such name."""
        found = []
        for _ in range(CHAIN_MAX):
            known = self.names.get(name)
            if known is None:
                return found or None
            if kind in known or "CNAME" not in known:
                return found + [(name, kind, rdata(kind, v))
                                for v in known.get(kind, [])]
            found.append((name, "CNAME", rdata("CNAME", known["CNAME"][0])))
            name = known["CNAME"][0].lower()
        return found

    def _reply(self, query, way):
        ident, _, _ = struct.unpack(">HHH", query[:6])
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
            at += 1 + query[at]
        qtype = struct.unpack(">H", query[at + 1:at + 3])[0]
        question = query[12:at + 5]
        name = ".".join(labels).lower()
        kind = NAMES.get(qtype, str(qtype))
        self.queries.append((name, kind, way))
        fault = self.faults.get(name)
        if fault == "silent":
            return None
        rcode, flags, answers = 0, 0x8180, []
        if fault in ("servfail", "refused"):
            rcode = 2 if fault == "servfail" else 5
        elif fault != "empty":
            found = self._answers(name, kind)
            if found is None or fault == "nxdomain":
                rcode = 3
            answers = found or []
        body, n = b"", 0
        for owner, k, data in answers:
            owner = b"\xc0\x0c" if owner == name else name_bytes(owner)
            record = owner + struct.pack(">HHIH", TYPES[k], 1, self.ttl,
                                         len(data)) + data
            if len(body) + len(record) > 65000:
                break
            body, n = body + record, n + 1
        if fault == "loop":
            at = 12 + len(question) + len(body)
            body += struct.pack(">H", 0xc000 | at) + b"\0\x0f\0\1\0\0\0\x3c"
            n += 1
        if fault == "short":
            body = body[:-3]
        if fault == "truncated" or (way == "udp" and (
                fault == "cut" or len(body) > 1200)):
            flags, body, n = flags | 0x200, b"", 0
        if fault == "wrong-id":
            ident ^= 0x5555
        if fault == "garbage":
            return b"\xff" * 40
        return struct.pack(">HHHHHH", ident, flags | rcode, 1, n, 0,
                           0) + question + body

    def _udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            try:
                reply = self._reply(query, "udp")
                if reply is not None:
                    self.udp.sendto(reply, peer)
            except (OSError, ValueError, IndexError, struct.error):
                pass

    def _tcp(self):
        while True:
            try:
                s, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(s,),
                             daemon=True).start()

    def _serve(self, s):
        try:
            with s, s.makefile("rb") as f:
                while True:
                    head = f.read(2)
                    if len(head) < 2:
                        return
                    reply = self._reply(f.read(struct.unpack(">H", head)[0]),
                                        "tcp")
                    if reply is not None:
                        s.sendall(struct.pack(">H", len(reply)) + reply)
        except (OSError, ValueError, IndexError, struct.error):
            pass

    def stop(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
