"""A private lighttpd with TLS that runs programs by CGI: the web server of a site whose members leave by one click."""
import http.client
import os
import pathlib
import ssl
import subprocess

from .base import can_connect, end_process, free_port, unpacked, wait_until


class Lighttpd:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        (self.dir / "root").mkdir(parents=True)
        self.port, self.root = free_port(), unpacked("lighttpd")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       cwd=self.dir, check=True, stderr=subprocess.DEVNULL)
        (self.dir / "lighttpd.conf").write_text(f"""
server.modules = ( "mod_cgi", "mod_openssl" )
server.bind = "127.0.0.1"
server.port = {self.port}
server.document-root = "{self.dir}/root"
server.errorlog = "{self.dir}/log"
server.breakagelog = "{self.dir}/said"
ssl.engine = "enable"
ssl.pemfile = "{self.dir}/cert.pem"
ssl.privkey = "{self.dir}/key.pem"
cgi.assign = ( ".cgi" => "" )
static-file.exclude-extensions = ( ".cgi" )
""")

    def start(self):
        libraries = [str(path) for path in self.root.glob("usr/lib/*-linux-gnu*")]
        modules = self.root / "usr/lib/lighttpd"
        with open(self.dir / "out", "wb") as out:
            self.process = subprocess.Popen(
                [self.root / "usr/sbin/lighttpd", "-D", "-m", modules, "-f", self.dir / "lighttpd.conf"],
                env=dict(os.environ, LD_LIBRARY_PATH=":".join(libraries)), stdout=out, stderr=out, start_new_session=True)
        wait_until(lambda: self.process.poll() is not None or can_connect(("127.0.0.1", self.port)), 30, "lighttpd")
        if self.process.poll() is not None:
            raise RuntimeError((self.dir / "out").read_text()[-3000:])

    def stop(self):
        end_process(self.process)

    def install(self, name, text):
        script = self.dir / "root" / name
        script.write_text(text)
        script.chmod(0o755)

    def ask(self, method, path, body=None, fields=None):
        """The answer, with its text."""
        trusted = ssl.create_default_context(cafile=self.dir / "cert.pem")
        connection = http.client.HTTPSConnection("localhost", self.port, context=trusted, timeout=30)
        connection.request(method, path, body, fields or {})
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer
