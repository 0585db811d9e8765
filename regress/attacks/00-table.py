"""The table in README: no number is missing, every named test is there."""
import os, re

HERE = os.path.dirname(os.path.abspath(__file__))
LAST = 45
n = failed = 0


def ok(value, name):
    global n, failed
    n += 1
    failed += not value
    print("%sok %d - %s" % ("" if value else "not ", n, name))


def entries():
    """number -> [lines behind it]"""
    found = {}
    with open(HERE + "/README") as f:
        for line in f:
            m = re.match(r"(\d+) +\S", line)
            if m:
                found[int(m.group(1))] = lines = []
            elif found:
                lines.append(line.strip())
    return found


def holds(number, test):
    """Is the file there, and in it what the table says?"""
    m = re.match(r'test +(\S+)(?: +"(.*)")?$', test)
    path = os.path.join(HERE, "..", m.group(1)) if m else ""
    if not os.path.isfile(path):
        return False
    with open(path) as f:
        text = f.read()
    if m.group(2):
        return m.group(2).replace('\\"', '"') in text
    return re.search(r"attack %d\b|refused\(s, %d,|taken\(s, %d," %
                     (number, number, number), text) is not None


table = entries()
for i in range(1, LAST + 1):
    lines = table.get(i, [])
    tests = [l for l in lines if l.startswith("test ")]
    ok(tests, "attack %d has a test" % i)
    for t in tests:
        ok(holds(i, t), "attack %d: %s" % (i, t.split(None, 1)[1]))
ok(not [i for i in table if not 1 <= i <= LAST], "no other numbers")
print("1..%d" % n)
raise SystemExit(1 if failed else 0)
