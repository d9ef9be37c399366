"""A private rspamd that does nothing but sign, by DKIM and ARC, what is sent from a domain: the configuration of docs/dkim.md."""
import os
import pathlib
import subprocess

from .base import can_connect, end_process, free_port, unpacked, wait_until

SIGNING = """
  sign_local = true;
  sign_authenticated = true;
  use_domain = "envelope";
  use_esld = false;
  allow_hdrfrom_mismatch = true;
  allow_hdrfrom_mismatch_sign_networks = true;
  allow_username_mismatch = true;
"""


class Rspamd:
    def __init__(self, directory, key, name_server):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True)
        self.port, self.root = free_port(), unpacked("rspamd")
        share = self.root / "usr/share/rspamd"
        domain = f'domain {{ {key.domain} {{ path = "{key.path}"; selector = "{key.selector}"; }} }}'
        (self.dir / "suffixes").write_text("com\norg\n")      # the whole list takes it seconds to compile
        (self.dir / "rspamd.conf").write_text(f"""
options {{
  filters = "dkim";
  explicit_modules = ["dkim"];
  local_addrs = [127.0.0.0/8];
  disable_monitoring = true;
  dns {{ nameserver = ["{name_server.replace("@", ":")}"]; }}
  url_tld = "{self.dir}/suffixes";
  tempdir = "{self.dir}";
  hs_cache_dir = "{self.dir}";
  pidfile = "{self.dir}/pid";
  history_file = "{self.dir}/history";
  stats_file = "{self.dir}/stats";
  cache_file = "{self.dir}/cache";
  control_socket = "{self.dir}/control mode=0600";
}}
logging {{ type = "file"; filename = "{self.dir}/log"; level = "info"; }}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{self.port}";
  milter = yes;
  timeout = 60s;
  count = 1;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
lua = "{share}/rules/rspamd.lua";
modules {{ path = "{share}/plugins/"; }}
actions {{ reject = null; add_header = null; greylist = null; }}
dkim {{ }}
dkim_signing {{ {SIGNING} {domain} }}
arc {{ {SIGNING} {domain} }}
""")

    def start(self):
        share = self.root / "usr/share/rspamd"
        places = {"SHAREDIR": share, "RULESDIR": share / "rules", "LUALIBDIR": share / "lualib", "PLUGINSDIR": share / "plugins",
                  "WWWDIR": share / "www", **{n: self.dir for n in ("CONFDIR", "LOCAL_CONFDIR", "DBDIR", "RUNDIR", "LOGDIR")}}
        libraries = [str(self.root / "usr/lib/rspamd"), *map(str, self.root.glob("usr/lib/*-linux-gnu*"))]
        program = self.root / "usr/bin/rspamd"
        with open(self.dir / "out", "wb") as out:
            self.process = subprocess.Popen(
                [program, "-f", "-i", "-c", self.dir / "rspamd.conf", *(f"--var={k}={v}" for k, v in places.items())],
                env=dict(os.environ, LD_LIBRARY_PATH=":".join(libraries)), stdout=out, stderr=out, start_new_session=True)
        wait_until(lambda: self.process.poll() is not None or can_connect(("127.0.0.1", self.port)), 60, "rspamd")
        if self.process.poll() is not None:
            raise RuntimeError((self.dir / "out").read_text()[-3000:])

    def stop(self):
        end_process(self.process)
