"""What is sendmail's own: our macros in Debian's configuration, what it lacks, and what it does when we are away."""
import re
import ssl
import subprocess

import pytest

from testbed import client, directory
from testbed.base import ROOT, free_port, unpacked, wait_until

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def test_the_example_in_force(make_site):
    """Debian's sendmail.mc with our lines, as shipped but for places and ports."""
    site = make_site(mta="sendmail", start=False)
    sm = site.mta
    text = (ROOT / "sendmail-cf/example.mc").read_text()
    private = f"""define(`MAIL_SETTINGS_DIR', `{sm.dir}/')dnl
define(`QUEUE_DIR', `{sm.queue}')dnl
define(`STATUS_FILE', `{sm.dir}/statistics')dnl
define(`confPID_FILE', `{sm.dir}/pid')dnl
define(`confTRUSTED_USER', `root')dnl
define(`confDOMAIN_NAME', `mail.example.com')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {site.sink.port}')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confTO_RESOLVER_RETRANS', `1s')dnl
FEATURE(`accept_unresolvable_domains')dnl
undefine(`ALIAS_FILE')dnl
"""
    theirs = unpacked("sendmail")
    autoconf = theirs / "usr/share/sendmail/cf/debian/autoconf.m4"
    cf_m4, domain = "include(`/usr/share/sendmail/cf/m4/cf.m4')dnl\n", "DOMAIN(`debian-mta')dnl\n"
    feature = "\nFEATURE(`rollcall', `lists.example.com')dnl\n"
    port = f"define(`ROLLCALL_DAEMON_OPTIONS', `Addr=127.0.0.1, Port={sm.reinject}')dnl"
    for old, new in ((cf_m4, f"include(`{sm.dir}/cf/m4/cf.m4')dnl\ninclude(`{autoconf}')dnl\n"),
                     (domain, domain + private),
                     ("Port=smtp", f"Addr=127.0.0.1, Port={sm.port}"),
                     ("Port=submission", f"Addr=127.0.0.1, Port={free_port()}"),
                     (feature, f"\n{port}\nFEATURE(`rollcall', `lists.example.com', `unix:{sm.sockets}/milter.sock', "
                               f"`unix:{sm.sockets}/lmtp.sock')dnl\n")):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (sm.dir / "local-host-names").touch()
    subprocess.run([theirs / "usr/libexec/sendmail/makemap", "-C", "/dev/null", "hash", sm.dir / "access.db"],
                   input="", text=True, env=sm.environment() | {"LD_PRELOAD": ""}, check=True)
    sm.text = lambda: text
    site.start()
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("stuff@lists.example.com") == "550 5.1.1"
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(4) == STAFF
