/*
 * The content that follows DATA (RFC 5321 section 4.1.1.4 and 4.5.2), as it comes off the wire:
 * finds its end, takes off the dots, and watches for line ends that are none. Only CR LF "." CR LF
 * is the end; every other sequence that some program takes for one is content, and marks the
 * message as one to refuse.
 */
#ifndef EXPANDER_INTAKE_CONTENT_H
#define EXPANDER_INTAKE_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

struct content {
	int state;                        /* 0: at the beginning */
	bool bare_newline;                /* a CR or LF stands alone somewhere */
	bool eight_bit;                   /* a byte above 127 stands somewhere */
	bool ended;
};

/*
 * Scans what has come and emits the message's bytes. Returns how many bytes belong to the content:
 * all, or up to its end.
 */
size_t content_scan(struct content *, const char *bytes, size_t length,
                    void (*emit)(void *arg, const char *bytes, size_t length), void *arg);

#endif
