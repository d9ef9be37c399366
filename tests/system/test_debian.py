"""Debian's Postfix as it is shipped: master.cf unchanged, services chrooted, our two parts added."""
import pathlib

from testbed import client
from testbed.base import server_path

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def test_with_debians_master_cf_unchanged(port_25, make_site):
    master = pathlib.Path(server_path("/usr/share/postfix/master.cf.dist")).read_text()
    assert "smtp      inet  n       -       y" in master and "lmtp      unix  -       -       y" in master
    site = make_site(start=False, postfix={"base": master, "chroot": True})
    site.postfix.port = 25
    site.start()
    # Our part of master.cf went in as it is shipped, chrooted as well.
    shipped = (pathlib.Path(__file__).resolve().parents[2] / "postfix/master.cf.part").read_text()
    assert shipped.replace("127.0.0.1:10026", f"127.0.0.1:{site.postfix.reinject}") in site.postfix.services()
    with client.Client(("127.0.0.1", 25)) as c:
        c.mail("ann@example.com")
        assert c.rcpt("stuff@lists.example.com") == "550 5.1.1"
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(4) == STAFF
    assert "rollcall/lmtp.sock]" in site.postfix.log
