/* The content of a message, as it comes: the header is kept, the body only looked at. */
#ifndef MILTER_MESSAGE_H
#define MILTER_MESSAGE_H

#include "base/bytes.h"
#include "policies/site.h"

struct message {
	struct bytes header;
	int64_t size;                     /* header and body so far */
	bool header_too_big;
	bool bare_newline;
	bool after_cr;                    /* the last byte of the body so far was a CR */
	bool kept;                        /* how the body begins is */
	struct bytes beginning;
	/* Where policies want to see all of it: a file without a name. */
	bool filed, header_written;
	bool lost;                        /* it could not be written */
	int file;
	int64_t most;                     /* bytes that are written down */
};

/* From now on what comes is written down as well, as far as the limits go, to a file in this directory. */
void message_keep(struct message *, const struct limits *, const char *directory);

/* From now on how the body begins is kept as well. */
void message_keep_beginning(struct message *);

/* All has come. */
void message_complete(struct message *);

/* `value` has its folds as LF. What is above the limit is not kept. */
void message_header(struct message *, const struct limits *, const char *name, const char *value);
void message_body(struct message *, const unsigned char *bytes, size_t length);

/* What is wrong with it for every list. */
struct verdict message_fault(const struct message *, const struct limits *);

/* Forgets the content, keeps the memory; and frees that as well. */
void message_reset(struct message *);
void message_free(struct message *);

#endif
