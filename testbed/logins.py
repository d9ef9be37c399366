"""Who has which password, as Postfix asks Dovecot: its authentication protocol, version 1.1, on a unix socket."""
import base64
import os
import socketserver
import threading


class Logins:
    def __init__(self, path, passwords, mechanisms=("PLAIN", "LOGIN")):
        self.passwords, self.mechanisms, self.asked = dict(passwords), mechanisms, []
        logins = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                logins.session(self)

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self.server = Server(str(path), Handler)
        os.chmod(path, 0o777)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def session(self, h):
        def say(*words):
            h.wfile.write(("\t".join(words) + "\n").encode())
        say("VERSION", "1", "1")
        for m in self.mechanisms:
            say("MECH", m, "plaintext")
        say("SPID", str(os.getpid()))
        say("CUID", "1")
        say("COOKIE", "0" * 32)
        say("DONE")
        users = {}
        for line in h.rfile:
            words = line.decode().rstrip("\n").split("\t")
            if words[0] == "AUTH":
                number, mechanism = words[1:3]
                response = next((w[5:] for w in words if w.startswith("resp=")), None)
                if mechanism == "LOGIN":
                    say("CONT", number, base64.b64encode(b"Username:").decode())
                else:
                    _, user, password = base64.b64decode(response).decode().split("\0")
                    self.decide(say, number, mechanism, user, password)
            elif words[0] == "CONT":
                number, text = words[1], base64.b64decode(words[2]).decode()
                if number in users:
                    self.decide(say, number, "LOGIN", users.pop(number), text)
                else:
                    users[number] = text
                    say("CONT", number, base64.b64encode(b"Password:").decode())

    def decide(self, say, number, mechanism, user, password):
        self.asked.append((mechanism, user))
        say("OK" if self.passwords.get(user) == password else "FAIL", number, f"user={user}")
