# shellcheck shell=sh disable=SC2154
# What rollcall-postfix reads: Postfix's configuration in $config and the two parts in $parts, for the
# domains in $tmp/domains and the port $port. Nothing is changed here.

# ---- reading Postfix's configuration ----

# Queries: what postconf grumbles about is the site's business.
pc() { postconf -c "$config" "$@" 2>/dev/null; }

# A value with all that it refers to.
expanded() { pc -xh "$1"; }

# The value of a parameter in a file of main.cf's kind; fails where it has none.
value() {
	awk -v name="$1" '
	/^[ \t]*(#|$)/ { next }
	/^[ \t]/ { if (mine) text = text " " $0; next }
	{ mine = 0; at = index($0, "="); key = substr($0, 1, at - 1); gsub(/[ \t]/, "", key)
	  if (at && key == name) { mine = found = 1; text = substr($0, at + 1) } }
	END { gsub(/[ \t]+/, " ", text); sub(/^ /, "", text); sub(/ $/, "", text)
	  if (found) print text
	  exit !found }' "${2:-$config/main.cf}"
}

# From a list to its terms, one a line. Braces hold blanks and commas together.
terms() {
	awk '{ depth = 0; term = ""; n = length($0)
	  for (i = 1; i <= n + 1; i++) {
		c = i > n ? " " : substr($0, i, 1)
		depth += (c == "{") - (c == "}")
		if (depth == 0 && c ~ /[, \t]/) { if (term != "") print term; term = "" }
		else if (c !~ /[ \t]/ || term !~ / $/) term = term (c == "\t" ? " " : c)
	  } }'
}

# And back.
joined() { awk 'NR > 1 { printf ", " } { printf "%s", $0 } END { print "" }'; }

# The lines of stdin that are not in a file.
without() { if [ -s "$1" ]; then grep -vxF -f "$1" || :; else cat; fi; }

# What a list of tables says of a key: that of the first which knows it.
answer() {
	printf '%s\n' "$1" | terms | while read -r table; do
		case $table in *:*) ;; *) continue ;; esac
		if postmap -c "$config" -q "$2" "$table" 2>"$tmp/errors"; then
			break
		elif [ -s "$tmp/errors" ]; then
			say "note: $table cannot be asked about $2: $(sed 's/^[a-z/]*: //' "$tmp/errors" | tail -n 1)"
		fi
	done
}

# Whether a list of domains, patterns, files and tables has a domain.
has_domain() {
	printf '%s\n' "$1" | terms | while read -r term; do
		case $term in
		!*) ;;
		/*) grep -qixF -e "$2" "$term" 2>/dev/null && echo yes ;;
		*:*) [ -z "$(answer "$term" "$2")" ] || echo yes ;;
		.*) echo "$2" | grep -qF -e "$term" && echo yes ;;
		*) [ "$(echo "$term" | tr '[:upper:]' '[:lower:]')" != "$2" ] || echo yes ;;
		esac
	done | grep -q yes
}

# A line of master.cf with single blanks, and without its key where there is none.
service() { pc -M "$1" | tr -s ' \t' '  '; }

# Whether the site's services of a program are chrooted: y, n or -, which is Postfix's default.
chroot_of() {
	pc -M | grep -v 'syslog_name=postfix/rollcall' |
		awk -v first="$1" -v second="$2" '!($8 in chroot) { chroot[$8] = $5 }
		END { print (first in chroot) ? chroot[first] : (second in chroot) ? chroot[second] : "-" }'
}

# ---- reading the parts ----

# A value of main.cf.part for the wanted domains: what names the example is said once for each, and not
# at all where there are none.
part() {
	value "$1" "$parts/main.cf.part" | terms | awk -v example="$example" -v domains="$(joined <"${2:-$tmp/domains}")" '
	!index($0, example) { print; next }
	{ before = after = ""; item = $0
	  if (match($0, /\{ .* \}/)) {
		before = substr($0, 1, RSTART + 1); after = substr($0, RSTART + RLENGTH - 2)
		item = substr($0, RSTART + 2, RLENGTH - 4)
	  }
	  if (domains == "") next
	  at = index(item, example); n = split(domains, d, ", "); text = ""
	  for (i = 1; i <= n; i++)
		text = text (i > 1 ? ", " : "") substr(item, 1, at - 1) d[i] substr(item, at + length(example))
	  print before text after }' | joined
}

# The services of master.cf.part, one a line, chrooted where the site's own are.
part_services() {
	awk '/^[ \t]*(#|$)/ { next } /^[ \t]/ { line = line " " $0; next } { if (line) print line; line = $0 }
	END { print line }' "$parts/master.cf.part" |
		awk -v lmtp="$(chroot_of lmtp smtp)" -v smtpd="$(chroot_of smtpd smtp)" \
			-v cleanup="$(chroot_of cleanup smtpd)" -v from=":$example_port" -v to=":$port" '
		{ $5 = $8 == "lmtp" ? lmtp : $8 == "cleanup" ? cleanup : smtpd; at = index($1, from)
		  if (at) $1 = substr($1, 1, at - 1) to
		  $1 = $1; print }'
}
