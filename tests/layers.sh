#!/bin/sh
# The walls of the tree: who includes whom, where foreign headers may stand, how long files, functions and lines get.
cd "$(dirname "$0")/.." || exit 1
failed=0
fail() { echo "$*" >&2; failed=1; }
files=$(find base mail sources policies queues milter expander console -name '*.[ch]')

layer() {
	case $1 in
	base) echo 0 ;; mail) echo 1 ;; sources) echo 2 ;; policies) echo 3 ;; queues) echo 4 ;;
	milter | expander | expander/*) echo 5 ;;
	console) echo 6 ;;
	*) echo 9 ;;
	esac
}

# An include names its own folder or a lower layer; the workers of the expander meet only in queues.
for f in $files; do
	from=$(dirname "$f")
	for included in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$f"); do
		to=$(dirname "$included")
		[ "$from" = "$to" ] && continue
		case $from:$to in
		expander/*:expander) continue ;;          # what the workers share
		expander:expander/*) [ "$f" = expander/main.c ] && continue ;;
		queues:sources | queues:policies) fail "$f: a queue does not know what a list is: $included" ;;
		esac
		[ "$(layer "$to")" -lt "$(layer "$from")" ] || fail "$f: $included is no lower layer"
	done
done

# Foreign libraries stay in the files that are named for them.
only() {
	header=$1 where=$2
	for f in $(grep -lE "^#include <$header>" $files); do
		echo "$f" | grep -qE "^($where)$" || fail "$f: <$header> belongs in $where"
	done
}
only 'ldap\.h|lber\.h' 'sources/ldap[a-z_]*\.[ch]'
only 'sqlite3\.h' 'sources/sql_sqlite\.c'
only 'lmdb\.h' 'sources/table_lmdb\.c'
only 'cdb\.h' 'sources/table_cdb\.c'
only 'postgresql/.*' 'sources/sql_postgresql\.c'
only 'libmilter/.*' 'milter/(hooks|main)\.c'
only 'jansson\.h' 'base/json\.c'
only 'yaml\.h' 'base/config\.c'
only 'pcre2\.h' 'base/pattern\.c'
only 'iconv\.h' 'mail/encoded\.c'
only 'openssl/.*' 'base/(cipher|digest|tls)\.c'
only 'unbound.*\.h' 'base/resolver\.c'
only 'opendkim/.*' 'mail/signatures\.c'
only 'libpsl\.h' 'mail/dmarc\.c'
only 'gmime/.*' 'mail/mime\.c'
only 'systemd/.*' 'base/notify\.c'
only 'idn2\.h|uni(str|case|norm|type|ctype)\.h' 'mail/(address|header|phrase|xtext)\.c'

# 500 lines a file, 60 a function; 110 columns.
for f in $files; do
	awk -v file="$f" '
	{ line = $0; at = 0; while ((i = index(line, "\t")) > 0) { at += i - 1; at += 8 - at % 8; line = substr(line, i + 1) }
	  if (at + length(line) > 110) { print file ":" FNR ": " at + length(line) " columns"; bad = 1 } }
	/^\{$/ { start = FNR }
	/^\}/ { if (start && FNR - start - 1 > 60) { print file ":" start ": a function of " FNR - start - 1 " lines"; bad = 1 } start = 0 }
	END { if (FNR > 500) { print file ": " FNR " lines"; bad = 1 } exit bad }' "$f" >&2 || failed=1
done

# Nothing is named only once: a reply that nobody gives, a header that nobody includes.
for r in $(sed -n 's/^\t\(REPLY_[A-Z_]*\),.*/\1/p' mail/reply.h); do
	[ "$(grep -lw "$r" $files | grep -vc '^mail/reply\.[ch]$')" -gt 0 ] || fail "mail/reply.h: nobody gives $r"
done
for h in $(find base mail sources policies queues milter expander console -name '*.h'); do
	grep -q "#include \"$h\"" $files || fail "$h: nobody includes it"
done
exit $failed
