"""Who changes a long queue again and again does not stop deliveries: what is
ready goes back to the store for each piece of a change, but comes again."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import threading

from bigqueue import fill

MANY = 20000

with Server(retry="1h to 1h") as s:
    s.stop()
    fill(s, MANY, recipient="r%d@d.example")
    s.start()
    stop, ended = threading.Event(), []

    def change():
        while not stop.is_set():
            ended.append(s.ctl("hold", "sender", "nobody@example.org").text)
    threads = [threading.Thread(target=change) for i in range(6)]
    for t in threads:
        t.start()
    ok(until(lambda: len(ended) > 6), "changes come all the time")
    before = len(ended)
    for i in range(5):
        s.send()
    ok(s.wait_mail(5), "mail is delivered meanwhile")
    ok(until(lambda: len(ended) > before), "while changes go on")
    stop.set()
    for t in threads:
        t.join()
    ok(all(x.startswith("0 envelopes") for x in ended),
       "%d changes, none matched" % len(ended))
done()
