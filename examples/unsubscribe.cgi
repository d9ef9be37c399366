#!/bin/sh
# What a web server calls where members leave by one click (docs/posts.md, "Leaving"). It must be run by the user
# that the daemons run as, who can read the keys and write what members want.
exec /usr/sbin/rollcallctl unsubscribe --cgi
